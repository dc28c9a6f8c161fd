"""An operator sees where a case is without a patient's data, and moves work that waits or is lost: once."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from priorauth.cli.main import app
from priorauth.commands import operating
from priorauth.commands import processing as moves
from priorauth.commands.record import enqueue_next
from priorauth.domain.authorizations import Authorization
from priorauth.domain.errors import UserFault
from priorauth.domain.events import SERVICE
from priorauth.domain.lifecycle import Status
from priorauth.store.transaction import Transaction
from priorauth.store.work import WorkState
from tests.factories import cases
from tests.factories.databases import Home


def stored(home: Home, case: Authorization) -> str:
    """Store a case with its work."""
    case = replace(case, organization_id=home.caller.organization_id, payer_version=home.payer_version)

    def operation(tx: Transaction) -> None:
        tx.authorizations.add(case)
        enqueue_next(tx, case)

    home.database.write_now(operation)
    return case.id


def lose_work(home: Home, authorization_id: str) -> None:
    """End the case's work as if the engine had given it up."""

    def operation(tx: Transaction) -> None:
        work, _, _ = moves.expected_work(tx, authorization_id)
        assert work is not None
        table = tx.work._table
        tx.connection.execute(table.update().where(table.c.workflow_uuid == work.id).values(status="ERROR"))

    home.database.write_now(operation)


def state(home: Home, authorization_id: str) -> tuple[str, WorkState, float | None]:
    """The id of the case's work, its state, and when it begins."""

    def operation(tx: Transaction) -> tuple[str, WorkState, float | None]:
        work, found, _ = moves.expected_work(tx, authorization_id)
        assert work is not None
        return work.id, found, tx.work.due_at(work.id)

    return home.database.read_now(operation)


def test_work_that_waits_for_its_time_begins_now_under_its_id(home: Home) -> None:
    case = stored(home, cases.submitted(home.clock))
    before = state(home, case)

    home.database.write_now(lambda tx: operating.begin_now(tx, authorization_id=case))

    after = state(home, case)
    assert before[2] is not None
    assert after[2] is not None
    assert (after[0], after[1]) == (before[0], WorkState.WAITING)
    assert after[2] < before[2]


def test_work_that_is_lost_is_started_again_once(home: Home) -> None:
    case = stored(home, cases.approved(home.clock))
    lost = state(home, case)[0]
    lose_work(home, case)

    with pytest.raises(UserFault, match="retry"):
        home.database.write_now(lambda tx: operating.begin_now(tx, authorization_id=case))
    home.database.write_now(lambda tx: operating.retry(tx, authorization_id=case))

    again, found, _ = state(home, case)
    assert (again != lost, found) == (True, WorkState.WAITING)
    with pytest.raises(UserFault, match="it waits"):
        home.database.write_now(lambda tx: operating.retry(tx, authorization_id=case))
    assert state(home, case)[0] == again


def test_work_that_runs_is_left_alone(home: Home) -> None:
    case = stored(home, cases.approved(home.clock))
    work = state(home, case)[0]

    def operation(tx: Transaction) -> None:
        table = tx.work._table
        change = table.update().where(table.c.workflow_uuid == work).values(status="PENDING", executor_id="worker_1")
        tx.connection.execute(change)

    home.database.write_now(operation)
    for command in (operating.begin_now, operating.retry):
        with pytest.raises(UserFault, match="worked on now, by worker_1"):
            home.database.write_now(lambda tx, command=command: command(tx, authorization_id=case))  # type: ignore[misc]
    assert state(home, case)[0] == work


def test_a_case_that_is_somebody_elses_move_has_nothing_to_retry(home: Home) -> None:
    case = stored(home, cases.in_status(Status.REQUIRES_INPUT, home.clock))

    with pytest.raises(UserFault, match="requires_input: the service has nothing to do"):
        home.database.write_now(lambda tx: operating.retry(tx, authorization_id=case))


def test_the_commands_show_ids_and_codes_and_no_patient(home: Home, tmp_path: Path) -> None:
    made = cases.approved(home.clock)
    case = stored(home, made)
    home.database.write_now(
        lambda tx: moves.note(
            tx,
            home.clock.moment(),
            authorization_id=case,
            event="channel_fault",
            actor=SERVICE,
            details={"code": "portal_timeout"},
        )
    )
    environment = {"PRIORAUTH_DATA_DIR": str(tmp_path / "data"), "PRIORAUTH_DATABASE_URL": None}
    if home.database.url.startswith("postgresql"):
        environment["PRIORAUTH_DATABASE_URL"] = home.database.url
    invoke = CliRunner().invoke

    listed = invoke(app, ["authorizations", "list", "--json"], env=environment)
    shown = invoke(app, ["authorizations", "show", case], env=environment)
    absent = invoke(app, ["authorizations", "show", "auth_none"], env=environment)

    (row,) = json.loads(listed.output)
    assert (row["id"], row["status"], row["work"], row["lastFault"]) == (
        case,
        "processing",
        "waiting",
        "portal_timeout",
    )
    assert "channel_fault" in shown.output
    for patients in ("Marlow", "Ashgrove", "LKS100000003", "M54.16"):
        assert patients in str(made.answers)
        assert patients not in listed.output + shown.output
    assert absent.exit_code == 1
    assert "There is no authorization auth_none" in absent.output
