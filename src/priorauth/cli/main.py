"""The commands: where each lies, and what it is for. Each turns its options into settings and calls one thing."""

import typer

from priorauth.cli.lazy import LazyGroup, Place

# The first line of each help, which a test holds against the commands' own.
COMMANDS = {
    "serve": Place(
        "priorauth.cli.nodes:serve",
        "Run the API, a worker and, in the sandbox environment, the simulated payers, all in one.",
    ),
    "api": Place("priorauth.cli.nodes:api", "Run an API node over PostgreSQL."),
    "worker": Place("priorauth.cli.nodes:worker", "Run a worker over PostgreSQL: it works on cases, in browsers."),
    "sandbox": Place("priorauth.cli.nodes:sandbox", "Run the simulated payers' portals apart."),
    "migrate": Place(
        "priorauth.cli.nodes:migrate",
        "Bring the database's schema up to date and exit; nodes of the version before go on beside it.",
    ),
    "demo": Place(
        "priorauth.cli.demo.run:demo", "Take one case from creation to the payer's decision, and show each step."
    ),
    "portals": Place(
        "priorauth.cli.portals:portals",
        "Say of every payer's portal whether it is up, since when not, and when a case last got through.",
    ),
    "backup": Place(
        "priorauth.cli.backups:backup",
        "Copy database and files as they are at one moment, beside a running server; or check such a copy.",
    ),
    "restore": Place(
        "priorauth.cli.backups:restore",
        "Make a data folder out of a backup. Every open case is looked for at its payer before anything is sent for "
        "it.",
    ),
    "mark-restored": Place(
        "priorauth.cli.backups:mark_restored",
        "After a database was put back by other means: look for every open case before anything is sent for it.",
    ),
    "doctor": Place(
        "priorauth.cli.doctor:doctor",
        "Check an installation: a line for each check, and what to do next. Exit status 1 when there is a fault.",
    ),
    "move": Place(
        "priorauth.cli.moving:move",
        "Move a data folder's database into an empty PostgreSQL, with a check. Stop the server first.",
    ),
    "openapi": Place("priorauth.cli.explaining:openapi", "Print the OpenAPI document."),
    "settings": Place(
        "priorauth.cli.explaining:explain_settings",
        "Explain every setting: its variable, its present value, what it means.",
    ),
    "authorizations": Place(
        "priorauth.cli.authorizations:app", "Authorizations: where each is, and what its work does."
    ),
    "organizations": Place("priorauth.cli.organizations:app", "Organizations."),
    "keys": Place("priorauth.cli.keys:app", "API keys."),
    "providers": Place("priorauth.cli.providers:app", "Providers."),
    "payers": Place("priorauth.cli.payers:app", "Payers."),
    "access": Place("priorauth.cli.access:app", "Who may act for whom at which payer."),
    "credentials": Place(
        "priorauth.cli.credentials:app",
        "Credentials of payers' portals. Passwords and TOTP secrets are asked for; without a terminal they are read "
        "from standard input, a line each. They are never shown again.",
    ),
    "grants": Place("priorauth.cli.grants:app", "Access grants: addresses that open live sessions."),
    "encryption": Place("priorauth.cli.encryption:app", "The keys that patients' data are sealed with."),
    "guard": Place("priorauth.cli.guard:app", "The submit guard."),
    "doubt": Place("priorauth.cli.backups:mark_restored", "The former name of mark-restored.", hidden=True),
}


class _Commands(LazyGroup):
    places = COMMANDS


app = typer.Typer(cls=_Commands, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


@app.callback()
def priorauth() -> None:
    """priorauth: a self-hosted prior-authorization server."""
