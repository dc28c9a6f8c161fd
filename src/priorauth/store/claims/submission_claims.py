"""The one port for claims: an attempt is claimed before its first byte, and the database is held against the store.

A database that lacks what the file store knows was put back: an older copy, another dump, a replica that was behind.
This is found when a node starts, at intervals, and at once when a claim meets an object that is there. From then on the
restore is recorded in the database for all nodes, and `is_stale` stays set in this process.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import structlog

from priorauth import faultpoints
from priorauth.domain.errors import TemporarilyUnavailable, whereabouts
from priorauth.domain.moment import Moment
from priorauth.faultpoints import Phase, Point
from priorauth.store.claims.objects import ClaimObjects, Content, Creation
from priorauth.store.claims.rows import UNACKNOWLEDGED, ClaimRow
from priorauth.store.database import Database
from priorauth.store.transaction import Transaction

_log = structlog.get_logger(__name__)

# A claim that takes longer is given up: a page waits for it, at its last button. So is a check: a node starts after it.
_PATIENCE_SECONDS = 10.0
_LOOK_SECONDS = 1.0


class SubmissionClaims:
    """Claims attempts, and watches for a database that was put back. `worker` is named in what it claims."""

    def __init__(
        self, database: Database, objects: ClaimObjects, *, present: Callable[[], Moment], worker: str = ""
    ) -> None:
        self.is_stale = asyncio.Event()
        self._database = database
        self._objects = objects
        self._present = present
        self._worker = worker

    async def claim(self, authorization_id: str, *, attempt_id: str) -> bool:
        """Claim the attempt, whose intent is committed and has its row; True when it may be sent, once.

        Args:
            authorization_id: whose attempt it is.
            attempt_id: the attempt, as `ClaimRows.add` was given it.

        Returns:
            False when a submission may have been sent that the attempt's record does not know of, or when the database
            is known to have been put back. Nothing may be sent then; the attempt stays open.

        Raises:
            TemporarilyUnavailable: the file store or the database cannot be reached. Nothing may be sent either.
        """
        await faultpoints.passing(Point.SUBMISSION_CLAIM, Phase.BEFORE)
        row, found_at, unrecorded = await self._database.read(
            lambda tx: (
                tx.submission_claims.of_attempt(attempt_id),
                tx.submission_claims.restore_found_at(),
                _unrecorded(tx, authorization_id),
            )
        )
        if found_at is not None or self.is_stale.is_set():
            self.is_stale.set()
            return False
        if row is None or row.authorization_id != authorization_id:
            await self._found(reason="intent_missing")
            return False
        if unrecorded:
            await self._found(reason="attempts_missing", authorization_id=authorization_id)
            return False
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                claimed = await self._claimed(row)
        except TimeoutError as error:
            raise TemporarilyUnavailable from error
        if claimed is Creation.FOREIGN:
            await self._found(reason="claim_taken", authorization_id=authorization_id)
        await faultpoints.passing(Point.SUBMISSION_CLAIM, Phase.AFTER)
        return claimed is Creation.OURS and not self.is_stale.is_set()

    async def check(self) -> None:
        """Hold the database against the file store. Raises TemporarilyUnavailable where one cannot be reached."""
        # The store first: whatever is claimed there was committed here before.
        there = await self._objects.last_number()
        known, found_at = await self._database.read(
            lambda tx: (tx.submission_claims.last_number(), tx.submission_claims.restore_found_at())
        )
        if found_at is not None:
            self.is_stale.set()
        elif there > known:
            await self._found(reason="submissions_missing", known=known, there=there)

    @asynccontextmanager
    async def watched(self, *, interval_seconds: float) -> AsyncIterator[None]:
        """Check now, and again after every interval, for as long as the context lasts."""
        await self._check_safely()
        watching = asyncio.create_task(self._watch(interval_seconds), name="restore-watch")
        try:
            yield
        finally:
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching

    async def _watch(self, interval_seconds: float) -> None:
        waited = 0.0
        while True:
            await asyncio.sleep(min(_LOOK_SECONDS, interval_seconds))
            waited += min(_LOOK_SECONDS, interval_seconds)
            if self._database.is_replaced and not self.is_stale.is_set():
                _log.error("database_file_replaced")
                self.is_stale.set()
            if waited >= interval_seconds and not self.is_stale.is_set():
                await self._check_safely()
                waited = 0.0

    async def _check_safely(self) -> None:
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                await self.check()
        except Exception as error:  # noqa: BLE001 - without the store no claim succeeds; the next check comes
            _log.error("submissions_not_compared", **whereabouts(error))

    async def _claimed(self, row: ClaimRow) -> Creation:
        content = Content(
            attempt_id=row.attempt_id,
            worker=self._worker,
            claimed_at=self._present().now,
            nonce=secrets.token_hex(16),
        )
        created = await self._objects.create(row, content)
        if created is not Creation.OURS:
            return created
        # After the creation: of two databases that claim at the same time, the later one sees the other's claim.
        there = await self._objects.attempts(row.authorization_id)
        known = await self._database.read(lambda tx: tx.submission_claims.attempts(row.authorization_id))
        ours = all(each in known and known[each] in (None, attempt) for each, attempt in there.items())
        return created if ours else Creation.FOREIGN

    async def _found(self, *, reason: str, **facts: object) -> None:
        """Record that the database was put back, for all nodes. This node knows it even if that cannot be written."""
        self.is_stale.set()
        _log.error("unacknowledged_restore", reason=reason, advice=UNACKNOWLEDGED, **facts)
        await self._database.write(lambda tx: tx.submission_claims.note_restore(now=self._present().now))


def _unrecorded(tx: Transaction, authorization_id: str) -> set[str]:
    """Return the attempts that the claims of an authorization name and its own record lacks.

    Both are written in one transaction: only the record was put back then, without the table of claims.
    """
    claimed = {attempt_id for attempt_id in tx.submission_claims.attempts(authorization_id).values() if attempt_id}
    authorization = tx.authorizations.get(authorization_id)
    if authorization is None:
        return set()
    return claimed - {attempt.id for attempt in authorization.journal.attempts}
