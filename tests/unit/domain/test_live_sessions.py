"""What the live session says of the boundary: may the final request leave, and is an approval missing."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from priorauth.domain import processing
from priorauth.domain.authorizations import Authorization, FinalSubmission
from priorauth.domain.handoffs import HandoffResult, OfferReason, Report
from priorauth.domain.live_sessions import BoundaryState, LiveSession, SessionClaim, project
from tests.factories import cases
from tests.factories.moments import Clock

Build = Callable[[Clock], Authorization]


def seen(build: Build, boundary: BoundaryState) -> LiveSession:
    """The live session of a case whose channel session stands at `boundary`."""
    clock = Clock()
    case = build(clock)
    claim = SessionClaim(
        authorization_id=case.id,
        session_id="sess_1",
        worker="worker_1",
        channel="portal",
        boundary=boundary,
        expires_at=clock.now + timedelta(minutes=5),
    )
    return project(case, claim, now=clock.now)


def in_hand(clock: Clock) -> Authorization:
    return cases.taken_over(clock, reason=OfferReason.FINAL_SUBMIT)


def given_back(clock: Clock) -> Authorization:
    return cases.given_back(clock, Report(result=HandoffResult.REVOKED), reason=OfferReason.FINAL_SUBMIT)


def looked_for_by_a_human(clock: Clock) -> Authorization:
    return cases.offer_of(cases.attempted(clock), clock, reason=OfferReason.SUBMISSION_UNRESOLVED)


def offered_by_policy(clock: Clock) -> Authorization:
    case = cases.advancing(clock, final_submission=FinalSubmission.AUTOMATIC)
    return cases.offer_of(case, clock, reason=OfferReason.FINAL_SUBMIT)


def status_check_in_hand(clock: Clock) -> Authorization:
    return cases.offer_of(cases.submitted(clock), clock, reason=OfferReason.SIGN_IN)


def submitted_by_a_human(clock: Clock) -> Authorization:
    return processing.record_receipt(given_back(clock), clock.moment(), receipt=cases.receipt(clock))


CAPABLE: list[tuple[Build, BoundaryState, bool]] = [
    (in_hand, BoundaryState.AT_BOUNDARY, True),
    (cases.attempted, BoundaryState.AT_BOUNDARY, True),
    (given_back, BoundaryState.AT_BOUNDARY, False),
    (looked_for_by_a_human, BoundaryState.NOT_REACHED, False),
    (looked_for_by_a_human, BoundaryState.AT_BOUNDARY, False),
    (cases.attempted, BoundaryState.NOT_REACHED, False),
    (cases.approved, BoundaryState.AT_BOUNDARY, False),
]


@pytest.mark.parametrize(("build", "boundary", "capable"), CAPABLE)
def test_the_final_request_may_leave_only_by_the_intent_of_whoever_has_the_session(
    build: Build, boundary: BoundaryState, capable: bool
) -> None:
    assert seen(build, boundary).final_submit_capable is capable


DEMANDED: list[tuple[Build, bool]] = [
    (cases.under_review, True),
    (cases.approved, False),
    (offered_by_policy, True),
    (in_hand, False),
    (given_back, False),
    (looked_for_by_a_human, False),
    (status_check_in_hand, False),
    (submitted_by_a_human, False),
]


@pytest.mark.parametrize(("build", "demanded"), DEMANDED)
def test_an_approval_is_demanded_only_for_what_may_still_be_sent(build: Build, demanded: bool) -> None:
    assert seen(build, BoundaryState.AT_BOUNDARY).requires_approval is demanded
