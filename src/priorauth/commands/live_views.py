"""Views of live sessions: opened by a grant, connected by a ticket, renewed, ended; each is on the case's timeline.

A refused opening is an answer and no exception, since its trace has to be committed.
"""

import secrets
from dataclasses import dataclass
from datetime import timedelta

from priorauth.commands.access_grants import note_of
from priorauth.commands.record import load
from priorauth.domain.errors import AccessGrantNotFound, RateLimited
from priorauth.domain.live.grants import AccessGrant, Viewer, judge, refusal, ticket_hash_of
from priorauth.domain.live.views import Ending
from priorauth.domain.moment import Moment
from priorauth.store.access.rights import basis_of
from priorauth.store.transaction import Transaction

# How long the first ticket of a view connects it: whoever opens a grant does so at once.
_FIRST_TICKET = timedelta(seconds=60)
OPENINGS_A_MINUTE = 20
"""How often one address may be opened within a minute, whoever asks."""
VIEWS_OF_A_KIND = 20
"""How many may watch a session at a time, and as many act or wait to act: those who watch keep nobody from acting."""
# A viewer that comes back over and over, or is refused, leaves so many entries of a kind within an hour.
_ENTRIES_AN_HOUR = 40
_REFUSALS_OF_A_GRANT = 50


@dataclass(frozen=True, slots=True)
class Connected:
    """A view that somebody looks at: by which grant, in which session, and the ticket with which to come back."""

    viewer: Viewer
    grant: AccessGrant
    session_id: str
    next_ticket: str
    may_submit: bool


def open_view(
    tx: Transaction, moment: Moment, *, grant_id: str, network_address: str, review_seconds: float
) -> str | Ending:
    """Open a grant; return the ticket that connects its view once, or why the grant opens nothing any more.

    Whoever calls has proven the grant's secret. Raises AccessGrantNotFound, or RateLimited where the address was opened
    too often lately, or too many look at the session.
    """
    grant = tx.access_grants.require(grant_id).bounded(review_seconds)
    ending = _judged(tx, moment, grant)
    if ending is not None:
        _note_refusal(tx, moment, grant, ending, network_address=network_address)
        return ending
    _require_room(tx, grant, view_id=None)
    since = moment.now - _FIRST_TICKET
    if tx.live_views.opened_since(grant.id, since) >= OPENINGS_A_MINUTE:
        raise RateLimited(
            f"This address was opened {OPENINGS_A_MINUTE} times within a minute. Wait a minute and open it again.",
            details={"retryAfterSeconds": int(_FIRST_TICKET.total_seconds()), "limit": OPENINGS_A_MINUTE},
        )
    # Their tickets connect nothing any more.
    tx.live_views.forget_unused(grant.id, before=since)
    viewer = Viewer(
        id=moment.new_id("view"),
        access_grant_id=grant.id,
        authorization_id=grant.authorization_id,
        mode=grant.mode,
        network_address=network_address,
        opened_at=moment.now,
    )
    ticket = secrets.token_urlsafe(32)
    tx.live_views.add(viewer, ticket_hash=ticket_hash_of(ticket))
    _note(tx, moment, viewer, event="access_grant_opened")
    return ticket


def connect(tx: Transaction, moment: Moment, *, ticket: str, review_seconds: float) -> Connected | Ending:
    """Connect the view of a ticket, which nobody can use again; or say why its grant opens nothing any more.

    A view that was connected before goes on: its viewer comes back. Raises AccessGrantNotFound for a ticket that
    connects nothing.
    """
    viewer, grant = _of_ticket(tx, moment, ticket, review_seconds)
    ending = _judged(tx, moment, grant)
    claim = tx.sessions.of(grant.authorization_id)
    if ending is not None or claim is None:
        ending = ending or Ending.SESSION_LOST
        _note_refusal(tx, moment, grant, ending, network_address=viewer.network_address)
        return ending
    _require_room(tx, grant, view_id=viewer.id)
    following = secrets.token_urlsafe(32)
    if not tx.live_views.connect(
        viewer, spending=ticket_hash_of(ticket), leaving=ticket_hash_of(following), now=moment.now
    ):
        raise AccessGrantNotFound
    _note(tx, moment, viewer, event="live_view_started")
    return Connected(viewer, grant, claim.session_id, following, _may_submit(tx, grant))


