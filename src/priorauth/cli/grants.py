"""Access grants: addresses that open live sessions, listed and revoked by whoever runs the service."""

from typing import Annotated

import typer

from priorauth.cli.common import AsJson, DataDir, opened, show
from priorauth.commands.access_grants import revoke_as_operator
from priorauth.domain.errors import AccessGrantNotFound, UserFault
from priorauth.domain.live.grants import AccessGrant
from priorauth.store.ids import present

app = typer.Typer(help="Access grants: addresses that open live sessions.", no_args_is_help=True)


@app.command("list")
def list_grants(
    authorization: Annotated[str, typer.Option(help="The id of the authorization whose grants are listed.")],
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """List the access grants of an authorization: who created them, what they allow, when they end."""
    with opened(data_dir) as database:
        found = database.read_now(lambda tx: tx.access_grants.of(authorization))
    show([_row(grant) for grant in found], as_json=as_json)


@app.command("revoke")
def revoke(
    grant_id: Annotated[str, typer.Argument(help="The grant's id, which its address begins with: rag_….")],
    data_dir: DataDir = None,
) -> None:
    """Revoke an access grant, at once: its address opens nothing more, and the live views that it opened end."""
    with opened(data_dir) as database:
        try:
            database.write_now(lambda tx: revoke_as_operator(tx, present(), grant_id=grant_id))
        except AccessGrantNotFound:
            raise UserFault(
                f"There is no access grant {grant_id}. `priorauth grants list --authorization ID` shows those that "
                "there are."
            ) from None
    typer.echo(f"{grant_id} opens nothing any more.")


def _row(grant: AccessGrant) -> dict[str, object]:
    times = {"created": grant.created_at, "expires": grant.expires_at, "revoked": grant.revoked_at}
    return {
        "id": grant.id,
        "mode": grant.mode.value,
        "key": grant.minted_by,
        "handoff": grant.manual_handoff_id,
        **{name: f"{at:%Y-%m-%dT%H:%M:%SZ}" if at is not None else None for name, at in times.items()},
    }
