"""The steps of the engine for one stored case, over a real database and a scripted channel."""

from collections.abc import AsyncIterable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TypedDict

from priorauth.channels.contract import Channel
from priorauth.domain.authorizations import Authorization
from priorauth.domain.files import FileStatus, StoredFile
from priorauth.domain.moment import Moment
from priorauth.engine.processing import Processing
from priorauth.engine.reconciling import Reconciling
from priorauth.engine.retries import Bounds, Retries
from priorauth.store.database import Database
from priorauth.store.transaction import Transaction
from tests.factories.claims import claims_of
from tests.factories.databases import Home
from tests.factories.moments import Clock
from tests.factories.scripted import ScriptedChannel


@dataclass
class Pictures:
    """A file store in memory."""

    stored: dict[str, bytes] = field(default_factory=dict)

    async def put(self, name: str, chunks: AsyncIterable[bytes]) -> None:
        """Store."""
        self.stored[name] = b"".join([chunk async for chunk in chunks])


class Common(TypedDict):
    """What every step works with."""

    database: Database
    channels: Mapping[str, Channel]
    present: Callable[[], Moment]
    retries: Retries


@dataclass
class Steps:
    """The steps of the engine for one case."""

    home: Home
    channel: ScriptedChannel
    case_id: str
    pictures: Pictures = field(default_factory=Pictures)

    def now(self) -> Authorization:
        """The case as it is now."""
        found = self.home.database.read_now(lambda tx: tx.authorizations.get(self.case_id))
        assert found is not None
        return found

    async def reconcile(self) -> str:
        return await self._reconciling().reconcile(self.case_id, *self._place())

    async def advance(self) -> str:
        return await self._processing().advance(self.case_id, *self._place())

    async def settle(self) -> str:
        return await self._processing().settle(self.case_id, *self._place())

    def _place(self) -> tuple[int, int]:
        journal = self.now().journal
        return journal.run, journal.turn

    def _processing(self) -> Processing:
        return Processing(**self._common(), claims=claims_of(self.home), pictures=self.pictures)

    def _reconciling(self) -> Reconciling:
        return Reconciling(**self._common())

    def _common(self) -> Common:
        database, present = self.home.database, self.home.clock.moment
        retries = Retries(database, present, Bounds(at_most=2))
        return {"database": database, "channels": {"portal": self.channel}, "present": present, "retries": retries}


Build = Callable[[Clock], Authorization]


def store(home: Home, build: Build) -> Steps:
    """Store a case of the home's organization."""
    organization_id, payer_version = home.caller.organization_id, home.payer_version
    case = replace(build(home.clock), organization_id=organization_id, payer_version=payer_version)

    def add(tx: Transaction) -> None:
        tx.authorizations.add(case)
        for attachment in case.attachments:
            tx.files.add(uploaded(case, attachment.file_id))

    home.database.write_now(add)
    return Steps(home, ScriptedChannel(), case.id)


def uploaded(case: Authorization, file_id: str) -> StoredFile:
    """The ready file behind an attachment."""
    return StoredFile(
        id=file_id,
        organization_id=case.organization_id,
        environment=case.environment,
        status=FileStatus.READY,
        file_name="notes.pdf",
        content_type="application/pdf",
        purpose="authorization_attachment",
        size_bytes=3,
        created_at=case.created_at,
        upload_expires_at=case.created_at,
        stored_as=file_id,
        sha256="0" * 64,
    )


Store = Callable[[Build], Steps]