def renew(tx: Transaction, moment: Moment, *, view_id: str, ticket: str, review_seconds: float) -> AccessGrant:
    """Let a view go on under the fresh grant that the ticket is of; return that grant.

    Raises AccessGrantNotFound unless both allow the very same, or the reason why the fresh one opens nothing.
    """
    opened, fresh = _of_ticket(tx, moment, ticket, review_seconds)
    viewer = tx.live_views.require(view_id)
    if opened.connected_at is not None or not fresh.continues(tx.access_grants.require(viewer.access_grant_id)):
        raise AccessGrantNotFound
    ending = _judged(tx, moment, fresh)
    if ending is not None:
        raise refusal(ending)
    if not tx.live_views.spend(opened, ticket_hash=ticket_hash_of(ticket), now=moment.now):
        raise AccessGrantNotFound
    tx.live_views.move(viewer, to=fresh)
    _note(tx, moment, tx.live_views.require(view_id), event="live_view_renewed")
    return fresh


def end(tx: Transaction, moment: Moment, *, view_id: str, next_ticket: str, reason: str) -> None:
    """End a view's connection, unless its viewer has come back by another one."""
    if tx.live_views.end(view_id, ticket_hash=ticket_hash_of(next_ticket), now=moment.now):
        _note(tx, moment, tx.live_views.require(view_id), event="live_view_ended", reason=reason)


def end_all(tx: Transaction, moment: Moment, *, authorization_id: str) -> None:
    """End every view of a case whose session is gone with its worker."""
    for viewer in tx.live_views.end_all(authorization_id, now=moment.now):
        _note(tx, moment, viewer, event="live_view_ended", reason=Ending.SESSION_LOST.value)


def note_refused_input(tx: Transaction, moment: Moment, *, view_id: str, reason: str) -> None:
    """Record that a view sent what it may not."""
    _note(tx, moment, tx.live_views.require(view_id), event="live_input_refused", reason=reason)


def _require_room(tx: Transaction, grant: AccessGrant, *, view_id: str | None) -> None:
    """Raise RateLimited where as many others look at the session in the grant's mode as may."""
    others = [
        each
        for each in tx.live_views.watching(grant.authorization_id)
        if each.mode is grant.mode and each.id != view_id
    ]
    if len(others) >= VIEWS_OF_A_KIND:
        raise RateLimited(
            f"{VIEWS_OF_A_KIND} people look at this session already. Open the address again when one has left.",
            details={"retryAfterSeconds": int(_FIRST_TICKET.total_seconds()), "limit": VIEWS_OF_A_KIND},
        )


def _judged(tx: Transaction, moment: Moment, grant: AccessGrant) -> Ending | None:
    case = load(tx, grant.authorization_id)
    return judge(grant, case, basis_of(tx, grant, case), now=moment.now)


def _may_submit(tx: Transaction, grant: AccessGrant) -> bool:
    """Say whether the grant's handoff holds an intent: then the final request may leave, once."""
    attempt = load(tx, grant.authorization_id).journal.open_attempt
    return attempt is not None and attempt.handoff_id is not None and attempt.handoff_id == grant.manual_handoff_id


def _of_ticket(tx: Transaction, moment: Moment, ticket: str, review_seconds: float) -> tuple[Viewer, AccessGrant]:
    viewer = tx.live_views.of_ticket(ticket_hash_of(ticket))
    if viewer is None or (viewer.connected_at is None and moment.now - viewer.opened_at >= _FIRST_TICKET):
        raise AccessGrantNotFound
    return viewer, tx.access_grants.require(viewer.access_grant_id).bounded(review_seconds)


def _note(tx: Transaction, moment: Moment, viewer: Viewer, *, event: str, **details: str) -> None:
    grant = tx.access_grants.require(viewer.access_grant_id)
    hour = f"{grant.id}:{event}:{moment.now:%Y-%m-%dT%H}"
    told = tx.timeline.count_observed(grant.authorization_id, f"{hour}:")
    if told >= _ENTRIES_AN_HOUR:
        return
    # The last one says that it is.
    last = {"further": "not_noted"} if told + 1 == _ENTRIES_AN_HOUR else {}
    details = {"liveViewId": viewer.id, "networkAddress": viewer.network_address, **details, **last}
    note_of(tx, moment, grant, event=event, once=f"{hour}:{told}", **details)


def _note_refusal(tx: Transaction, moment: Moment, grant: AccessGrant, ending: Ending, *, network_address: str) -> None:
    # Once for each reason and network address, and of those a bounded number: whoever keeps an old address, and has
    # network addresses without end, must not be able to fill the timeline.
    if tx.timeline.count_observed(grant.authorization_id, f"{grant.id}:refused:") >= _REFUSALS_OF_A_GRANT:
        return
    note_of(
        tx,
        moment,
        grant,
        event="access_grant_refused",
        once=f"{grant.id}:refused:{ending.value}:{network_address}",
        reason=ending.value,
        networkAddress=network_address,
    )
