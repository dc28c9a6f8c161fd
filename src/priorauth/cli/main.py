"""The commands. Each turns its options into settings and calls one thing."""

import asyncio
import signal
import sys
from typing import Annotated

import typer

from priorauth.bootstrap import administration, nodes
from priorauth.bootstrap.logs import configure_logging
from priorauth.channels.portals.chromium import find_chromium
from priorauth.cli import access, credentials, encryption, keys, organizations, payers, providers
from priorauth.cli.common import DataDir, read_settings, told
from priorauth.cli.demo import demo
from priorauth.domain.organizations import Environment
from priorauth.settings import Settings

app = typer.Typer(
    help="priorauth: a self-hosted prior-authorization server.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for name, commands in (
    ("organizations", organizations.app),
    ("keys", keys.app),
    ("providers", providers.app),
    ("payers", payers.app),
    ("access", access.app),
    ("credentials", credentials.app),
    ("encryption", encryption.app),
):
    app.add_typer(commands, name=name)
app.command()(demo)


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="The address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="The port to listen on; 0 takes a free one.")] = None,
    data_dir: DataDir = None,
) -> None:
    """Run the API, the engine and, in the sandbox environment, the simulated payer."""
    given = {"host": host, "port": port, "data_dir": data_dir}
    settings = read_settings(given)
    configure_logging(settings.log_level)
    with told():
        find_chromium(settings.chromium_path)
        asyncio.run(_serve(settings))


@app.command()
def openapi(environment: Annotated[Environment, typer.Option(help="Whose API.")] = Environment.SANDBOX) -> None:
    """Print the OpenAPI document."""
    typer.echo(administration.openapi_document(environment))


@app.command("settings")
def explain_settings() -> None:
    """Explain every setting: its variable, its present value, what it means."""
    present = read_settings({})
    for name, field in Settings.model_fields.items():
        typer.echo(f"PRIORAUTH_{name.upper()} = {getattr(present, name)}\n    {field.description}")


async def _serve(settings: Settings) -> None:
    asked_to_stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, asked_to_stop.set)
    async with nodes.running(settings) as server:
        sys.stdout.write(f"priorauth is serving at {server.url}\n")
        sys.stdout.flush()
        waits = [asyncio.create_task(event.wait()) for event in (asked_to_stop, server.stopped)]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
