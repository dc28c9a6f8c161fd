"""The rules of the lifecycle that two states of a case, or one, are enough to judge."""

from dataclasses import replace
from datetime import datetime

from priorauth.domain.authorizations import ActiveHandoff, Authorization
from priorauth.domain.boundary.journal import Journal
from priorauth.domain.handoffs import HandoffState
from priorauth.domain.lifecycle import Status
from priorauth.domain.submissions import Outcome
from tests.factories.moments import START


def seen(case: Authorization) -> tuple[Authorization, ActiveHandoff | None]:
    """What a client sees of a case, but for what counts its changes."""
    plain = replace(case, journal=Journal(), version=0, updated_at=datetime.min.replace(tzinfo=START.tzinfo))
    return plain, case.active_handoff


def check_versions(before: Authorization, after: Authorization) -> None:
    """Rules 1 and 8."""
    changed = seen(before) != seen(after)
    assert after.version == before.version + changed, "rule 1"
    assert (after.updated_at != before.updated_at) is changed, "rule 1"
    assert after.answers_version == before.answers_version + (after.answers != before.answers), "rule 8"
    attached = after.attachments != before.attachments
    assert after.attachments_version == before.attachments_version + attached, "rule 8"
    opened = replace(after.requirements, version=0) != replace(before.requirements, version=0)
    assert after.requirements.version == before.requirements.version + opened, "rule 8"


def check_final(before: Authorization, after: Authorization) -> None:
    """Rule 2."""
    if before.status is Status.COMPLETED:
        assert seen(after) == seen(before), "rule 2"
    if before.status is Status.CANCELED:
        assert seen(replace(after, submission=before.submission)) == seen(before), "rule 2"
        assert after.submission.review_snapshot == before.submission.review_snapshot, "rule 2"


def check_evidence(after: Authorization) -> None:
    """Rule 5."""
    if after.status is Status.WAITING_ON_PAYER:
        assert after.submission.payer_receipt is not None, "rule 5"
        assert after.journal.open_inquiry is None, "rule 7"
    if after.status is Status.PROCESSING and after.only_waits:
        assert after.journal.offers_lost, "rule 7"
    assert (after.outcome is not None) is (after.status is Status.COMPLETED), "rule 5"
    if after.outcome in (Outcome.APPROVED, Outcome.DENIED, Outcome.MODIFIED):
        assert after.submission.decision is not None, "rule 5"
        assert after.submission.decision.outcome is after.outcome, "rule 5"


def check_handoffs(after: Authorization) -> None:
    """One human at most, and only while one is needed or the service reads what the human left."""
    open_ones = [each for each in after.journal.handoffs if each.state is not HandoffState.CLOSED]
    assert len(open_ones) <= 1
    states = {Status.REQUIRES_ACTION: HandoffState.ACTIVE, Status.PROCESSING: HandoffState.CLOSING}
    assert all(states.get(after.status) is each.state for each in open_ones)
    for each in after.journal.handoffs:
        assert (each.state is HandoffState.ACTIVE) is (each.report is None)
        capable = [attempt for attempt in after.journal.attempts if attempt.handoff_id == each.id]
        assert len(capable) == each.final_submit_capable, "who may submit has an intent, and nobody else"
