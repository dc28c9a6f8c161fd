"""The clipboard of a session's browser: a person's paste goes through it, so that a page hears of a paste as of any.

The script that fills it runs in a world that the page's scripts do not see, and asks the page for no permission.
"""

import asyncio
from typing import Final

import structlog
from playwright.async_api import CDPSession
from playwright.async_api import Error as PlaywrightError

from priorauth.domain.errors import whereabouts

_WORLD: Final = "priorauth-clipboard"
# A page that hangs is not waited for: the text is put where the caret is instead, as soon as it goes on.
_PATIENCE_SECONDS: Final = 2.0
# Its own `copy` event takes the text; no other listener hears of it.
_FILL: Final = """text => {
    let filled = false;
    const fill = (event) => {
        event.stopImmediatePropagation();
        event.preventDefault();
        if (event.type !== "copy") return;
        event.clipboardData.setData("text/plain", text);
        filled = true;
    };
    for (const type of ["beforecopy", "copy"]) addEventListener(type, fill, true);
    try { document.execCommand("copy"); }
    finally { for (const type of ["beforecopy", "copy"]) removeEventListener(type, fill, true); }
    return filled;
}"""

_log = structlog.get_logger(__name__)


async def fill_clipboard(cdp: CDPSession, text: str) -> bool:
    """Put plain text on the browser's clipboard, from the main document of the tab behind `cdp`.

    Returns:
        False: the document does not let it, for example one that is no HTML, or that hangs.
    """
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            tree = await cdp.send("Page.getFrameTree")
            world = {"frameId": tree["frameTree"]["frame"]["id"], "worldName": _WORLD}
            context = (await cdp.send("Page.createIsolatedWorld", world))["executionContextId"]
            call = {"functionDeclaration": _FILL, "executionContextId": context, "arguments": [{"value": text}]}
            done = await cdp.send("Runtime.callFunctionOn", {**call, "returnByValue": True, "userGesture": True})
    except (PlaywrightError, TimeoutError) as error:
        _log.info("clipboard_not_filled", **whereabouts(error))
        return False
    return done["result"].get("value") is True
