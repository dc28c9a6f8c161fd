"""Every run of the enumeration: which fault at which place, on which journey; and for what has none, why.

The places come from the product's own list, so that a point which is added there without a run here fails a test.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from priorauth.faultpoints import Phase, Point
from tests.faults.journeys import JOURNEYS, Journey


class Fault(StrEnum):
    """What goes wrong at a place of the server, or at the payer."""

    CRASH = "crash"
    ERROR = "error"
    DELAY = "delay"
    BROWSER_DIES = "browser dies"
    DRIVER_DIES = "driver dies"
    AT_THE_PAYER = "at the payer"


@dataclass(frozen=True, slots=True)
class Run:
    """Faults at places, on one journey; all but delays come one at a time."""

    places: tuple[str, ...]
    fault: Fault
    journey_name: str
    armed: tuple[str, ...] = ()
    behaviour: tuple[tuple[str, Any], ...] = ()

    @property
    def journey(self) -> Journey:
        """The journey by its name."""
        return JOURNEYS[self.journey_name]

    @property
    def name(self) -> str:
        """What the run is called."""
        where = self.places[0] if len(self.places) == 1 else f"all {len(self.places)} places"
        return f"{where} / {self.fault} / {self.journey_name}"


_P = Point
_WITH_A_HUMAN = ("helped by a human",)
# On which journeys a point is passed. A point that is neither here nor exempt fails a test.
_JOURNEYS: dict[Point, tuple[str, ...]] = {
    **dict.fromkeys(
        (
            *(_P.CREATED, _P.ADVANCE_CONFIRMED, _P.PORTAL_PAGE, _P.SUBMISSION_INTENDED, _P.RECEIPT_PROVEN),
            *(_P.DECISION_OBSERVED, _P.SESSION_CLAIMED, _P.ADVANCE, _P.LOOK, _P.BROWSER_START),
            *(_P.PAGE_SIGNED_IN, _P.PAGE_MEMBER_FOUND, _P.PAGE_SERVICE, _P.PAGE_DOCUMENTS, _P.PAGE_REVIEW),
            *(_P.PAGE_RECEIPT, _P.PAGE_STATUS_READ),
        ),
        ("automatic",),
    ),
    _P.ANSWERS_CHANGED: ("gathered",),
    _P.DOCUMENT_ATTACHED: ("gathered",),
    _P.DOCUMENT_DETACHED: ("attached twice",),
    _P.SUBMISSION_APPROVED: ("reviewed",),
    _P.APPROVAL_REQUIRED: ("reviewed",),
    _P.CANCELED: ("canceled",),
    _P.INTERACTION_LOST: ("lost before a human came",),
    _P.MORE_INFORMATION_NEEDED: ("rejected value",),
    _P.QUESTIONS_DISCOVERED: ("asked more",),
    _P.AUTHORIZATION_NOT_REQUIRED: ("not required",),
    _P.FAILED: ("unknown member",),
    _P.CHANNEL_FAULT: ("signed out",),
    _P.PAYER_OUT_OF_REACH: ("out of reach",),
    _P.PAYER_REACHED: ("out of reach",),
    _P.SIGN_IN: ("signed out",),
    _P.BROWSER_STATE_KEPT: ("signed out",),
    _P.CASE_SAVED: ("decided late",),
    _P.REPLY_INTENDED: ("replied",),
    _P.INQUIRY_RECEIVED: ("replied",),
    _P.INQUIRY_ANSWERED: ("replied",),
    _P.PAGE_MESSAGE: ("replied",),
    _P.SUBMISSION_NOT_SENT: ("not sent",),
    _P.SUBMISSION_NOT_FOUND: ("not taken",),
    _P.SUBMISSION_ABSENT: ("not taken",),
    _P.SUBMISSION_UNRESOLVED: ("canceled and unresolved",),
    _P.SETTLE: ("answer lost", "not taken"),
    _P.PAGE_CASE_SEARCHED: ("answer lost",),
    _P.SUBMISSION_CLAIM: ("automatic",),
    _P.GUARD_RELEASE: ("automatic", "at juniper"),
    _P.FINAL_CLICK: ("automatic", "at juniper"),
    _P.FINAL_REQUEST: ("automatic", "at juniper"),
    _P.CONFIRMATION_READ: ("automatic", "at juniper"),
    _P.PAGE_CLINICAL_INFORMATION: ("automatic", "at juniper"),
    **dict.fromkeys(
        (
            _P.HUMAN_NEEDED,
            _P.HANDOFF_CREATED,
            _P.HANDOFF_CLOSED,
            _P.RECONCILED,
            _P.RECONCILE,
            _P.ACCESS_GRANT_CREATED,
            _P.ACCESS_GRANT_OPENED,
            _P.LIVE_VIEW_STARTED,
            _P.LIVE_VIEW_ENDED,
            _P.PAGE_A_HUMAN_IS_NEEDED,
        ),
        _WITH_A_HUMAN,
    ),
}

_BESIDE = "It is written beside the case's way by a task of its own, and nothing waits for it or depends on it: "
_REFUSED = "No journey's portal refuses a sign-in: who dies there finds it refused or suspended (tests/contracts)."
_RESTORES = (
    "Only after a restore, which no run makes: its record is older than the world (tests/contracts/test_restoring)."
)
EXEMPT: dict[Point, str] = {
    _P.REQUEST_REFUSED: _BESIDE + "the refusal stands whether it is noted or not (tests/portals/test_submit_boundary).",
    _P.SUBMIT_REFUSED: _BESIDE + "the refusal stands whether it is noted or not (tests/portals/test_submit_boundary).",
    _P.FOREIGN_SUBMISSION_REFUSED: _BESIDE + "the permit is withdrawn before it is noted (tests/contracts).",
    _P.HELD_SUBMISSION_REFUSED: _BESIDE + "the request is refused whether it is noted or not (tests/portals).",
    _P.SESSION_ENDED: "With the end of a session, which whoever dies there loses anyway (tests/contracts/test_notes).",
    _P.HANDOFF_SUBMISSION_INTENDED: "No journey presses as a person: who dies there is looked for (tests/contracts).",
    _P.EVIDENCE_MISMATCH: "No journey's payer shows something else: whoever dies there reads it again (tests/http).",
    _P.MISMATCH_ACCEPTED: "A step that is run again records it once (tests/http/test_mismatches).",
    _P.RESTORED: "No journey is restored: one that dies leaves no folder; a doubt is run again (tests/contracts).",
    _P.SUBMISSION_DOUBTED: "A restored case's alone: who dies there finds it begun (tests/contracts/test_restoring).",
    _P.ACCESS_GRANT_REVOKED: "No route reaches it: a grant ends with its handoff, case or session.",
    _P.ACCESS_GRANT_REFUSED: "A stranger's note on a case that it does not touch (tests/http/test_access_grants).",
    _P.LIVE_VIEW_RENEWED: "A viewer's note, five minutes after it began; the case is not touched (tests/http).",
    _P.CREDENTIAL_SUSPENDED: _REFUSED,
    _P.SIGN_IN_AWAITED: _REFUSED,
    _P.RESTORED: _RESTORES,
    _P.SUBMISSION_DOUBTED: _RESTORES,
    _P.LIVE_INPUT_REFUSED: "A viewer's note; the input is refused whether it is noted or not (tests/unit/live).",
}
# Where nothing may be lost, and nothing sent twice.
CROSSING = (
    _P.SUBMISSION_INTENDED,
    _P.SUBMISSION_CLAIM,
    _P.GUARD_RELEASE,
    _P.FINAL_CLICK,
    _P.FINAL_REQUEST,
    _P.CONFIRMATION_READ,
    _P.PAGE_RECEIPT,
    _P.RECEIPT_PROVEN,
    _P.ADVANCE,
    _P.SETTLE,
)

# A browser dies wherever a page of it is waited for; between two of these places nothing else can be lost with it.
_BROWSER_DIES = (
    (_P.SIGN_IN, Phase.BEFORE),
    (_P.PAGE_MEMBER_FOUND, Phase.REACHED),
    (_P.PAGE_REVIEW, Phase.REACHED),
    (_P.GUARD_RELEASE, Phase.AFTER),
    *((_P.FINAL_REQUEST, phase) for phase in _P.FINAL_REQUEST.phases),
    (_P.FINAL_CLICK, Phase.AFTER),
    (_P.PAGE_RECEIPT, Phase.REACHED),
    (_P.PAGE_CASE_SEARCHED, Phase.REACHED),
)
_DRIVER_DIES = (
    (_P.PAGE_SERVICE, Phase.REACHED),
    (_P.GUARD_RELEASE, Phase.AFTER),
    (_P.FINAL_REQUEST, Phase.AFTER_LAST_BYTE),
    (_P.PAGE_STATUS_READ, Phase.REACHED),
)

_ON_THE_WAY = ("member_search", "start", "service", "clinical", "documents", "upload", "review")
_CROSSING = ("submit", "submit_response")
_LOOKING = ("requests", "status")


def runs() -> Iterator[Run]:
    """Yield every run there is, those at the crossing first, those with a human last."""
    points = [point for point in Point if point not in EXEMPT]
    points.sort(key=lambda point: 0 if point in CROSSING else 2 if _journeys_of(point) == _WITH_A_HUMAN else 1)
    for point in points:
        yield from _at(point)
    yield from _delays(points)
    for fault, places in ((Fault.BROWSER_DIES, _BROWSER_DIES), (Fault.DRIVER_DIES, _DRIVER_DIES)):
        for point, phase in places:
            place = f"{point.value}:{phase}"
            yield Run((place,), fault, _journeys_of(point)[0], armed=(f"{place}:delay=2",))
    yield from _at_the_payer()


def _journeys_of(point: Point) -> tuple[str, ...]:
    return _JOURNEYS[point]


def _at(point: Point) -> Iterator[Run]:
    for journey in _journeys_of(point):
        for phase in point.phases:
            place = f"{point.value}:{phase}"
            for fault in (Fault.CRASH, Fault.ERROR):
                yield Run((place,), fault, journey, armed=(f"{place}:{fault}",))
    if point is _P.FINAL_REQUEST:
        # A second after its last byte the payer has committed: it has the case, and we know nothing.
        place = f"{point.value}:{Phase.AFTER_LAST_BYTE}"
        yield Run((f"{place}, committed by the payer",), Fault.CRASH, "automatic", armed=(f"{place}:crash=1",))


def _delays(points: Iterable[Point]) -> Iterator[Run]:
    """All places of a journey dawdle in one run: a delay ends nothing, so that none hides another."""
    places: dict[str, list[str]] = {}
    for point in points:
        for journey in _journeys_of(point):
            places.setdefault(journey, []).extend(f"{point.value}:{phase}" for phase in point.phases)
    for journey, found in places.items():
        yield Run(tuple(found), Fault.DELAY, journey, armed=tuple(f"{place}:delay=0.5" for place in found))


def _at_the_payer() -> Iterator[Run]:
    """Portal 500, reset, closed, slow, timed out, signed out in the middle, a changed page."""
    for at in (*_ON_THE_WAY, *_CROSSING, *_LOOKING):
        for kind in ("error", "reset", "signed_out", *(("close",) if at in _CROSSING else ())):
            yield _told(f"{at}: {kind}", {"at": at, "kind": kind})
    slow = tuple({"at": at, "kind": "delay", "seconds": 1} for at in (*_ON_THE_WAY, *_CROSSING, *_LOOKING))
    yield _told("every page: slow", *slow, journey="gathered")
    for at in ("clinical", *_CROSSING, "status"):
        # Longer than the server's patience with a page, which a lane sets to eight.
        yield _told(f"{at}: timed out", {"at": at, "kind": "delay", "seconds": 12})
    yield _told("review: a document is gone", {"at": "documents", "kind": "drop_document"}, journey="reviewed")


def _told(place: str, *faults: dict[str, Any], journey: str | None = None) -> Run:
    on = {"upload": "gathered", "requests": "answer lost"}
    chosen = journey or on.get(faults[0]["at"], "automatic")
    standing = (JOURNEYS[chosen].behaviour or {}).get("faults", ())
    told = [*standing, *({"times": 1, **fault} for fault in faults)]
    return Run((place,), Fault.AT_THE_PAYER, chosen, behaviour=(("faults", told),))
