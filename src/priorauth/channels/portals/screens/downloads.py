"""Files that the portal gives to a human: taken while a human has the session, refused at any other time.

A file is on this machine's disk only while the browser writes it, in a folder that nobody else can read; it is offered
from memory, and gone with the human's turn. A process that was killed leaves its folders; the next turn removes them.
"""

import asyncio
import os
import shutil
import stat
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import structlog
from playwright.async_api import CDPSession
from playwright.async_api import Error as PlaywrightError

from priorauth.domain.errors import whereabouts
from priorauth.domain.live.inputs import FILES_LIMIT

_log = structlog.get_logger(__name__)
_NAME_LIMIT: Final = 200
_UNDER_WAY_LIMIT: Final = 5
_PREFIX: Final = "priorauth-download-"


def new_folder(place: Path) -> Path:
    """Make a folder for this process's downloads, and remove those of processes that are no more."""
    for left in place.glob(f"{_PREFIX}*"):
        owner = left.name.removeprefix(_PREFIX).partition("-")[0]
        if owner.isdecimal() and not _runs(int(owner)):
            # Another user's folder stays: it is not ours to remove.
            shutil.rmtree(left, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=place))
    belongs_to = place.stat()
    if os.geteuid() == 0 and belongs_to.st_uid != 0:
        # A browser with a user id of its own writes there. It may have put a link in the folder's place by now.
        opened = os.open(folder, os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            os.fchown(opened, belongs_to.st_uid, belongs_to.st_gid)
        finally:
            os.close(opened)
    return folder


def content_of(file: Path) -> bytes:
    """Return the bytes of a downloaded file. Raises OSError for one that is a link, or lies behind one.

    The browser owns the folder, and the server may read what the browser may not.
    """
    opened = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(opened, "rb") as stream:
        shown = Path(f"/proc/self/fd/{opened}")
        if not stat.S_ISREG(os.fstat(opened).st_mode) or (shown.exists() and shown.readlink() != file):
            message = "a download is not the file that it was said to be"
            raise OSError(message)
        return stream.read(FILES_LIMIT + 1)


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


class Downloads:
    """Takes the downloads of one browser context.

    Args:
        cdp: A session of the browser. A session of a page hears of no download that begins in a new tab.
        context_id: The browser context, as the DevTools protocol names it.
        offer: Gets the name and the bytes of each file.
        begun: Gets the frame of each download that begins, as the DevTools protocol names it.
        place: The folder in which the browser may write.
    """

    def __init__(
        self,
        cdp: CDPSession,
        *,
        context_id: str,
        offer: Callable[[str, bytes], None],
        begun: Callable[[str], None],
        place: Path,
    ) -> None:
        self._cdp = cdp
        self._context_id = context_id
        self._offer = offer
        self._begun_in = begun
        self._place = place.resolve()
        self._folder: Path | None = None
        self._names: dict[str, str] = {}
        self._reading: set[asyncio.Task[None]] = set()
        cdp.on("Browser.downloadWillBegin", self._begun)
        cdp.on("Browser.downloadProgress", self._went_on)

    async def begin(self) -> None:
        """Take downloads from now on."""
        if self._folder is not None:
            return
        self._folder = await asyncio.to_thread(new_folder, self._place)
        await self._behave("allowAndName", downloadPath=str(self._folder), eventsEnabled=True)

    async def end(self) -> None:
        """Refuse downloads again, and leave nothing of those that were under way."""
        if self._folder is not None:
            self.forget()
            await self._behave("deny", eventsEnabled=True)

    def forget(self) -> None:
        """Leave nothing on the disk, whatever the browser does now."""
        folder, self._folder = self._folder, None
        self._names.clear()
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)

    async def _behave(self, behavior: str, **how: object) -> None:
        await self._cdp.send(
            "Browser.setDownloadBehavior", {"behavior": behavior, "browserContextId": self._context_id, **how}
        )

    def _begun(self, event: dict[str, Any]) -> None:
        if self._folder is None:
            return
        self._begun_in(event["frameId"])
        if len(self._names) >= _UNDER_WAY_LIMIT:
            self._run(self._cancel(event["guid"], why="too_many"))
        else:
            # A name is shown and becomes a file's name on the human's machine: no path, no control characters.
            name = "".join(char for char in event["suggestedFilename"] if char.isprintable() and char not in '/\\:"')
            self._names[event["guid"]] = name[:_NAME_LIMIT] or "download"

    def _went_on(self, event: dict[str, Any]) -> None:
        guid = event["guid"]
        if guid not in self._names or self._folder is None:
            return
        if max(event["receivedBytes"], event["totalBytes"]) > FILES_LIMIT:
            del self._names[guid]
            self._run(self._cancel(guid, why="too_large"))
        elif event["state"] == "completed":
            self._run(self._read(self._folder / guid, self._names.pop(guid)))
        elif event["state"] == "canceled":
            del self._names[guid]

    async def _cancel(self, guid: str, *, why: str) -> None:
        _log.info("download_canceled", reason=why)
        with suppress(PlaywrightError):
            await self._cdp.send("Browser.cancelDownload", {"guid": guid, "browserContextId": self._context_id})

    async def _read(self, file: Path, name: str) -> None:
        try:
            content = await asyncio.to_thread(content_of, file)
            await asyncio.to_thread(file.unlink)
        except OSError as error:
            _log.warning("download_not_read", **whereabouts(error))
            return
        # The turn may have ended while the file was read.
        if self._folder is not None:
            self._offer(name, content)

    def _run(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._reading.add(task)
        task.add_done_callback(self._reading.discard)
