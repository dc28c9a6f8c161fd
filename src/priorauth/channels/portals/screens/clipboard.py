"""The clipboard of a session's browser: a person's paste goes through it, so that a page hears of a paste as of any.

It is filled without asking the page for a permission, and no page can read it.
"""

from typing import Final

from playwright.async_api import CDPSession

from priorauth.channels.portals.screens.worlds import call_aside

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


async def fill_clipboard(cdp: CDPSession, text: str) -> bool:
    """Put plain text on the browser's clipboard, from the main document of the tab behind `cdp`.

    Returns:
        False: the document does not let it, for example one that is no HTML, or that hangs.
    """
    return await call_aside(cdp, _FILL, text, patience_seconds=_PATIENCE_SECONDS) is True
