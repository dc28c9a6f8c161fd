"""A channel that does as it was told, for whatever is decided above channels."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from priorauth.channels.contract import (
    Absent,
    Evidence,
    EvidenceMismatch,
    HumanNeeded,
    Job,
    NothingFound,
    NotRequired,
    Pending,
    Preparation,
    Submission,
    Withheld,
)
from priorauth.domain.replies import Inquiry
from priorauth.domain.reviews import Difference
from priorauth.domain.submissions import Decision


@dataclass
class ScriptedChannel:
    """Gives the answers that it was given, and remembers what it was asked. A `fault` is raised."""

    preparation: Preparation | None = None
    submission: Submission | None = None
    found: Evidence | EvidenceMismatch | Absent | HumanNeeded | None = None
    status: Decision | Inquiry | Pending | EvidenceMismatch | HumanNeeded | None = None
    reconciled: Evidence | EvidenceMismatch | NotRequired | NothingFound | HumanNeeded | None = None
    fault: Exception | None = None
    asked: list[str] = field(default_factory=list)
    references: list[str | None] = field(default_factory=list)
    up: tuple[str, ...] = ()
    taken_back: list[str] = field(default_factory=list)
    let_gone: list[str] = field(default_factory=list)
    took_back: asyncio.Event = field(default_factory=asyncio.Event)

    async def prepare(self, job: Job) -> Preparation:  # noqa: ARG002
        """As told."""
        self._note("prepare")
        assert self.preparation is not None
        return self.preparation

    async def submit(
        self,
        job: Job,  # noqa: ARG002
        *,
        allowed: tuple[Difference, ...],  # noqa: ARG002
        intend: Callable[[], Awaitable[bool]],
    ) -> Submission:
        """As told, once the intent is committed; withheld where that is refused."""
        self._note("submit")
        if not await intend():
            return Withheld()
        assert self.submission is not None
        return self.submission

    async def find(self, job: Job) -> Evidence | EvidenceMismatch | Absent | HumanNeeded:  # noqa: ARG002
        """As told."""
        self._note("find")
        assert self.found is not None
        return self.found

    async def read_status(
        self,
        job: Job,  # noqa: ARG002
        *,
        reference_number: str,  # noqa: ARG002
    ) -> Decision | Inquiry | Pending | EvidenceMismatch | HumanNeeded:
        """As told."""
        self._note("read_status")
        assert self.status is not None
        return self.status

    async def reconcile(
        self,
        job: Job,  # noqa: ARG002
        *,
        reference_number: str | None,
    ) -> Evidence | EvidenceMismatch | NotRequired | NothingFound | HumanNeeded:
        """As told."""
        self._note("reconcile")
        self.references.append(reference_number)
        assert self.reconciled is not None
        return self.reconciled

    def sessions(self) -> tuple[str, ...]:
        """The cases that it was told to have sessions of."""
        return self.up

    def take_back(self, authorization_id: str) -> None:
        """Remember."""
        self.taken_back.append(authorization_id)
        self.took_back.set()

    async def let_go(self, authorization_id: str) -> None:
        """Remember."""
        self.let_gone.append(authorization_id)

    def _note(self, name: str) -> None:
        self.asked.append(name)
        if self.fault is not None:
            raise self.fault
