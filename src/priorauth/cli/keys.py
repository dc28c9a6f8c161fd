"""API keys: created, listed, rotated, revoked. A key's text is shown once and stored nowhere."""

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from priorauth.cli.common import AsJson, DataDir, opened, show
from priorauth.domain.errors import UserFault
from priorauth.domain.organizations import ApiKey, Environment, Organization, Scope

app = typer.Typer(help="API keys.", no_args_is_help=True)

_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
KeyId = Annotated[str, typer.Argument(help="The key's id, as `priorauth keys list` shows it.")]


@app.command("create")
def create(
    *,
    organization: Annotated[str, typer.Option(help="The organization's name; a new one is created.")],
    environment: Annotated[
        Environment, typer.Option(envvar="PRIORAUTH_ENVIRONMENT", help="Where the key opens something.")
    ] = Environment.SANDBOX,
    scope: Annotated[
        list[Scope] | None, typer.Option(help="What it may do; repeatable. By default everything.")
    ] = None,
    expires: Annotated[str | None, typer.Option(help="When it ends: 90d, 12h, or a date. By default never.")] = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Create an API key. Its text is shown once and stored nowhere."""
    from priorauth.bootstrap import administration

    with opened(data_dir, environment) as database:
        key, text = administration.issue_key(
            database,
            organization_name=organization,
            environment=environment,
            scopes=tuple(scope) if scope else tuple(Scope),
            expires_at=_end(expires) if expires else None,
        )
    _show_new(key, text, organization=organization, as_json=as_json)


@app.command("list")
def list_keys(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """List all keys: whose they are, what they may do, when they end, when they were last used."""
    with opened(data_dir) as database:
        found = database.read_now(lambda tx: tx.organizations.keys())
    show([_row(owner, key) for owner, key in found], as_json=as_json)


@app.command("revoke")
def revoke(key_id: KeyId, data_dir: DataDir = None) -> None:
    """Take a key's rights away, at once, of a running server too."""
    from priorauth.commands import organizations as commands
    from priorauth.store.ids import present

    with opened(data_dir) as database:
        database.write_now(lambda tx: commands.revoke_key(tx, present(), key_id=key_id))
    typer.echo(f"{key_id} opens nothing any more.")


@app.command("rotate")
def rotate(
    key_id: KeyId,
    overlap: Annotated[str, typer.Option(help="How long the old key still works: 30m, 24h, 7d.")] = "24h",
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Create a key with the same rights; the old one ends after the overlap."""
    from priorauth.commands import organizations as commands
    from priorauth.store.ids import present

    with opened(data_dir) as database:
        key, text = database.write_now(
            lambda tx: commands.rotate_key(tx, present(), key_id=key_id, overlap=_span(overlap))
        )
        owners = dict(database.read_now(lambda tx: [(each.id, each.name) for each in tx.organizations.all()]))
    _show_new(key, text, organization=owners[key.organization_id], as_json=as_json)


def _show_new(key: ApiKey, text: str, *, organization: str, as_json: bool) -> None:
    if not as_json:
        typer.echo(text)
        return
    shown = {"id": key.id, "key": text, "organizationId": key.organization_id, "organization": organization}
    shown |= {"environment": key.environment}
    typer.echo(json.dumps({**shown, "scopes": key.scopes, "expiresAt": _time(key.expires_at)}))


def _row(owner: Organization, key: ApiKey) -> dict[str, object]:
    now = datetime.now(UTC)
    state = (
        "revoked" if key.revoked_at else "active" if key.is_usable(environment=key.environment, now=now) else "ended"
    )
    times = {"expires": key.expires_at, "lastUsed": key.last_used_at}
    shown = {"id": key.id, "organization": owner.name, "environment": key.environment.value, "state": state}
    return {**shown, "scopes": [each.value for each in key.scopes], **{name: _time(at) for name, at in times.items()}}


def _time(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if moment else None


def _end(text: str) -> datetime:
    if re.fullmatch(r"[0-9]+[mhd]", text):
        return datetime.now(UTC) + _span(text)
    try:
        ends = datetime.fromisoformat(text)
    except ValueError:
        raise UserFault(f"--expires {text}: write 90d, 12h, or a date such as 2027-01-31.") from None
    return ends if ends.tzinfo else ends.replace(tzinfo=UTC)


def _span(text: str) -> timedelta:
    found = re.fullmatch(r"([0-9]{1,5})([mhd])", text)
    if found is None:
        raise UserFault(f"{text}: write a time such as 30m, 24h or 7d.")
    return int(found[1]) * _UNITS[found[2]]
