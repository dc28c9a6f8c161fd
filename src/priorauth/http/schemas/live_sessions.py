"""Live sessions on the wire."""

from typing import Literal

from pydantic import Field

from priorauth.domain.authorizations import Authorization
from priorauth.domain.live_sessions import BoundaryState, HandoffState, LiveSession
from priorauth.http.schemas.base import View


class OwnerView(View):
    """Who acts in the session."""

    type: Literal["automation", "manual_handoff"]
    manual_handoff_id: str | None


class AccessView(View):
    """What may be opened."""

    available: bool = Field(description="Whether an access grant can be created now.")
    supported_modes: list[str]


class SessionHandoffView(View):
    """Whether a human can take the session."""

    allowed: bool
    state: HandoffState
    reason: str
    manual_handoff_id: str | None


class SafetyView(View):
    """Where the session stands before the payer's final boundary."""

    irreversible_boundary_state: BoundaryState
    final_submit_capable: bool
    requires_review_approval_for_submit: bool
    review_snapshot_id: str | None


class LiveSessionView(View):
    """The projection of a case's channel session."""

    prior_authorization_id: str
    prior_authorization_version: int
    state: Literal["live", "not_live"]
    channel: str | None
    owner: OwnerView
    access: AccessView
    handoff: SessionHandoffView
    safety: SafetyView


def live_session_view(case: Authorization, session: LiveSession) -> LiveSessionView:
    """Return a live session as a client sees it. No access grant can be created yet, so none is available."""
    handoff_id = session.manual_handoff_id
    return LiveSessionView(
        prior_authorization_id=case.id,
        prior_authorization_version=case.version,
        state="live" if session.is_live else "not_live",
        channel=session.channel,
        owner=OwnerView(type="manual_handoff" if handoff_id else "automation", manual_handoff_id=handoff_id),
        access=AccessView(available=False, supported_modes=list(session.supported_modes)),
        handoff=SessionHandoffView(
            allowed=session.handoff_state is HandoffState.OFFERED,
            state=session.handoff_state,
            reason=session.handoff_reason,
            manual_handoff_id=handoff_id,
        ),
        safety=SafetyView(
            irreversible_boundary_state=session.boundary,
            final_submit_capable=session.final_submit_capable,
            requires_review_approval_for_submit=session.requires_approval,
            review_snapshot_id=session.review_snapshot_id,
        ),
    )
