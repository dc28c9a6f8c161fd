"""Cases as an operator may see and move them: ids, codes and times, without patients' data."""

from collections.abc import Mapping
from typing import Annotated

import typer

from priorauth.cli.common import AsJson, DataDir, opened, show
from priorauth.cli.providers import InEnvironment
from priorauth.commands import operating
from priorauth.commands.processing import expected_work
from priorauth.domain.authorizations import Authorization
from priorauth.domain.errors import UserFault
from priorauth.domain.lifecycle import Status
from priorauth.domain.organizations import Environment
from priorauth.queries.operating import Standing, standing
from priorauth.store.authorizations import Filter
from priorauth.store.transaction import Transaction

app = typer.Typer(help="Authorizations: where each is, and what its work does.", no_args_is_help=True)
Id = Annotated[str, typer.Argument(help="The authorization's id.")]


@app.command("list")
def list_authorizations(
    status: Annotated[Status | None, typer.Option(help="Only those of this status.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many, the newest first.")] = 50,
    environment: InEnvironment = Environment.SANDBOX,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """List the newest authorizations, with what their work does and the last fault."""
    narrowed = Filter(status=status)

    def operation(tx: Transaction) -> list[Standing]:
        return [
            standing(tx, each, *expected_work(tx, each.id))
            for each in tx.authorizations.newest(environment, narrowed=narrowed, limit=limit)
        ]

    with opened(data_dir, environment) as database:
        found = database.read_now(operation)
    show([_row(each) for each in found], as_json=as_json)


@app.command("show")
def show_authorization(authorization_id: Id, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Show one authorization: status, reason, work, last fault, and the newest entries of its timeline."""

    def operation(tx: Transaction) -> tuple[Standing, list[dict[str, object]]]:
        case = _required(tx, authorization_id)
        entries = tx.timeline.page(case.id, before=None, limit=20)
        told: list[dict[str, object]] = [
            {"at": each.occurred_at, "event": each.type, "code": each.details.get("code")} for each in entries
        ]
        return standing(tx, case, *expected_work(tx, case.id)), told

    with opened(data_dir) as database:
        found, entries = database.read_now(operation)
    if as_json:
        show([{**_row(found), **_more(found), "timeline": entries}], as_json=True)
        return
    for name, value in {**_row(found), **_more(found)}.items():
        typer.echo(f"{name:<14} {'-' if value is None else value}")
    typer.echo()
    show(entries, as_json=False)


@app.command("try-now")
def try_now(authorization_id: Id, data_dir: DataDir = None) -> None:
    """Let work that waits for its time begin now, such as after an outage. Approvals and bounds of sign-ins hold."""
    with opened(data_dir) as database:
        database.write_now(lambda tx: operating.begin_now(tx, authorization_id=_required(tx, authorization_id).id))
    typer.echo(f"The work of {authorization_id} begins as soon as a worker is free.")


@app.command("retry")
def retry(authorization_id: Id, data_dir: DataDir = None) -> None:
    """Start lost work again. What may have reached the payer is looked for there first; nothing is sent twice."""
    with opened(data_dir) as database:
        database.write_now(lambda tx: operating.retry(tx, authorization_id=_required(tx, authorization_id).id))
    typer.echo(f"The work of {authorization_id} is started again.")


def _required(tx: Transaction, authorization_id: str) -> Authorization:
    found = tx.authorizations.get(authorization_id)
    if found is None:
        raise UserFault(f"There is no authorization {authorization_id}. `priorauth authorizations list` lists them.")
    return found


def _row(found: Standing) -> Mapping[str, object]:
    case = found.case
    return {
        "id": case.id,
        "organization": case.organization_id,
        "payer": case.payer_id,
        "status": case.status.value,
        "work": found.work,
        "beginsAt": found.begins_at,
        "lastFault": found.last_fault,
        "lastFaultAt": found.last_fault_at,
    }


def _more(found: Standing) -> Mapping[str, object]:
    case = found.case
    return {
        "environment": case.environment,
        "outcome": case.outcome.value if case.outcome is not None else None,
        "reason": case.status_reason.code if case.status_reason is not None else None,
        "faultsInARow": case.journal.faults,
        "createdAt": case.created_at,
        "updatedAt": case.updated_at,
    }
