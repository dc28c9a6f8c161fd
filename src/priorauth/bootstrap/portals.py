"""The simulated portals: in this process, or apart at addresses that follow one another."""

import socket
from contextlib import AsyncExitStack, ExitStack
from urllib.parse import urlsplit

from priorauth.domain.errors import UserFault
from priorauth.domain.organizations import Environment
from priorauth.http.edge import SandboxPortal
from priorauth.sandbox import catalog
from priorauth.sandbox.server import PortalServer
from priorauth.settings import Settings


class NoPortals(UserFault):
    """In the sandbox there are no payers but the simulated ones, and nobody said where they are."""


async def portals_here(settings: Settings, stack: AsyncExitStack) -> tuple[SandboxPortal, ...]:
    """Start the simulated portals; outside of the sandbox there are none."""
    if settings.environment is not Environment.SANDBOX:
        return ()
    first = settings.sandbox_portal_port or _free_ports(settings.sandbox_host, len(catalog.PORTALS))
    portals = []
    for number, portal in enumerate(catalog.PORTALS):
        server = PortalServer(
            settings.data_dir / "sandbox",
            portal=portal.id,
            failure_rate=settings.sandbox_failure_rate,
            failure_seed=settings.sandbox_failure_seed + number,
        )
        url = await server.start(settings.sandbox_host, first + number)
        stack.push_async_callback(server.stop)
        portals.append(SandboxPortal(id=portal.id, display_name=portal.display_name, url=url))
    return tuple(portals)


def portals_apart(settings: Settings) -> tuple[SandboxPortal, ...]:
    """Return the portals of `priorauth sandbox`; outside of the sandbox there are none. Raises NoPortals."""
    if settings.environment is not Environment.SANDBOX:
        return ()
    if settings.sandbox_url is None:
        raise NoPortals("Start `priorauth sandbox`, and say where it listens: PRIORAUTH_SANDBOX_URL=http://host:port.")
    place = urlsplit(settings.sandbox_url)
    host = f"[{place.hostname}]" if ":" in (place.hostname or "") else place.hostname
    return tuple(
        SandboxPortal(
            id=portal.id, display_name=portal.display_name, url=f"http://{host}:{(place.port or 80) + number}"
        )
        for number, portal in enumerate(catalog.PORTALS)
    )


def _free_ports(host: str, number: int) -> int:
    """Return the first of so many free ports that follow one another."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    while True:
        with ExitStack() as stack:
            first = stack.enter_context(socket.socket(family))
            first.bind((host, 0))
            port: int = first.getsockname()[1]
            try:
                for following in range(port + 1, port + number):
                    stack.enter_context(socket.socket(family)).bind((host, following))
            except (OSError, OverflowError):
                continue
            return port
