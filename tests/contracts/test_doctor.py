"""The doctor's promise: a sound installation has no fault, what is broken is named, and nothing is changed."""

import asyncio
import json
import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from pydantic import SecretStr
from typer.testing import CliRunner

from priorauth.bootstrap.doctor import data, examination, machine
from priorauth.bootstrap.doctor.findings import Finding, Level, findings
from priorauth.bootstrap.storage import blobs_of
from priorauth.cli.main import app
from priorauth.commands.record import enqueue_next
from priorauth.domain.errors import UserFault
from priorauth.domain.organizations import Environment
from priorauth.domain.portals.health import DOWN_AFTER, PortalHealth
from priorauth.settings import Settings
from priorauth.store import data_folder, tables
from priorauth.store.claims.objects import ClaimObjects, Content
from priorauth.store.claims.rows import ClaimRow
from priorauth.store.keeping import moved
from tests.factories import cases
from tests.factories.databases import Home
from tests.factories.servers import PROGRAM

# Whether a browser starts is asked once, below, since it takes a second.
MACHINE = {name: check for name, check in machine.CHECKS.items() if not name.startswith(("browser", "chromium"))}


@pytest.fixture
def settings(home: Home, tmp_path: Path) -> Settings:
    """The settings of the home's installation."""
    url = SecretStr(home.database.url) if home.database.url.startswith("postgresql") else None
    (tmp_path / "data").chmod(0o700)
    return Settings(data_dir=tmp_path / "data", database_url=url)


def examined(settings: Settings) -> dict[str, Finding]:
    """What all checks find."""
    with data.opened(settings) as there:
        return {**dict(findings(MACHINE, settings)), **dict(findings(data.CHECKS, there))}


def test_a_sound_installation_has_no_fault_and_stays_as_it_is(settings: Settings, tmp_path: Path) -> None:
    before = sorted(str(path) for path in (tmp_path / "data").rglob("*") if "priorauth.db" not in path.name)

    found = examined(settings)

    assert [name for name, each in found.items() if each.level is Level.FAULT] == []
    assert [name for name, each in found.items() if each.level is Level.WARNING] == ["credentials", "workers"]
    after = sorted(str(path) for path in (tmp_path / "data").rglob("*") if "priorauth.db" not in path.name)
    assert [path for path in after if path not in before] in ([], [str(tmp_path / "data" / "files")])


def spoil_schema(home: Home, _: Settings) -> None:
    home.database.write_now(
        lambda tx: tx.connection.execute(sa.text("UPDATE alembic_version SET version_num = '0001'"))
    )


def spoil_proof(home: Home, _: Settings) -> None:
    change = tables.installation.update().values(server_key_proof="of another key")
    home.database.write_now(lambda tx: tx.connection.execute(change))


def spoil_seal(home: Home, _: Settings) -> None:
    change = tables.installation.update().values(document=b"\x01sealed otherwise")
    home.database.write_now(lambda tx: tx.connection.execute(change))


def open_key(_: Home, settings: Settings) -> None:
    (settings.data_dir / "data.key").chmod(0o644)


def lose_key(_: Home, settings: Settings) -> None:
    (settings.data_dir / "server.key").unlink()


def find_restore(home: Home, _: Settings) -> None:
    home.database.write_now(lambda tx: tx.submission_claims.note_restore(now=home.clock.now))


def lose_submission(home: Home, settings: Settings) -> None:
    """The file store knows a submission of which no node has told the database yet."""
    objects = ClaimObjects(blobs_of(settings))
    content = Content(attempt_id="sub_1", worker="", claimed_at=home.clock.now, nonce="")
    asyncio.run(objects.create(ClaimRow("auth_1", 1, "sub_1", 1), content))


SPOILED: dict[str, tuple[Callable[[Home, Settings], None], str, str]] = {
    "an old schema": (spoil_schema, "database", "The schema is 0001, this version wants"),
    "another server's key": (spoil_proof, "sealing", "not the one that this installation began with"),
    "another data key": (spoil_seal, "sealing", "could not be checked"),
    "a restore that a node has found": (find_restore, "submissions", "Stop all nodes, run `priorauth mark-restored`"),
    "a restore that no node has found": (lose_submission, "submissions", "the file store knows submissions"),
    "a key that others may read": (open_key, "folder", "chmod go-rwx"),
}


@pytest.mark.parametrize(("spoil", "check", "said"), SPOILED.values(), ids=SPOILED)
def test_each_fault_is_named(
    home: Home, settings: Settings, spoil: Callable[[Home, Settings], None], check: str, said: str
) -> None:
    spoil(home, settings)
    finding = examined(settings)[check]
    assert (finding.level, said in finding.said) == (Level.FAULT, True), finding


def test_missing_keys_are_a_fault_and_are_not_made_up(home: Home, settings: Settings) -> None:
    lose_key(home, settings)
    assert machine.check_keys(settings).level is Level.FAULT
    assert machine.check_files(settings).level is Level.FAULT
    assert not (settings.data_dir / "server.key").exists()


def test_work_that_is_lost_or_waits_for_long_is_seen(home: Home, settings: Settings) -> None:
    owner, version = home.caller.organization_id, home.payer_version
    case = replace(cases.approved(home.clock), organization_id=owner, payer_version=version)
    home.database.write_now(lambda tx: tx.authorizations.add(case))
    assert case.id in examined(settings)["cases"].said

    home.database.write_now(lambda tx: enqueue_next(tx, case))
    found = examined(settings)
    assert (found["cases"].level, found["queue"].level) == (Level.OK, Level.OK)
    schema = "dbos." if settings.database_url else ""
    past = sa.text(f"UPDATE {schema}workflow_status SET created_at = created_at - 3600000")
    home.database.write_now(lambda tx: tx.connection.execute(past))
    assert "1 pieces of work wait, the oldest for 36" in examined(settings)["queue"].said


