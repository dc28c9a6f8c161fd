"""Files that a person drops on a place of the portal's page, with the events that a drop has.

The page reads them and sends them itself: what leaves is judged like any upload. A frame of another site takes none.
"""

import base64
from collections.abc import Callable
from typing import Final

from playwright.async_api import CDPSession

from priorauth.channels.portals.screens.worlds import call_aside
from priorauth.domain.live.inputs import DropFiles

_PATIENCE_SECONDS: Final = 20.0
_DROP: Final = """(x, y, files) => {
    let at = document.elementFromPoint(x, y);
    for (let inner = at; inner; ) {
        at = inner;
        if (at.contentDocument) {
            const box = at.getBoundingClientRect();
            x -= box.left + at.clientLeft;
            y -= box.top + at.clientTop;
            inner = at.contentDocument.elementFromPoint(x, y);
        } else inner = at.shadowRoot && at.shadowRoot.elementFromPoint(x, y);
        if (inner === at) break;
    }
    if (!at) return false;
    const data = new DataTransfer();
    for (const { name, type, content } of files) {
        const text = atob(content);
        const bytes = new Uint8Array(text.length);
        for (let place = 0; place < bytes.length; place++) bytes[place] = text.charCodeAt(place);
        data.items.add(new File([bytes], name, { type }));
    }
    const tell = (type) => {
        const how = { bubbles: true, cancelable: type !== "dragleave", composed: true, dataTransfer: data };
        const event = new DragEvent(type, { ...how, clientX: x, clientY: y });
        at.dispatchEvent(event);
        return event.defaultPrevented;
    };
    const input = at.localName === "input" && at.type === "file" && !at.disabled ? at : null;
    tell("dragenter");
    if (!tell("dragover") && !input) {
        tell("dragleave");
        return false;
    }
    if (tell("drop") || !input) return true;
    const kept = new DataTransfer();
    for (const file of input.multiple ? data.files : [data.files[0]]) kept.items.add(file);
    input.files = kept.files;
    for (const type of ["input", "change"]) input.dispatchEvent(new Event(type, { bubbles: true, composed: true }));
    return true;
}"""


async def drop_files(cdp: CDPSession, drop: DropFiles, *, is_wanted: Callable[[], bool]) -> bool | None:
    """Drop files in the tab behind `cdp`, if that `is_wanted` still when its document answers.

    Returns:
        Whether the place takes files; None where the page hangs, or has gone.
    """
    files = [
        {"name": each.name, "type": each.media_type, "content": base64.b64encode(each.content).decode()}
        for each in drop.files
    ]
    taken = await call_aside(cdp, _DROP, drop.x, drop.y, files, patience_seconds=_PATIENCE_SECONDS, is_wanted=is_wanted)
    return taken if isinstance(taken, bool) else None
