"""Functions that run in a tab's main document, in a world that the page's scripts do not see."""

import asyncio
from collections.abc import Callable
from typing import Any, Final

import structlog
from playwright.async_api import CDPSession
from playwright.async_api import Error as PlaywrightError

from priorauth.domain.errors import whereabouts

_WORLD: Final = "priorauth-calls"
_HOW: Final = {"returnByValue": True, "userGesture": True, "awaitPromise": True}

_log = structlog.get_logger(__name__)


async def call_aside(
    cdp: CDPSession,
    function: str,
    *arguments: object,
    patience_seconds: float,
    is_wanted: Callable[[], bool] = lambda: True,
) -> Any:  # noqa: ANN401
    """Call a function in the main document of the tab behind `cdp`, as of something that the person has done.

    Args:
        cdp: The tab's session.
        function: The function's text. A promise that it returns is awaited.
        arguments: Its arguments, as JSON has them.
        patience_seconds: A page that hangs is waited for so long.
        is_wanted: Whether it is still to be called, once the document answers.

    Returns:
        Its result as JSON has it; None where the document has gone, hangs or has not let it.
    """
    try:
        async with asyncio.timeout(patience_seconds):
            tree = await cdp.send("Page.getFrameTree")
            world = {"frameId": tree["frameTree"]["frame"]["id"], "worldName": _WORLD}
            context = (await cdp.send("Page.createIsolatedWorld", world))["executionContextId"]
            if not is_wanted():
                return None
            values = [{"value": each} for each in arguments]
            call = {"functionDeclaration": function, "executionContextId": context, "arguments": values}
            done = await cdp.send("Runtime.callFunctionOn", {**call, **_HOW})
    except (PlaywrightError, TimeoutError) as error:
        _log.info("screen_call_failed", **whereabouts(error))
        return None
    return done["result"].get("value")
