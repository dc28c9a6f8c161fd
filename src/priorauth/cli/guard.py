"""The submit guard: what an adapter's boundary leaves open."""

from typing import Annotated

import typer

from priorauth.bootstrap.engines import ADAPTERS
from priorauth.channels.portals.guard import Boundary
from priorauth.channels.portals.submit_guard.openings import find_openings
from priorauth.cli.common import AsJson, show

app = typer.Typer(help="The submit guard.", no_args_is_help=True)


@app.command("check")
def check(
    adapter: Annotated[str, typer.Argument(help="The adapter's id, such as larkspur.")],
    base_url: Annotated[str, typer.Option(help="The portal's address.")] = "https://portal.example",
    as_json: AsJson = False,
) -> None:
    """Print what an adapter's boundary leaves open; exit with 1 where it leaves anything open.

    Findings are reads with words of side effects, reads without bounds, rules that overlap, writes that share a path
    with a final request, undeclared formats of bodies, and final requests without content.
    """
    boundary = _boundary(adapter, base_url)
    openings = find_openings(boundary)
    if not openings and not as_json:
        typer.echo(f"{adapter}: nothing found. Read the boundary all the same: samples prove nothing.")
        return
    show([{"rule": each.rule, "finding": each.why} for each in openings], as_json=as_json)
    if openings:
        raise typer.Exit(1)


def _boundary(adapter: str, base_url: str) -> Boundary:
    if adapter not in ADAPTERS:
        known = ", ".join(sorted(ADAPTERS))
        raise typer.BadParameter(f"there is no adapter {adapter!r}. Name one of these: {known}.")
    return ADAPTERS[adapter].boundary(base_url)
