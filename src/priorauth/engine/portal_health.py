"""Whether a portal is worth a browser now, and word of how it fared, for all workers to see."""

from collections.abc import Callable
from datetime import timedelta
from typing import TypedDict

from priorauth.channels.contract import Job
from priorauth.commands import portal_health
from priorauth.commands import processing as moves
from priorauth.domain.authorizations import Authorization
from priorauth.domain.moment import Moment
from priorauth.store.database import Database
from priorauth.store.transaction import Transaction


class Place(TypedDict):
    """Which portal a job goes to: several payers may have one, and one kind of portal several addresses."""

    portal: str
    address: str


def place_of(job: Job) -> Place:
    """Return the portal of a job; a simulated one has no address of its own."""
    return Place(portal=job.portal.id, address=job.portal.base_url or "")


class Portals:
    """The health of portals over the database."""

    def __init__(self, database: Database, present: Callable[[], Moment]) -> None:
        self._database = database
        self._present = present

    async def is_left_alone(self, job: Job) -> bool:
        """Say whether the portal is down and not to be tried now; who is let in tries it for all."""
        place = place_of(job)
        if not (await self._database.read(lambda tx: tx.portal_health.of(**place))).is_down:
            return False
        pause = await self._database.write(lambda tx: portal_health.admit(tx, self._present(), **place))
        return pause > timedelta()

    async def got_through(self, case: Authorization, job: Job) -> None:
        """Record that the case has reached the payer."""
        place = place_of(job)
        health = await self._database.read(lambda tx: tx.portal_health.of(**place))
        if health.remembers(self._present().now) and case.journal.outage is None:
            return

        def operation(tx: Transaction) -> None:
            portal_health.note_success(tx, self._present(), **place)
            moves.note_reached(tx, self._present(), authorization_id=case.id)

        await self._database.write(operation)
