"""`python -m priorauth.sandbox --port P --data-dir D`: the simulated portal alone, until it is interrupted."""

import argparse
import asyncio
import contextlib
import sys
from pathlib import Path

from priorauth.sandbox.server import PortalServer


async def _serve(*, host: str, port: int, data_dir: Path) -> None:
    server = PortalServer(data_dir)
    base_url = await server.start(host, port)
    sys.stdout.write(f"Larkspur Provider Connection: {base_url}\n")
    sys.stdout.flush()
    try:
        await asyncio.Event().wait()
    finally:
        await server.stop()


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(
        prog="python -m priorauth.sandbox", description="Run the simulated payer's portal."
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free port (default)")
    parser.add_argument("--data-dir", type=Path, required=True, help="folder of the portal's own database")
    arguments = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(host=arguments.host, port=arguments.port, data_dir=arguments.data_dir))


if __name__ == "__main__":
    main()
