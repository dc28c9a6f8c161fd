"""Access grants: minted, revoked. What is opened by them is in `live_views`. None of it moves a case's version."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from types import MappingProxyType

from priorauth.commands import handoffs
from priorauth.commands.authorizations import customer
from priorauth.commands.processing import note
from priorauth.commands.record import load
from priorauth.domain.authorizations import Authorization
from priorauth.domain.errors import AccessGrantNotFound
from priorauth.domain.events import SERVICE, Actor
from priorauth.domain.live.grants import AccessGrant, Shows, judge, require_session
from priorauth.domain.live_sessions import AccessMode, SessionClaim, is_enterable
from priorauth.domain.moment import Moment
from priorauth.domain.organizations import Caller
from priorauth.store.access.rights import basis_of, may_enter
from priorauth.store.transaction import Transaction


def mint_read_only(
    tx: Transaction, caller: Caller, moment: Moment, *, authorization_id: str, shows: Shows | None, seconds: int
) -> AccessGrant:
    """Let whoever gets the grant watch the session that is up. Raises LiveSessionNotAvailable."""
    case = tx.authorizations.require(caller, authorization_id)
    claim = _require_session(tx, moment, case, shows)
    grant = AccessGrant(
        id=moment.new_id("rag"),
        authorization_id=case.id,
        mode=AccessMode.READ_ONLY,
        session_id=claim.session_id,
        minted_by=caller.key_id,
        created_at=moment.now,
        expires_at=moment.now + timedelta(seconds=seconds),
    )
    return _minted(tx, moment, grant)


def mint_interactive(
    tx: Transaction,
    caller: Caller,
    moment: Moment,
    *,
    authorization_id: str,
    handoff_id: str,
    shows: Shows | None,
    seconds: int,
) -> AccessGrant:
    """Let whoever gets the grant act in a handoff's session.

    Raises ManualHandoffNotFound, ManualHandoffNotActive or LiveSessionNotAvailable.
    """
    case = tx.authorizations.require(caller, authorization_id)
    handoffs.note_refresh(tx, moment, authorization_id=case.id, handoff_id=handoff_id)
    claim = _require_session(tx, moment, case, shows)
    grant = AccessGrant(
        id=moment.new_id("rag"),
        authorization_id=case.id,
        mode=AccessMode.INTERACTIVE,
        session_id=claim.session_id,
        manual_handoff_id=handoff_id,
        minted_by=caller.key_id,
        created_at=moment.now,
        expires_at=moment.now + timedelta(seconds=seconds),
    )
    return _minted(tx, moment, grant)


def revoke(tx: Transaction, caller: Caller, moment: Moment, *, authorization_id: str, grant_id: str) -> AccessGrant:
    """Take the right of a grant of this authorization away for ever; its views end at once. Repeats are free.

    Raises AuthorizationNotFound or AccessGrantNotFound.
    """
    authorization = tx.authorizations.require(caller, authorization_id)
    if tx.access_grants.require(grant_id).authorization_id != authorization.id:
        raise AccessGrantNotFound
    return _revoked(tx, moment, grant_id, actor=customer(caller))


def revoke_as_operator(tx: Transaction, moment: Moment, *, grant_id: str) -> AccessGrant:
    """Do the same for whoever runs the service, for any grant. Raises AccessGrantNotFound."""
    return _revoked(tx, moment, grant_id, actor=SERVICE)


def is_right_valid(tx: Transaction, moment: Moment, *, authorization_id: str) -> bool:
    """Return True while a person may act in the authorization's session: ask before what they sent goes out.

    True needs an interactive grant that was opened and that is neither expired nor revoked, whose handoff is active,
    whose key still has its scope, and a portal account that people may enter. On PostgreSQL the key's row is held until
    the transaction ends, so that a revocation comes either before it or after it.

    Args:
        tx: The transaction that commits the intent to submit.
        moment: The present time.
        authorization_id: The authorization whose active handoff is meant.

    Returns:
        False where nobody may act; then nothing may be sent in a person's name.
    """
    authorization = load(tx, authorization_id)
    opened = (each for each in tx.access_grants.opened(authorization_id) if each.mode is AccessMode.INTERACTIVE)
    return any(
        judge(grant, authorization, basis_of(tx, grant, authorization), now=moment.now) is None for grant in opened
    )


def note_of(
    tx: Transaction, moment: Moment, grant: AccessGrant, *, event: str, once: str | None = None, **details: str
) -> None:
    """Put on the timeline what was done by a grant: by whose key, in which mode, and never its secret.

    `once` names what is noted a single time, however often it happens.
    """
    _note(tx, moment, grant, event=event, actor=grant.actor, once=once, details=details)


def _note(
    tx: Transaction,
    moment: Moment,
    grant: AccessGrant,
    *,
    event: str,
    actor: Actor,
    once: str | None = None,
    details: Mapping[str, str] = MappingProxyType({}),
) -> None:
    told = {"accessGrantId": grant.id, "mode": grant.mode.value, **details}
    if grant.manual_handoff_id is not None:
        told["manualHandoffId"] = grant.manual_handoff_id
    note(
        tx,
        moment,
        authorization_id=grant.authorization_id,
        event=event,
        actor=actor,
        details=told,
        observation_id=once,
    )


def _require_session(tx: Transaction, moment: Moment, case: Authorization, shows: Shows | None) -> SessionClaim:
    claim = tx.sessions.of(case.id)
    enterable = may_enter(tx, claim) and is_enterable(case)
    return require_session(case, claim, shows, may_enter=enterable, now=moment.now)


def _revoked(tx: Transaction, moment: Moment, grant_id: str, *, actor: Actor) -> AccessGrant:
    grant = tx.access_grants.require(grant_id)
    if grant.revoked_at is None:
        grant = replace(grant, revoked_at=moment.now)
        tx.access_grants.save(grant)
        _note(tx, moment, grant, event="access_grant_revoked", actor=actor)
    return grant


def _minted(tx: Transaction, moment: Moment, grant: AccessGrant) -> AccessGrant:
    tx.access_grants.add(grant)
    note_of(tx, moment, grant, event="access_grant_created")
    return grant
