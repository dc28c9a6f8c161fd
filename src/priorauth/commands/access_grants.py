"""Access grants: minted, revoked. What is opened by them is in `live_views`. None of it moves a case's version."""

from dataclasses import replace
from datetime import timedelta

from priorauth.commands import handoffs
from priorauth.commands.processing import note
from priorauth.domain.live.grants import AccessGrant, Shows, require_session
from priorauth.domain.live_sessions import AccessMode
from priorauth.domain.moment import Moment
from priorauth.domain.organizations import Caller
from priorauth.store.transaction import Transaction


def mint_read_only(
    tx: Transaction, caller: Caller, moment: Moment, *, authorization_id: str, shows: Shows | None, seconds: int
) -> AccessGrant:
    """Let whoever gets the grant watch the session that is up. Raises LiveSessionNotAvailable."""
    case = tx.authorizations.require(caller, authorization_id)
    claim = require_session(case, tx.sessions.of(case.id), shows, now=moment.now)
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
    claim = require_session(case, tx.sessions.of(case.id), shows, now=moment.now)
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


def revoke(tx: Transaction, moment: Moment, *, grant_id: str) -> AccessGrant:
    """Take a grant's right away for ever; its views end at once. Repeats are free. Raises AccessGrantNotFound."""
    grant = tx.access_grants.require(grant_id)
    if grant.revoked_at is None:
        grant = replace(grant, revoked_at=moment.now)
        tx.access_grants.save(grant)
        note_of(tx, moment, grant, event="access_grant_revoked")
    return grant


def note_of(
    tx: Transaction, moment: Moment, grant: AccessGrant, *, event: str, once: str | None = None, **details: str
) -> None:
    """Put on the case's timeline what was done by a grant: by whose key, in which mode, and never its secret.

    `once` names what is noted a single time, however often it happens.
    """
    told = {"accessGrantId": grant.id, "mode": grant.mode.value, **details}
    if grant.manual_handoff_id is not None:
        told["manualHandoffId"] = grant.manual_handoff_id
    note(
        tx,
        moment,
        authorization_id=grant.authorization_id,
        event=event,
        actor=grant.actor,
        details=told,
        observation_id=once,
    )


def _minted(tx: Transaction, moment: Moment, grant: AccessGrant) -> AccessGrant:
    tx.access_grants.add(grant)
    note_of(tx, moment, grant, event="access_grant_created")
    return grant
