"""What a node shows of itself: its metrics, wired to what it has."""

import asyncio
from collections.abc import Callable

from priorauth.channels.portals.sessions import SessionHost
from priorauth.domain.moment import Moment
from priorauth.domain.portals.health import PortalHealth
from priorauth.live.hub import Hub
from priorauth.queries.overview import Overview, overview
from priorauth.settings import Settings
from priorauth.store.database import Database
from priorauth.store.ids import present
from priorauth.telemetry import families
from priorauth.telemetry.metrics import Metrics, Readings
from priorauth.telemetry.page import MetricsPage
from priorauth.telemetry.watch import Watch

_SESSION_STATES = ("working", "held", "in_human_hands")


class Watched:
    """A node that is watched. Made before what it watches: the observer has to be there first."""

    def __init__(self, settings: Settings, database: Database, *, present: Callable[[], Moment] = present) -> None:
        token = settings.metrics_token
        self._metrics = Metrics()
        self._database = database
        self._present = present
        self.page = MetricsPage(
            self._metrics, take=self._read, token=token.get_secret_value() if token is not None else None
        )
        database.observer = Watch(self._metrics)
        self._metrics.ask(lambda: {families.WRITES_WAITING: {(): database.waiting_writes}})

    def sessions(self, host: SessionHost) -> None:
        """Show the browsers of this node."""

        def ask() -> Readings:
            census = host.census()
            return {families.SESSIONS: {(state,): census[state] for state in _SESSION_STATES}}

        self._metrics.ask(ask)

    def viewers(self, hub: Hub) -> Hub:
        """Show who attends at this node; return what they attend."""
        self._metrics.ask(lambda: {families.VIEWERS: {(): hub.viewers}, families.FRAMES: {(): hub.frames_sent}})
        return hub

    async def _read(self) -> Readings:
        # Apart from the event loop: with many cases even a count takes a while.
        moment = self._present()
        found = await asyncio.to_thread(self._database.read_now, lambda tx: overview(tx, moment))
        return {**_readings(found), **_portals(found.portals, moment)}


def _portals(found: tuple[PortalHealth, ...], moment: Moment) -> Readings:
    places = {(each.portal, each.address): each for each in found}
    return {
        families.PORTAL_UP: {place: float(not each.is_down) for place, each in places.items()},
        families.PORTAL_SUCCESS: {
            place: max((moment.now - each.last_success_at).total_seconds(), 0.0)
            for place, each in places.items()
            if each.last_success_at is not None
        },
        families.PORTAL_FAULTS: {(*place, each.last_fault or ""): each.faults for place, each in places.items()},
    }


def _readings(found: Overview) -> Readings:
    work = {"waiting": found.work_waiting, "running": found.work_running, "delayed": found.work_delayed}
    return {
        families.CASES: {(status.value,): count for status, count in found.cases.items()},
        families.WORK: {(state,): count for state, count in work.items()},
        families.WORK_OLDEST: {(): found.oldest_wait},
        families.WORKERS: {(): found.workers},
        families.RESTORE_UNACKNOWLEDGED: {(): float(found.restore_found)},
        families.CREDENTIALS_SUSPENDED: {(): found.credentials_suspended},
    }
