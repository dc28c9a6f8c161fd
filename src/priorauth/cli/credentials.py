"""Credentials of payers' portals: what goes in never comes out. Secrets are typed, or read from standard input."""

import sys
from datetime import UTC, datetime
from typing import Annotated

import typer

from priorauth.cli.common import AsJson, DataDir, opened, show
from priorauth.cli.providers import InEnvironment
from priorauth.commands import credentials as commands
from priorauth.commands.credentials import Secrets
from priorauth.domain.credentials import Credential, read_totp_secret
from priorauth.domain.errors import UserFault
from priorauth.domain.organizations import Environment
from priorauth.store.access.rights import beside
from priorauth.store.ids import present
from priorauth.store.transaction import Transaction

app = typer.Typer(
    help="Credentials of payers' portals. Passwords and TOTP secrets are asked for; without a terminal they are read "
    "from standard input, a line each. They are never shown again.",
    no_args_is_help=True,
)
CredentialId = Annotated[str, typer.Argument(help="The credential's id, as `priorauth credentials list` shows it.")]


@app.command("add")
def add(
    *,
    payer: Annotated[str, typer.Option(help="The payer's id.")],
    user_name: Annotated[str, typer.Option(help="The user name at the payer's portal.")],
    organization: Annotated[
        str | None, typer.Option(help="The organization whose cases take it; by default all.")
    ] = None,
    provider: Annotated[
        str | None, typer.Option(help="The NPI of the provider whose cases take it; by default all.")
    ] = None,
    totp: Annotated[
        bool, typer.Option("--totp", help="Also ask for the TOTP secret, from which one-time codes are made.")
    ] = False,
    people_may_enter: Annotated[
        bool,
        typer.Option(
            "--people-may-enter",
            help="Let people watch and act in its sessions, although it is used for more than one organization.",
        ),
    ] = False,
    environment: InEnvironment = Environment.SANDBOX,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Add an account at a payer's portal. A case takes the one that names the most of its organization and provider."""
    with opened(data_dir, environment) as database:
        asked = _Asked()
        secrets = Secrets(_user_name(user_name), asked.password(), asked.totp_secret() if totp else None)
        asked.finish()
        made = database.write_now(
            lambda tx: commands.add(
                tx,
                present(),
                environment=environment,
                payer_id=payer,
                secrets=secrets,
                organization=organization,
                provider_npi=provider,
                people_may_enter=people_may_enter or None,
            )
        )
        show([database.read_now(lambda tx: _row(tx, made))], as_json=as_json)


@app.command("list")
def list_credentials(
    environment: InEnvironment = Environment.SANDBOX, data_dir: DataDir = None, as_json: AsJson = False
) -> None:
    """List all credentials: whose they are, when they last signed in, and which are suspended, with the reason.

    Their secrets are not shown.
    """
    with opened(data_dir, environment) as database:
        rows = database.read_now(lambda tx: [_row(tx, each) for each in tx.credentials.all(environment)])
    show(rows, as_json=as_json)


@app.command("rotate")
def rotate(
    credential_id: CredentialId,
    user_name: Annotated[str | None, typer.Option(help="Another user name; by default the same.")] = None,
    totp: Annotated[
        bool | None, typer.Option("--totp/--no-totp", help="Another TOTP secret, or none; by default the same.")
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Give a credential another password, at once; its next session signs in anew. `replace` is the same."""
    with opened(data_dir) as database:
        former = database.read_now(lambda tx: commands.require(tx, credential_id))
        asked = _Asked()
        secrets = Secrets(
            former.user_name if user_name is None else _user_name(user_name),
            asked.password(),
            (asked.totp_secret() if totp else None) if totp is not None else former.totp_secret,
        )
        asked.finish()
        database.write_now(lambda tx: commands.rotate(tx, present(), credential_id=credential_id, secrets=secrets))
        suspension = database.read_now(lambda tx: tx.credentials.sign_ins(credential_id)).suspension
    if suspension is not None:
        typer.echo(
            f"{credential_id} stays suspended: these are secrets that the portal has refused. Give it other ones, or "
            f"let it try these once more: `priorauth credentials release {credential_id}`."
        )
        return
    typer.echo(f"{credential_id} has the secrets that you gave. Its next session signs in, and what waited goes on.")


app.command("replace", help="Give a credential another password, at once. `rotate` is the same.")(rotate)


@app.command("release")
def release(credential_id: CredentialId, data_dir: DataDir = None) -> None:
    """Let a suspended credential sign in again with the secrets that it has, after its account was put right.

    Its account's failed tries of the last hour count no more.
    """
    with opened(data_dir) as database:
        was_suspended = database.write_now(lambda tx: commands.release(tx, credential_id=credential_id))
    typer.echo(
        f"{credential_id} signs in again: once, and is suspended again if the portal still refuses it. "
        "What waited for it goes on."
        if was_suspended
        else f"{credential_id} was not suspended. Its failed tries of the last hour count no more."
    )


@app.command("allow-people")
def allow_people(credential_id: CredentialId, data_dir: DataDir = None) -> None:
    """Let people watch and act in an account's sessions, also where several organizations use the account."""
    with opened(data_dir) as database:
        database.write_now(lambda tx: commands.let_people_enter(tx, credential_id=credential_id, allowed=True))
    typer.echo(f"People may enter {credential_id}.")


@app.command("forbid-people")
def forbid_people(credential_id: CredentialId, data_dir: DataDir = None) -> None:
    """Keep people out of an account's sessions, at once: open live views end, handoffs are done with other accounts."""
    with opened(data_dir) as database:
        database.write_now(lambda tx: commands.let_people_enter(tx, credential_id=credential_id, allowed=False))
    typer.echo(f"People may not enter {credential_id}.")


@app.command("remove")
def remove(credential_id: CredentialId, data_dir: DataDir = None) -> None:
    """Delete a credential and all that its browser was given, at once. Cases that need it take the next best one."""
    with opened(data_dir) as database:
        database.write_now(lambda tx: commands.remove(tx, credential_id=credential_id))
    typer.echo(f"{credential_id} is gone.")


class _Asked:
    """What nobody else may see: typed at a terminal without an echo, or a line each of standard input."""

    def __init__(self) -> None:
        self._typed = sys.stdin.isatty()

    def password(self) -> str:
        """Return the password."""
        password = self._next("Password")
        if not password:
            raise UserFault("The password is empty. Type it, or give it as the first line of standard input.")
        return password

    def totp_secret(self) -> str:
        """Return the secret of one-time codes. Raises FaultyTotpSecret."""
        secret = self._next("TOTP secret")
        if not secret.strip():
            raise UserFault("The TOTP secret is empty. Type it, or give it as the second line of standard input.")
        return read_totp_secret(secret)

    def finish(self) -> None:
        """Refuse what was given and not asked for: it would be lost in silence."""
        if not self._typed and sys.stdin.read().strip():
            raise UserFault("Standard input has more lines than are asked for. A TOTP secret needs --totp.")

    def _next(self, name: str) -> str:
        if self._typed:
            return str(typer.prompt(name, hide_input=True, default="", show_default=False, err=True))
        return sys.stdin.readline().rstrip("\r\n")


def _user_name(text: str) -> str:
    if not text.strip():
        raise UserFault("--user-name is empty. Give the name with which the portal is signed in to.")
    return text.strip()


def _row(tx: Transaction, credential: Credential) -> dict[str, object]:
    suspension = tx.credentials.sign_ins(credential.id).suspension
    owners = {each.id: each.name for each in tx.organizations.all()}
    return {
        "id": credential.id,
        "payer": credential.payer_id,
        "organization": owners.get(credential.organization_id or ""),
        "provider": credential.provider_npi,
        "userName": credential.user_name,
        "totp": credential.totp_secret is not None,
        "peopleMayEnter": credential.may_be_entered(lambda: beside(tx, credential)),
        "replaced": _time(credential.replaced_at),
        "lastUsed": _time(credential.last_used_at),
        "suspended": _time(suspension.since) if suspension is not None else None,
        "suspensionReason": suspension.reason if suspension is not None else None,
    }


def _time(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if moment else None
