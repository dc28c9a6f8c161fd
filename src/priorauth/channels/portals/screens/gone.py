"""Work for a page that may have gone meanwhile."""

from collections.abc import Awaitable

import structlog
from playwright.async_api import Error as PlaywrightError

from priorauth.domain.errors import whereabouts

_log = structlog.get_logger(__name__)


async def unless_gone(work: Awaitable[object]) -> None:
    """Do it; where the browser cannot any more, since page or browser have ended, say so in the log and be done."""
    try:
        await work
    except PlaywrightError as error:
        _log.debug("screen_work_left", **whereabouts(error))
