"""What opens in a viewer's browser without a key: the addresses of grants, the viewer's page, and its connection."""

import re
from urllib.parse import urlsplit

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response
from starlette.websockets import WebSocket

from priorauth.commands import live_views as commands
from priorauth.domain.errors import AccessGrantNotFound, NotFoundError, PathNotFound, RateLimited
from priorauth.domain.live.grants import is_secret_of, refusal
from priorauth.domain.live.views import Ending
from priorauth.http.edge import Services
from priorauth.http.reference import refused_access_page
from priorauth.queries.access_grants import judged

_NO_REFERRER = {"Referrer-Policy": "no-referrer"}
_FILE_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*")

router = APIRouter(include_in_schema=False)


@router.get("/runtime/access/{target}")
async def open_access_grant(request: Request, target: str) -> Response:
    """Open a grant and go on to the viewer's page, which has the ticket behind `#`; or answer with the ticket alone.

    A HEAD, as previews of links send it, opens nothing.
    """
    services: Services = request.app.state.services
    accepted = request.headers.get("accept", "")
    try:
        if request.state.bodyless:
            await _look(services, target)
            return Response(headers=_NO_REFERRER)
        ticket = await _open(services, target, network_address=_address(request))
    except (NotFoundError, RateLimited) as error:
        if "text/html" not in accepted:
            raise
        return refused_access_page(error, ancestors=services.settings.live_frame_ancestors)
    if "application/json" in accepted and "text/html" not in accepted:
        return JSONResponse({"ticket": ticket}, headers=_NO_REFERRER)
    below = urlsplit(services.settings.public_base_url).path
    return Response(status_code=303, headers={**_NO_REFERRER, "Location": f"{below}/runtime/live#{ticket}"})


@router.get("/runtime/live")
async def show_viewer(request: Request) -> Response:
    """Give the viewer's page. It shows nothing by itself: what it may show comes with a ticket."""
    return _viewer_file(request, "index.html")


@router.get("/runtime/live/{name}")
async def show_viewer_file(request: Request, name: str) -> Response:
    """Give a file of the viewer's page."""
    return _viewer_file(request, name)


@router.websocket("/runtime/live/socket")
async def attend_viewer(socket: WebSocket) -> None:
    """Connect a viewer, by a ticket and from a page of our own; everybody else's handshake is refused."""
    services: Services = socket.app.state.services
    if services.live is None or not _is_our_own(socket, services):
        await socket.close()
        return
    await services.live.attend(socket)


async def _open(services: Services, target: str, *, network_address: str) -> str:
    grant_id = _proven(services, target)
    opened = await services.database.write(
        lambda tx: commands.open_view(
            tx,
            services.present(),
            grant_id=grant_id,
            network_address=network_address,
            review_seconds=services.settings.review_view_seconds,
        )
    )
    if isinstance(opened, Ending):
        raise refusal(opened)
    return opened


async def _look(services: Services, target: str) -> None:
    grant_id = _proven(services, target)
    review_seconds = services.settings.review_view_seconds
    ending = await services.database.read(
        lambda tx: judged(tx, services.present(), grant_id=grant_id, review_seconds=review_seconds)
    )
    if ending is not None:
        raise refusal(ending)


def _proven(services: Services, target: str) -> str:
    """Return the id of the grant whose secret is shown. Raises AccessGrantNotFound before anything is looked up."""
    grant_id, _, shown = target.partition(".")
    if not is_secret_of(shown, grant_id, key=services.settings.server_key):
        raise AccessGrantNotFound
    return grant_id


def _viewer_file(request: Request, name: str) -> Response:
    services: Services = request.app.state.services
    found = services.live.viewer_file(name) if services.live is not None and _FILE_NAME.fullmatch(name) else None
    if found is None:
        raise PathNotFound
    content, media_type = found
    policy = (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
        f"base-uri 'none'; form-action 'none'; frame-ancestors {services.settings.live_frame_ancestors}"
    )
    headers = {**_NO_REFERRER, "Content-Security-Policy": policy}
    return Response(content, media_type=media_type, headers=headers)


def _address(request: Request) -> str:
    return request.client.host if request.client is not None else "unknown"


def _is_our_own(socket: WebSocket, services: Services) -> bool:
    """Say whether a page of this server asks, or no page at all: browsers always say whose page it is."""
    origin = socket.headers.get("origin")
    if origin is None:
        return True
    asking, ours = urlsplit(origin), urlsplit(services.settings.public_base_url)
    if (asking.scheme, asking.netloc) == (ours.scheme, ours.netloc):
        return True
    return asking.scheme in ("http", "https") and asking.netloc == socket.headers.get("host")
