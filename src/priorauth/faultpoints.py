"""The named places on a case's way at which a test can make this process die, fail or dawdle.

Every place is listed here, once, so that a test can walk them all. Nothing happens at any unless the setting
`PRIORAUTH_FAULTPOINTS` has armed it: a passage costs one comparison then. What is armed strikes once. It may not know
anything of the product, and production refuses the setting.

An armed place is written `point:phase:effect`, as in `submission_intended:before_commit:crash`. The effect is `crash`
(SIGKILL), `error` (an InjectedFault) or `delay`; `=2.5` behind it are seconds that are waited first, `@3` is the third
passage instead of the next one. Several stand apart by commas. `@/a/file` names a file that holds them, a line each:
it is read at each passage, and what has struck is taken out of it, so that a test can arm a server that runs, and
what killed a server does not kill the next one. Beside it every passage is written down, in `/a/file.passed`.
"""

import asyncio
import os
import re
import signal
import time
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, StrEnum
from pathlib import Path

import structlog

_log = structlog.get_logger(__name__)


class Phase(StrEnum):
    """Where exactly at a point."""

    BEFORE_COMMIT = "before_commit"
    AFTER_COMMIT = "after_commit"
    BEFORE = "before"
    AFTER = "after"
    RECORDED = "recorded"
    REACHED = "reached"
    BEFORE_CONNECTION = "before_connection"
    BEFORE_FIRST_BYTE = "before_first_byte"
    AFTER_LAST_BYTE = "after_last_byte"
    AFTER_RESPONSE = "after_response"


_COMMIT = (Phase.BEFORE_COMMIT, Phase.AFTER_COMMIT)
_ACT = (Phase.BEFORE, Phase.AFTER)
# After it: its effects are there, and the engine has not written down that it ended. Recorded: it has.
_STEP = (Phase.BEFORE, Phase.AFTER, Phase.RECORDED)
_PAGE = (Phase.REACHED,)
_REQUEST = (Phase.BEFORE_CONNECTION, Phase.BEFORE_FIRST_BYTE, Phase.AFTER_LAST_BYTE, Phase.AFTER_RESPONSE)