def test_a_portal_that_is_down_is_named(home: Home, settings: Settings) -> None:
    now = home.clock.now
    health = PortalHealth(
        portal="larkspur",
        address="http://portal.example",
        outages=DOWN_AFTER,
        faults=DOWN_AFTER,
        down_since=now - timedelta(hours=1),
        last_fault_at=now,
        next_try_at=now,
    )
    home.database.write_now(lambda tx: tx.portal_health.put(health))
    finding = examined(settings)["portals"]
    assert (finding.level, "larkspur" in finding.said) == (Level.WARNING, True)


def test_a_server_that_runs_is_seen(home: Home, settings: Settings) -> None:
    if settings.database_url is None:
        with data_folder.held(settings.data_dir):
            assert examined(settings)["workers"].level is Level.OK
    else:
        home.database.write_now(lambda tx: tx.workers.add("worker_1", url="http://127.0.0.1:1", lease_seconds=60))
        assert examined(settings)["workers"].level is Level.OK
        home.database.write_now(lambda tx: tx.workers.add("worker_2", url="http://127.0.0.1:1", lease_seconds=-1))
        assert examined(settings)["workers"].said == "1 workers are alive."


PRODUCTION = {"environment": Environment.PRODUCTION}


@pytest.mark.parametrize(
    ("given", "level"),
    [
        ({"public_base_url": "https://priorauth.example.org", **PRODUCTION}, Level.OK),
        ({"public_base_url": "http://priorauth.example.org", **PRODUCTION}, Level.FAULT),
        (PRODUCTION, Level.WARNING),
        ({}, Level.OK),
    ],
)
def test_the_address_is_judged(given: dict[str, object], level: Level) -> None:
    assert machine.check_address(Settings(**given)).level is level  # type: ignore[arg-type]


def test_pictures_of_patients_data_are_a_fault_in_production(tmp_path: Path) -> None:
    assert machine.check_screenshots(Settings(screenshots_dir=tmp_path, **PRODUCTION)).level is Level.FAULT  # type: ignore[arg-type]
    assert machine.check_screenshots(Settings(screenshots_dir=tmp_path)).level is Level.WARNING


def test_a_folder_whose_contents_moved_is_a_fault(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    moved.mark(tmp_path, to="postgresql://db.example/priorauth")
    assert "postgresql://db.example/priorauth" in machine.check_folder(Settings(data_dir=tmp_path)).said


@pytest.mark.browser
def test_the_command_says_a_line_a_check_and_fails_on_a_fault(tmp_path: Path) -> None:
    command = [*PROGRAM, "doctor", "--data-dir", str(tmp_path / "nothing")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    assert "fault    folder" in done.stdout
    found = subprocess.run([*command, "--json"], capture_output=True, text=True, check=False)
    levels = {each["check"]: each["level"] for each in json.loads(found.stdout)}
    assert levels["chromium"] == "ok"
    parts = {name.removeprefix("browser "): level for name, level in levels.items() if name.startswith("browser ")}
    assert {*parts} == {"network", "identity", "files", "sandbox", "memory", "resolver"}
    assert {*parts.values()} <= {"ok", "warning"}
    assert not (tmp_path / "nothing").exists()


def test_every_check_has_its_line_whatever_fails(home: Home, settings: Settings) -> None:
    _ = home
    broken = settings.model_copy(update={"database_url": SecretStr("postgresql://user@127.0.0.1:1/priorauth")})

    found = dict(examination.examine_data(broken))

    assert [*found] == [*data.CHECKS]
    assert found["database"].level is Level.FAULT


def test_a_check_that_fails_unforeseen_is_a_finding() -> None:
    def surprising(_: None) -> Finding:
        raise KeyError("surprise")

    found = dict(findings({"first": surprising, "second": lambda _: Finding(Level.OK, "Fine.")}, None))

    assert "surprise" in found["first"].said
    assert found["second"].level is Level.OK


@pytest.mark.parametrize("command", ["serve", "api", "worker"])
def test_production_does_not_start_in_a_fault_of_its_configuration(command: str, tmp_path: Path) -> None:
    environment = {
        "PRIORAUTH_ENVIRONMENT": "production",
        "PRIORAUTH_DATA_DIR": str(tmp_path / "data"),
        "PRIORAUTH_DATABASE_URL": "postgresql://user@127.0.0.1:1/priorauth",
        "PRIORAUTH_PUBLIC_BASE_URL": "http://priorauth.example",
        "PRIORAUTH_SCREENSHOTS_DIR": str(tmp_path),
    }

    refused = CliRunner().invoke(app, [command], env=environment)

    assert refused.exit_code == 1
    assert "address: http://priorauth.example carries keys" in refused.output
    assert "PRIORAUTH_START_DESPITE=address,screenshots starts it nevertheless" in refused.output
    assert not (tmp_path / "data").exists()


def test_a_fault_of_configuration_is_accepted_by_name(tmp_path: Path) -> None:
    production = Settings(
        data_dir=tmp_path, public_base_url="http://priorauth.example", environment=Environment.PRODUCTION
    )
    (tmp_path / "data.key").touch(mode=0o644)
    tmp_path.chmod(0o755)

    with pytest.raises(UserFault, match=r"folder: Others may read"):
        machine.require_configured(production.model_copy(update={"start_despite": "address"}))
    machine.require_configured(production.model_copy(update={"start_despite": "address,folder"}))
    machine.require_configured(production.model_copy(update={"environment": Environment.SANDBOX}))
