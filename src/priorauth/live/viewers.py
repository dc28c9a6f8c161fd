"""One viewer's connection: what waits for it, and in which order it goes.

Nothing that is shown may queue up. Of each kind of message the latest alone waits, and a frame is sent only when the
viewer has painted the one before: a slow viewer sees fewer frames, never old ones, and delays nobody.
"""

import asyncio
from collections import Counter, deque

from priorauth.domain.live.inputs import FILE_COUNT_LIMIT, FILES_LIMIT, PickedFile
from priorauth.domain.live.views import View, ViewerSocket
from priorauth.live import messages


class Viewer:
    """A viewer of a session."""

    def __init__(self, view: View, socket: ViewerSocket) -> None:
        self.view = view
        self.socket = socket
        self.upload = Upload()
        self.refused: Counter[str] = Counter()
        self.ended = asyncio.Event()
        self.frames_sent = 0
        self._texts: dict[str, str] = {}
        self._frame: tuple[int, bytes] | None = None
        self._painting: int | None = None
        self._pieces: deque[bytes] = deque()
        self._wake = asyncio.Event()

    def tell(self, kind: str, text: str) -> None:
        """Send a message, in place of one of its kind that still waits."""
        self._texts.pop(kind, None)
        self._texts[kind] = text
        self._wake.set()

    def show(self, sequence: int, frame: bytes) -> None:
        """Send a frame, in place of one that still waits."""
        self._frame = sequence, frame
        self._wake.set()

    def painted(self, sequence: int) -> None:
        """Hear that the viewer has painted a frame."""
        if sequence == self._painting:
            self._painting = None
            self._wake.set()

    def hand(self, download_id: int, content: bytes) -> None:
        """Send a download, piece by piece between the frames; one that is still on its way comes first."""
        if sum(map(len, self._pieces)) + len(content) > 2 * FILES_LIMIT:
            return
        view = memoryview(content)
        for start in range(0, max(len(content), 1), messages.PIECE_BYTES):
            self._pieces.append(messages.piece(download_id, view[start : start + messages.PIECE_BYTES]))
        self._wake.set()

    async def send(self) -> None:
        """Send what waits, until the viewer has gone (ConnectionError) or the task is canceled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while (message := self._next()) is not None:
                await self.socket.send(message)

    def _next(self) -> str | bytes | None:
        if self.view.ending is not None:
            return None
        if self._texts:
            return self._texts.pop(next(iter(self._texts)))
        if self._frame is not None and self._painting is None:
            self._painting, frame = self._frame
            self._frame = None
            self.frames_sent += 1
            return frame
        return self._pieces.popleft() if self._pieces else None


class Upload:
    """Files on their way from a viewer, bounded together."""

    def __init__(self) -> None:
        self._files: list[PickedFile] = []
        self._begun: messages.BeginFile | None = None
        self._content = bytearray()
        self._total = 0

    def begin(self, file: messages.BeginFile) -> None:
        """Announce a file. Raises Malformed when the one before is not complete, or all are too large or too many."""
        self._total += file.size
        if self._begun is not None or self._total > FILES_LIMIT or len(self._files) >= FILE_COUNT_LIMIT:
            raise messages.Malformed
        self._begun = file
        self._complete()

    def add(self, piece: messages.Piece) -> None:
        """Take bytes of the announced file. Raises Malformed when they are more than announced."""
        if self._begun is None or len(self._content) + len(piece.content) > self._begun.size:
            raise messages.Malformed
        self._content += piece.content
        self._complete()

    def take(self) -> tuple[PickedFile, ...]:
        """Return the files and be empty again. Raises Malformed when the last one is not complete."""
        if self._begun is not None:
            raise messages.Malformed
        files = tuple(self._files)
        self.drop()
        return files

    def drop(self) -> None:
        """Forget everything."""
        self._files, self._begun, self._content, self._total = [], None, bytearray(), 0

    def _complete(self) -> None:
        if self._begun is not None and len(self._content) == self._begun.size:
            content = bytes(self._content)
            self._files.append(PickedFile(name=self._begun.name, media_type=self._begun.media, content=content))
            self._begun, self._content = None, bytearray()