class Point(Enum):
    """Every point, with its phases. A commit is named by the event that it puts on the timeline."""

    # What the customer does.
    CREATED = "created", _COMMIT
    ANSWERS_CHANGED = "answers_changed", _COMMIT
    DOCUMENT_ATTACHED = "document_attached", _COMMIT
    DOCUMENT_DETACHED = "document_detached", _COMMIT
    ADVANCE_CONFIRMED = "advance_confirmed", _COMMIT
    SUBMISSION_APPROVED = "submission_approved", _COMMIT
    CANCELED = "canceled", _COMMIT
    # What the service learns on its way to the boundary.
    APPROVAL_REQUIRED = "approval_required", _COMMIT
    MORE_INFORMATION_NEEDED = "more_information_needed", _COMMIT
    QUESTIONS_DISCOVERED = "questions_discovered", _COMMIT
    AUTHORIZATION_NOT_REQUIRED = "authorization_not_required", _COMMIT
    FAILED = "failed", _COMMIT
    CHANNEL_FAULT = "channel_fault", _COMMIT
    PORTAL_PAGE = "portal_page", _COMMIT
    REQUEST_REFUSED = "request_refused", _COMMIT
    SUBMIT_REFUSED = "submit_refused", _COMMIT
    FOREIGN_SUBMISSION_REFUSED = "foreign_submission_refused", _COMMIT
    HELD_SUBMISSION_REFUSED = "held_submission_refused", _COMMIT
    SESSION_ENDED = "session_ended", _COMMIT
    PAYER_OUT_OF_REACH = "payer_out_of_reach", _COMMIT
    PAYER_REACHED = "payer_reached", _COMMIT
    CREDENTIAL_SUSPENDED = "credential_suspended", _COMMIT
    SIGN_IN_AWAITED = "sign_in_awaited", _COMMIT
    # The boundary, and what becomes of an attempt.
    SUBMISSION_INTENDED = "submission_intended", _COMMIT
    REPLY_INTENDED = "reply_intended", _COMMIT
    HANDOFF_SUBMISSION_INTENDED = "handoff_submission_intended", _COMMIT
    SUBMISSION_NOT_SENT = "submission_not_sent", _COMMIT
    SUBMISSION_NOT_FOUND = "submission_not_found", _COMMIT
    SUBMISSION_ABSENT = "submission_absent", _COMMIT
    SUBMISSION_UNRESOLVED = "submission_unresolved", _COMMIT
    # After a restore: the record is older than the world.
    RESTORED = "restored", _COMMIT
    SUBMISSION_DOUBTED = "submission_doubted", _COMMIT
    EVIDENCE_MISMATCH = "evidence_mismatch", _COMMIT
    MISMATCH_ACCEPTED = "mismatch_accepted", _COMMIT
    RECEIPT_PROVEN = "receipt_proven", _COMMIT
    INQUIRY_RECEIVED = "inquiry_received", _COMMIT
    INQUIRY_ANSWERED = "inquiry_answered", _COMMIT
    DECISION_OBSERVED = "decision_observed", _COMMIT
    # A human in the payer's channel.
    HUMAN_NEEDED = "human_needed", _COMMIT
    HANDOFF_CREATED = "handoff_created", _COMMIT
    HANDOFF_CLOSED = "handoff_closed", _COMMIT
    INTERACTION_LOST = "interaction_lost", _COMMIT
    RECONCILED = "reconciled", _COMMIT
    ACCESS_GRANT_CREATED = "access_grant_created", _COMMIT
    ACCESS_GRANT_OPENED = "access_grant_opened", _COMMIT
    ACCESS_GRANT_REVOKED = "access_grant_revoked", _COMMIT
    ACCESS_GRANT_REFUSED = "access_grant_refused", _COMMIT
    LIVE_VIEW_STARTED = "live_view_started", _COMMIT
    LIVE_VIEW_RENEWED = "live_view_renewed", _COMMIT
    LIVE_VIEW_ENDED = "live_view_ended", _COMMIT
    LIVE_INPUT_REFUSED = "live_input_refused", _COMMIT
    # Commits that leave nothing on the timeline.
    CASE_SAVED = "case_saved", _COMMIT
    SESSION_CLAIMED = "session_claimed", _COMMIT
    BROWSER_STATE_KEPT = "browser_state_kept", _COMMIT
    # The engine's steps.
    ADVANCE = "advance", _STEP
    SETTLE = "settle", _STEP
    RECONCILE = "reconcile", _STEP
    LOOK = "look", _STEP
    # The browser and what it reaches.
    BROWSER_START = "browser_start", _ACT
    SIGN_IN = "sign_in", _ACT
    PAGE_SIGNED_IN = "page_signed_in", _PAGE
    PAGE_MEMBER_FOUND = "page_member_found", _PAGE
    PAGE_SERVICE = "page_service", _PAGE
    PAGE_CLINICAL_INFORMATION = "page_clinical_information", _PAGE
    PAGE_DOCUMENTS = "page_documents", _PAGE
    PAGE_REVIEW = "page_review", _PAGE
    PAGE_MESSAGE = "page_message", _PAGE
    PAGE_RECEIPT = "page_receipt", _PAGE
    PAGE_CASE_SEARCHED = "page_case_searched", _PAGE
    PAGE_STATUS_READ = "page_status_read", _PAGE
    PAGE_A_HUMAN_IS_NEEDED = "page_a_human_is_needed", _PAGE
    # The crossing.
    SUBMISSION_CLAIM = "submission_claim", _ACT
    GUARD_RELEASE = "guard_release", _ACT
    FINAL_CLICK = "final_click", _ACT
    FINAL_REQUEST = "final_request", _REQUEST
    CONFIRMATION_READ = "confirmation_read", (Phase.AFTER,)

    def __new__(cls, name: str, phases: tuple[Phase, ...] = ()) -> "Point":
        """Make the name alone the value, so that `Point(name)` finds the point."""
        point = object.__new__(cls)
        point._value_ = name
        point.phases = phases
        return point

    phases: tuple[Phase, ...]

    @classmethod
    def of_page(cls, name: str) -> "Point":
        """Return the point of a portal's page. Raises ValueError for one that has none."""
        return cls(f"page_{name.replace(' ', '_')}")


class Effect(StrEnum):
    """What happens at an armed place."""

    CRASH = "crash"
    ERROR = "error"
    DELAY = "delay"


class InjectedFault(Exception):
    """An error that a test has asked for. Nobody foresees it."""


class FaultyFaultpoints(ValueError):
    """What is to be armed cannot be read."""


