"""`python -m priorauth.sandbox --portal NAME --data-dir D`: a simulated portal alone, until it is interrupted."""

import argparse
import asyncio
import contextlib
import sys
from pathlib import Path

from priorauth.sandbox import catalog
from priorauth.sandbox.server import PortalServer

_PORTALS = {portal.id: portal.display_name for portal in catalog.PORTALS}


async def _serve(server: PortalServer, *, name: str, host: str, port: int) -> None:
    base_url = await server.start(host, port)
    sys.stdout.write(f"{name}: {base_url}\n")
    sys.stdout.flush()
    try:
        await asyncio.Event().wait()
    finally:
        await server.stop()


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m priorauth.sandbox", description="Run a simulated payer's portal.")
    parser.add_argument("--portal", choices=_PORTALS, default="larkspur")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free port (default)")
    parser.add_argument("--data-dir", type=Path, required=True, help="folder of the portal's own database")
    parser.add_argument("--failure-rate", type=float, default=0.0, help="the share of all requests that fail")
    parser.add_argument("--failure-seed", type=int, default=0, help="what the failures are drawn from")
    arguments = parser.parse_args()
    try:
        server = PortalServer(
            arguments.data_dir,
            portal=arguments.portal,
            failure_rate=arguments.failure_rate,
            failure_seed=arguments.failure_seed,
        )
    except ValueError as error:
        parser.error(str(error))
    name = _PORTALS[arguments.portal]
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(server, name=name, host=arguments.host, port=arguments.port))


if __name__ == "__main__":
    main()
