"""`priorauth credentials`: what goes in never comes out, and what cannot be done is told with what to do."""

import json
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from priorauth.cli.main import app
from priorauth.domain.portals.sign_ins import SignIns, Suspension
from priorauth.sandbox import catalog
from priorauth.store import data_folder
from priorauth.store.database import Database
from priorauth.store.databases import sqlite
from tests.factories.databases import copy_prepared
from tests.factories.logs import logging_as_before

PASSWORD, TOTP_SECRET = "rosebud-17 ", "gezd gnbv gy3t qojq"
ADD = ("add", "--payer", "larkspur-health", "--user-name", "cedar")


@pytest.fixture(autouse=True)
def undisturbed() -> Iterator[None]:
    """The commands decide how this process logs."""
    with logging_as_before():
        yield


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data folder with one organization."""
    copy_prepared(tmp_path)
    assert CliRunner().invoke(app, ["organizations", "create", "Cedar Hollow", "--data-dir", str(tmp_path)]).output
    return tmp_path


def run(folder: Path, *arguments: str, typed: str = "") -> Result:
    """Run the command with this standard input."""
    return CliRunner().invoke(app, ["credentials", *arguments, "--data-dir", str(folder)], input=typed)


def told(folder: Path, *arguments: str, typed: str = "") -> str:
    """Run a command that must succeed; return all that it prints."""
    done = run(folder, *arguments, typed=typed)
    assert done.exit_code == 0, done.output
    return done.output


def of_organization(folder: Path) -> list[dict[str, Any]]:
    """What `list` says of the organization's own credentials."""
    return [each for each in json.loads(told(folder, "list", "--json")) if each["organization"] is not None]


def test_a_credential_is_added_listed_replaced_and_removed_and_never_shown(folder: Path) -> None:
    ours = ("--organization", "Cedar Hollow", "--totp")
    said = told(folder, *ADD, *ours, typed=f"{PASSWORD}\r\n{TOTP_SECRET}\n")
    (row,) = of_organization(folder)
    assert (row["payer"], row["userName"], row["totp"]) == ("larkspur-health", "cedar", True)
    assert (row["provider"], row["replaced"], row["lastUsed"]) == (None, None, None)

    said += told(folder, "rotate", row["id"], "--user-name", "hollow", typed="another\n")
    (row,) = of_organization(folder)
    assert (row["userName"], row["totp"]) == ("hollow", True)
    assert row["replaced"] is not None
    said += told(folder, "rotate", row["id"], "--no-totp", typed="another\n")
    assert of_organization(folder)[0]["totp"] is False

    said += told(folder, "list") + told(folder, "list", "--json")
    said += told(folder, "remove", row["id"])
    assert of_organization(folder) == []
    assert not [secret for secret in ("rosebud", "another", "GEZD", "gezd") if secret in said]


def test_a_suspended_credential_is_shown_with_its_reason_and_released(folder: Path) -> None:
    told(folder, *ADD, "--organization", "Cedar Hollow", typed="rosebud-17\n")
    (row,) = of_organization(folder)
    assert (row["suspended"], row["suspensionReason"]) == (None, None)
    assert "was not suspended" in told(folder, "release", row["id"])
    suspension = Suspension(datetime(2026, 3, 2, 9, 30, tzinfo=UTC), "Refused.")
    with closing(Database(sqlite.database_url(folder), data_folder.sealer(folder))) as database:
        database.write_now(lambda tx: tx.credentials.put_sign_ins(row["id"], SignIns(suspension=suspension)))

    (row,) = of_organization(folder)
    assert (row["suspended"], row["suspensionReason"]) == ("2026-03-02T09:30:00Z", "Refused.")
    for command in ("rotate", "replace"):
        said = told(folder, command, row["id"], typed="rosebud-17\n")
        assert "stays suspended: these are secrets that the portal has refused" in said
        assert f"priorauth credentials release {row['id']}" in said
    examined = CliRunner().invoke(app, ["doctor", "--json", "--data-dir", str(folder)])
    assert examined.exit_code == 1
    assert "priorauth credentials release ID" in examined.output
    assert row["id"] in examined.output

    assert "signs in again" in told(folder, "release", row["id"])
    assert of_organization(folder)[0]["suspended"] is None


def test_the_sandbox_signs_in_everywhere_without_any_configuration(folder: Path) -> None:
    rows = json.loads(told(folder, "list", "--json"))
    assert {each["payer"] for each in rows} == {payer["id"] for payer in catalog.payers()}
    first = rows[0]["id"]
    told(folder, "rotate", first, typed="an operator's own\n")
    assert [each["id"] for each in json.loads(told(folder, "list", "--json"))] == [each["id"] for each in rows]

    told(folder, "remove", first)
    again = json.loads(told(folder, "list", "--json"))
    assert {each["payer"] for each in again} == {payer["id"] for payer in catalog.payers()}


@pytest.mark.parametrize(
    ("arguments", "typed", "message"),
    [
        (ADD, "\n", "The password is empty"),
        ((*ADD, "--totp"), "secret\n", "The TOTP secret is empty"),
        ((*ADD, "--totp"), "secret\n123456\n", "beside its QR code"),
        (ADD, "secret\nGEZDGNBVGY3TQOJQ\n", "--totp"),
        (("add", "--payer", "nobody", "--user-name", "cedar"), "secret\n", "Payers that there are: cinderfield-rx"),
        ((*ADD, "--provider", "1000000004"), "secret\n", "priorauth providers add"),
        ((*ADD, "--organization", "Nobody"), "secret\n", "priorauth organizations list"),
        (("add", "--payer", "larkspur-health", "--user-name", " "), "secret\n", "--user-name is empty"),
        (ADD, "secret\n", "priorauth credentials rotate cred_"),
        (("rotate", "cred_0"), "secret\n", "priorauth credentials list"),
        (("release", "cred_0"), "", "priorauth credentials list"),
        (("remove", "cred_0"), "", "priorauth credentials list"),
        ((*ADD, "--environment", "production"), "secret\n", "Payers that there are: none yet"),
    ],
)
def test_what_cannot_be_done_is_told_with_what_to_do(
    folder: Path, arguments: tuple[str, ...], typed: str, message: str
) -> None:
    done = run(folder, *arguments, typed=typed)

    assert done.exit_code == 1
    assert message in done.output
    assert "secret\n" not in done.output
    assert of_organization(folder) == []


@pytest.mark.parametrize("command", [ADD, ("rotate", "cred_0")])
@pytest.mark.parametrize("option", ["--password", "--totp-secret"])
def test_no_option_takes_a_secret(folder: Path, command: tuple[str, ...], option: str) -> None:
    done = run(folder, *command, option, "rosebud")

    assert done.exit_code == 2
    assert "No such option" in done.output
