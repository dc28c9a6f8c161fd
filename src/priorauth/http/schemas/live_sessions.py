"""Live sessions on the wire."""

from typing import Literal

from pydantic import Field

from priorauth.domain.authorizations import Authorization
from priorauth.domain.live_sessions import AccessMode, BoundaryState, HandoffAvailability, HandoffReason, LiveSession
from priorauth.http.schemas.base import View


class OwnerView(View):
    """Who acts in the session."""

    type: Literal["automation", "manual_handoff"] = Field(
        description="`automation`: the service. `manual_handoff`: a human to whom the session was handed."
    )
    manual_handoff_id: str | None = Field(description="The handoff that owns the session; else null.")


class AccessView(View):
    """What may be opened."""

    available: bool = Field(description="Whether an access grant can be created now.")
    supported_modes: list[AccessMode] = Field(description="The kinds of access that the session's owner allows.")


class SessionHandoffView(View):
    """Whether a human can take the session."""

    allowed: bool = Field(description="Whether the offered handoff can be accepted now.")
    state: HandoffAvailability = Field(description="Whether a human can take, or has, the session.")
    reason: HandoffReason = Field(description="Why.")
    manual_handoff_id: str | None = Field(description="The active handoff; else null.")


class SafetyView(View):
    """Where the session stands before the payer's final boundary: the request that submits the case for good."""

    irreversible_boundary_state: BoundaryState = Field(description="Where the session stands.")
    final_submit_capable: bool = Field(description="Whether the guard would let the final request pass now.")
    requires_review_approval_for_submit: bool = Field(
        description="Whether an approval is demanded that was not given yet."
    )
    review_snapshot_id: str | None = Field(description="The current review snapshot; else null.", examples=["rev_123"])


class LiveSessionView(View):
    """The projection of a case's channel session. It says nothing of what the payer has or decided."""

    prior_authorization_id: str = Field(description="The case.", examples=["auth_123"])
    prior_authorization_version: int = Field(description="Its version as of this answer.")
    state: Literal["live", "not_live"] = Field(
        description="`live`: a session with the payer is up. `not_live`: there is none."
    )
    channel: str | None = Field(description="How the payer is reached; null when not live.", examples=["portal"])
    owner: OwnerView = Field(description="Who acts in the session.")
    access: AccessView = Field(description="What may be opened.")
    handoff: SessionHandoffView = Field(description="Whether a human can take the session.")
    safety: SafetyView = Field(description="How close the session is to what cannot be undone.")


def live_session_view(case: Authorization, session: LiveSession, *, available: bool) -> LiveSessionView:
    """Return a live session as a client sees it; `available` says whether an access grant can be created now."""
    handoff_id = session.manual_handoff_id
    return LiveSessionView(
        prior_authorization_id=case.id,
        prior_authorization_version=case.version,
        state="live" if session.is_live else "not_live",
        channel=session.channel,
        owner=OwnerView(type="manual_handoff" if handoff_id else "automation", manual_handoff_id=handoff_id),
        access=AccessView(available=available, supported_modes=list(session.supported_modes)),
        handoff=SessionHandoffView(
            allowed=session.handoff_state is HandoffAvailability.OFFERED,
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