@dataclass(frozen=True, slots=True)
class Armed:
    """One armed place: what strikes there, at which passage, and how many seconds are waited first."""

    point: Point
    phase: Phase
    effect: Effect
    seconds: float = 0.0
    passage: int = 1

    def __str__(self) -> str:
        """As it is written in the setting."""
        seconds = f"={self.seconds:g}" if self.seconds else ""
        passage = f"@{self.passage}" if self.passage > 1 else ""
        return f"{self.point.value}:{self.phase}:{self.effect}{seconds}{passage}"


_WRITTEN = re.compile(
    r"(?P<point>\w+):(?P<phase>\w+):(?P<effect>\w+)(=(?P<seconds>\d+(\.\d+)?))?(@(?P<passage>[1-9]\d*))?"
)


def read(text: str) -> tuple[Armed, ...]:
    """Return what a text arms. Raises FaultyFaultpoints."""
    return tuple(_read_one(each.strip()) for each in re.split(r"[,\n]", text) if each.strip())


def _read_one(text: str) -> Armed:
    match = _WRITTEN.fullmatch(text)
    if match is None:
        raise FaultyFaultpoints(f"{text!r} is not point:phase:effect")
    try:
        point, phase, effect = Point(match["point"]), Phase(match["phase"]), Effect(match["effect"])
    except ValueError as error:
        raise FaultyFaultpoints(f"{text!r}: {error}") from None
    if phase not in point.phases:
        raise FaultyFaultpoints(f"{text!r}: {point.value} has the phases {', '.join(point.phases)}")
    return Armed(point, phase, effect, float(match["seconds"] or 0), int(match["passage"] or 1))


class _Arsenal:
    """What is armed, and how often each place was passed."""

    def __init__(self, text: str) -> None:
        self._file = Path(text.removeprefix("@")) if text.startswith("@") else None
        self._armed = () if self._file else read(text)
        self._passed: dict[Armed, int] = {}

    def due(self, point: Point, phase: Phase) -> Armed | None:
        """Count this passage and return what strikes at it, which is armed no more."""
        if phase not in point.phases:
            raise FaultyFaultpoints(f"{point.value} has no {phase}")
        if self._file is not None:
            self._armed = read(self._file.read_text())
            with self._file.with_name(f"{self._file.name}.passed").open("a") as passed:
                passed.write(f"{point.value}:{phase}\n")
        for each in self._armed:
            if (each.point, each.phase) != (point, phase):
                continue
            self._passed[each] = self._passed.get(each, 0) + 1
            if self._passed[each] == each.passage:
                self._disarm(each)
                return each
        return None

    def _disarm(self, struck: Armed) -> None:
        del self._passed[struck]
        self._armed = tuple(each for each in self._armed if each != struck)
        if self._file is not None:
            self._file.write_text("\n".join(map(str, self._armed)))


_arsenal: _Arsenal | None = None


def arm(text: str | None) -> None:
    """Arm what the text says instead of what was armed; None disarms all. Raises FaultyFaultpoints."""
    global _arsenal  # noqa: PLW0603 - one process, one way through it
    _arsenal = _Arsenal(text) if text is not None else None


def reached(point: Point, phase: Phase) -> None:
    """Pass a place in synchronous code."""
    if _arsenal is None:
        return
    struck = _arsenal.due(point, phase)
    if struck is not None:
        _announce(struck)
        time.sleep(struck.seconds)
        _strike(struck)


async def passing(point: Point, phase: Phase) -> None:
    """Pass a place on an event loop; only the caller dawdles."""
    if _arsenal is None:
        return
    struck = _arsenal.due(point, phase)
    if struck is not None:
        _announce(struck)
        await asyncio.sleep(struck.seconds)
        _strike(struck)


def before_commit(written: Iterable[str]) -> None:
    """Pass the commits of what a transaction has written, by the names of their points."""
    if _arsenal is not None:
        for name in written:
            reached(Point(name), Phase.BEFORE_COMMIT)


def after_commit(written: Iterable[str]) -> None:
    """The same when the transaction is durable and nobody has heard of it yet."""
    if _arsenal is not None:
        for name in written:
            reached(Point(name), Phase.AFTER_COMMIT)


def _announce(struck: Armed) -> None:
    _log.warning("fault_point_struck", armed=str(struck))


def _strike(struck: Armed) -> None:
    if struck.effect is Effect.CRASH:
        os.kill(os.getpid(), signal.SIGKILL)
    if struck.effect is Effect.ERROR:
        raise InjectedFault(str(struck))
