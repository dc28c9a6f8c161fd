"""The claims in the file store: objects that are created if they are absent, and never changed or deleted.

Each claim has two. `submissions/<authorization>/<ordinal>` keeps an authorization from being sent again by a database
that does not know of it. `submission-log/<bucket>/<number>` numbers all claims in one sequence, so that whether the
database lacks any is found by two small listings: the buckets, and the newest of them.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto

import msgspec

from priorauth.store.blobs import Blobs
from priorauth.store.claims.rows import ClaimRow
from priorauth.store.encryption.sealing import CannotOpen

_CLAIMS, _LOG = "submissions", "submission-log"
# As many as S3 lists in one answer.
_BUCKET = 1000


class Creation(Enum):
    """Whose an object is that was to be created: this call's, an earlier call's of the same attempt, another's."""

    OURS = auto()
    EARLIER = auto()
    FOREIGN = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What an object says of its claim. No patient's data. `nonce` is of one call."""

    attempt_id: str
    worker: str
    claimed_at: datetime
    nonce: str


class ClaimObjects:
    """The claims in the file store. Everything here raises TemporarilyUnavailable where that cannot be reached."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs

    async def create(self, claim: ClaimRow, content: Content) -> Creation:
        """Create both objects of a claim, the log's first; return whose the worse one is."""
        logged = await self._created(_log_entry(claim.number), content)
        if logged is Creation.FOREIGN:
            return logged
        return await self._created(f"{_CLAIMS}/{claim.authorization_id}/{claim.ordinal:06d}", content)

    async def attempts(self, authorization_id: str) -> dict[int, str | None]:
        """Return which attempts of one authorization are claimed, by ordinal; None for one that cannot be read."""
        names = await self._blobs.names(f"{_CLAIMS}/{authorization_id}")
        contents = {
            int(name): await self._read(f"{_CLAIMS}/{authorization_id}/{name}") for name in names if name.isdigit()
        }
        return {ordinal: there.attempt_id if there is not None else None for ordinal, there in contents.items()}

    async def every(self) -> set[tuple[str, int]]:
        """Return authorization and ordinal of every claim. It lists all names: for an operator's command alone."""
        places = (name.split("/") for name in await self._blobs.names(_CLAIMS))
        return {(place[0], int(place[1])) for place in places if len(place) == 2 and place[1].isdigit()}

    async def last_number(self) -> int:
        """Return the highest number in the log; 0 where there is none."""
        for bucket in sorted(await self._blobs.folders(_LOG), reverse=True):
            numbers = [int(name) for name in await self._blobs.names(f"{_LOG}/{bucket}") if name.isdigit()]
            if numbers:
                return max(numbers)
        return 0

    async def _created(self, name: str, content: Content) -> Creation:
        if await self._blobs.create(name, msgspec.json.encode(content)):
            return Creation.OURS
        there = await self._read(name)
        if there is None:
            return Creation.FOREIGN
        # The store may have taken a request whose answer was lost, and that was then repeated below us.
        if there.nonce == content.nonce:
            return Creation.OURS
        return Creation.EARLIER if there.attempt_id == content.attempt_id else Creation.FOREIGN

    async def _read(self, name: str) -> Content | None:
        try:
            return msgspec.json.decode(await self._blobs.get(name), type=Content)
        except (CannotOpen, FileNotFoundError, msgspec.MsgspecError):
            return None


def is_claim(name: str) -> bool:
    """Say whether an object of the file store is of a claim."""
    return name.startswith((f"{_CLAIMS}/", f"{_LOG}/"))


def _log_entry(number: int) -> str:
    return f"{_LOG}/{number // _BUCKET:09d}/{number:012d}"
