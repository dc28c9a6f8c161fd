"""What the person in control of an interactive view reports: done, could not finish, more time.

A view acts by the API key that created its grant, with the scopes that this key has now; so whatever ends the key ends
this too. The API's own requests run the same commands.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from priorauth.commands import handoffs
from priorauth.commands.access_grants import note_of
from priorauth.commands.record import load
from priorauth.domain.authorizations import Authorization
from priorauth.domain.errors import AccessGrantNotFound, AccessGrantRevoked, ManualHandoffNotActive
from priorauth.domain.handoffs import Report
from priorauth.domain.interactions import handoff_of
from priorauth.domain.live.grants import AccessGrant, caller_of, judge, refusal, ticket_hash_of
from priorauth.domain.moment import Moment
from priorauth.domain.organizations import Caller, Scope
from priorauth.store.access.rights import basis_of
from priorauth.store.transaction import Transaction

AT_MOST = timedelta(hours=4)
"""How long after its creation a handoff can be prolonged from the viewer, without its integrator."""
MORE = timedelta(minutes=15)
"""What a person gets who asks for more time, counted from then."""
_WORTHWHILE = timedelta(seconds=10)


def close(tx: Transaction, moment: Moment, *, view_id: str, next_ticket: str, report: Report) -> Authorization:
    """Close the handoff of an interactive view by its person's report.

    Args:
        tx: The transaction.
        moment: Now.
        view_id: The view in which it is reported.
        next_ticket: What proves that the connection still has the view.
        report: What the person reports.

    Returns:
        The authorization right after the close.

    Raises:
        AccessGrantNotFound: The view does not act in a handoff, or another connection has it.
        AccessGrantRevoked, AccessGrantExpired, ChannelSessionLost: Its grant opens nothing any more.
        InsufficientPermissions: The key that created the grant may not close handoffs.
        ManualHandoffNotActive: The handoff was closed by another report.
    """
    grant, caller = _acting(tx, moment, view_id=view_id, next_ticket=next_ticket)
    authorization, _ = handoffs.close(
        tx,
        caller,
        moment,
        authorization_id=grant.authorization_id,
        handoff_id=_handoff_id(grant),
        expected_version=None,
        report=report,
    )
    return authorization


def prolong(tx: Transaction, moment: Moment, *, view_id: str, next_ticket: str) -> datetime | None:
    """Let a view's grant go on for a quarter of an hour from now, up to four hours after its handoff was created.

    Returns:
        Until when the grant opens its session.

    Raises:
        ManualHandoffNotActive: The four hours are over, or the handoff is.
        Further errors: As `close`.
    """
    grant, _ = _acting(tx, moment, view_id=view_id, next_ticket=next_ticket)
    handoff = handoff_of(load(tx, grant.authorization_id), _handoff_id(grant))
    last = handoff.created_at + AT_MOST
    if last <= moment.now:
        raise ManualHandoffNotActive(
            "A handoff can be prolonged from its live view for four hours. Create a fresh access grant by the API."
        )
    until = min(moment.now + MORE, last)
    if grant.expires_at is None or until - grant.expires_at < _WORTHWHILE:
        # Asked for again and again, it writes nothing.
        return grant.expires_at
    handoffs.note_refresh(tx, moment, authorization_id=grant.authorization_id, handoff_id=handoff.id)
    longer = replace(grant, expires_at=until)
    tx.access_grants.save(longer)
    note_of(tx, moment, longer, event="live_view_renewed", liveViewId=view_id)
    return until


def _acting(tx: Transaction, moment: Moment, *, view_id: str, next_ticket: str) -> tuple[AccessGrant, Caller]:
    """Return the grant of a view that may report now, and who acts by it."""
    viewer = tx.live_views.require(view_id)
    grant = tx.access_grants.require(viewer.access_grant_id)
    if not tx.live_views.is_held_by(view_id, ticket_hash=ticket_hash_of(next_ticket)):
        raise AccessGrantNotFound
    authorization = load(tx, grant.authorization_id)
    ending = judge(grant, authorization, basis_of(tx, grant, authorization), now=moment.now)
    if ending is not None:
        raise refusal(ending)
    key = tx.organizations.key(grant.minted_by) if grant.minted_by is not None else None
    caller = caller_of(key, now=moment.now)
    if caller is None:
        raise AccessGrantRevoked
    caller.require(Scope.WRITE)
    return grant, caller


def _handoff_id(grant: AccessGrant) -> str:
    """Return the handoff that a grant acts in. Raises AccessGrantNotFound for one that only watches."""
    if grant.manual_handoff_id is None:
        raise AccessGrantNotFound
    return grant.manual_handoff_id
