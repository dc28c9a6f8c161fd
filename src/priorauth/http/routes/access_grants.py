"""Access grants: addresses that open a case's live session, and who is looking by them."""

import re

from fastapi import APIRouter
from starlette.responses import Response

from priorauth.commands import access_grants as commands
from priorauth.domain.errors import (
    AccessGrantNotFound,
    AuthorizationNotFound,
    LiveSessionNotAvailable,
    ManualHandoffNotActive,
    ManualHandoffNotFound,
)
from priorauth.domain.live.grants import AccessGrant, secret_of
from priorauth.domain.moment import Moment
from priorauth.domain.organizations import Scope
from priorauth.http.answers import Answer, answer
from priorauth.http.edge import AuthenticatedCall, Secrets, See, Services, Writing, sees_authorization
from priorauth.http.operations import AuthorizationId, GrantId, HandoffId, describes
from priorauth.http.routes.handoffs import sees_handoff
from priorauth.http.schemas.access_grants import AccessGrantView, RevocableGrantView, ViewerListView, ViewerView
from priorauth.http.schemas.base import NoBody, NoQuery
from priorauth.queries import access_grants as queries
from priorauth.store.transaction import Transaction

# The secret is there in what is answered, and missing in what is kept.
_ADDRESS = re.compile(rb"(/runtime/access/(rag_[0-9a-z]+)\.)(?:[A-Za-z0-9_-]{43})?")

router = APIRouter(tags=["Live sessions"])


@router.post(
    "/{authorization_id}/live-session/access-grants",
    **describes(
        gives=AccessGrantView,
        status=201,
        takes=NoBody,
        idempotency=False,
        errors=(AuthorizationNotFound, LiveSessionNotAvailable),
    ),
)
async def create_live_session_access_grant(call: AuthenticatedCall, authorization_id: AuthorizationId) -> Response:
    """Create an address at which the case's session can be watched, by nobody but those who have it.

    When there is nothing to watch, `details.reason` says why: `no_active_channel_session`, `portal_claim_expired`,
    `channel_session_lost` or `live_view_not_available`. The key needs the scope `authorizations:write`. Repeated under
    the same Idempotency-Key it is the same grant while that can be opened, and afterwards a fresh one.
    """

    def run(writing: Writing[NoBody]) -> Answer:
        grant = commands.mint_read_only(
            writing.tx,
            writing.caller,
            writing.moment,
            authorization_id=authorization_id,
            shows=call.services.shows,
            seconds=call.services.settings.access_grant_seconds,
        )
        return _answer(call.services, grant)

    return await call.write(
        run, body=NoBody, see=sees_authorization(authorization_id), secrets=_address_secrets(call.services)
    )


@router.post(
    "/{authorization_id}/manual-handoffs/{handoff_id}/access-grants",
    **describes(
        gives=AccessGrantView,
        status=201,
        takes=NoBody,
        idempotency=False,
        errors=(AuthorizationNotFound, ManualHandoffNotFound, ManualHandoffNotActive, LiveSessionNotAvailable),
    ),
)
async def create_manual_handoff_access_grant(
    call: AuthenticatedCall, authorization_id: AuthorizationId, handoff_id: HandoffId
) -> Response:
    """Create an address at which a human can act in the session of an active handoff.

    The key needs the scope `authorizations:confirm`, since a human in the session may submit where the handoff allows
    it. Each grant created keeps the handoff from being taken for abandoned. Repeated under the same Idempotency-Key it
    is the same grant while that can be opened, and afterwards a fresh one.
    """

    def run(writing: Writing[NoBody]) -> Answer:
        grant = commands.mint_interactive(
            writing.tx,
            writing.caller,
            writing.moment,
            authorization_id=authorization_id,
            handoff_id=handoff_id,
            shows=call.services.shows,
            seconds=call.services.settings.access_grant_seconds,
        )
        return _answer(call.services, grant)

    return await call.write(
        run,
        body=NoBody,
        scope=Scope.CONFIRM,
        see=sees_handoff(authorization_id, handoff_id),
        secrets=_address_secrets(call.services),
    )


@router.post(
    "/{authorization_id}/live-session/access-grants/{grant_id}/revoke",
    **describes(
        gives=RevocableGrantView,
        takes=NoBody,
        idempotency=False,
        errors=(AuthorizationNotFound, AccessGrantNotFound),
    ),
)
async def revoke_access_grant(
    call: AuthenticatedCall, authorization_id: AuthorizationId, grant_id: GrantId
) -> Response:
    """Revoke an access grant of the authorization, of either kind: its address opens nothing, and its views end.

    An interactive grant's handoff goes on: create another grant for it, or close it. A grant that was revoked before
    stays as it is. The key needs the scope `authorizations:write`.
    """

    def run(writing: Writing[NoBody]) -> Answer:
        grant = commands.revoke(
            writing.tx, writing.caller, writing.moment, authorization_id=authorization_id, grant_id=grant_id
        )
        bounded = grant.bounded(call.services.settings.review_view_seconds)
        return answer(RevocableGrantView.model_validate(bounded))

    return await call.write(run, body=NoBody, see=sees_grant(authorization_id, grant_id))


@router.get(
    "/{authorization_id}/live-session/viewers", **describes(gives=ViewerListView, errors=(AuthorizationNotFound,))
)
async def list_live_session_viewers(call: AuthenticatedCall, authorization_id: AuthorizationId) -> Response:
    """List who is watching the case's session now, and who can act in it."""

    def query(tx: Transaction, _: NoQuery) -> Answer:
        found = queries.viewers(tx, call.caller, authorization_id=authorization_id)
        return answer(ViewerListView(data=[ViewerView.model_validate(each) for each in found]))

    return await call.read(query, parameters=NoQuery, see=sees_authorization(authorization_id))


def sees_grant(authorization_id: str, grant_id: str) -> See:
    """Return the check that the caller may see this grant; it raises Authorization- or AccessGrantNotFound."""
    return lambda tx, caller: queries.one(tx, caller, authorization_id=authorization_id, grant_id=grant_id)


def _answer(services: Services, grant: AccessGrant) -> Answer:
    url = services.settings.address_of(grant.id)
    shown = AccessGrantView.model_validate({"id": grant.id, "url": url, "expires_at": grant.expires_at})
    return answer(shown, status_code=201)


def _address_secrets(services: Services) -> Secrets:
    """Keep a grant's secret out of what rests, and a grant that opens nothing any more from being answered again."""

    def reveal(tx: Transaction, moment: Moment, body: bytes) -> bytes | None:
        found = _ADDRESS.search(body)
        if found is None:
            return None
        review_seconds = services.settings.review_view_seconds
        if queries.judged(tx, moment, grant_id=found[2].decode(), review_seconds=review_seconds) is not None:
            return None
        secret = secret_of(found[2].decode(), key=services.settings.server_key)
        return _ADDRESS.sub(lambda address: address[1] + secret.encode(), body)

    return Secrets(conceal=lambda body: _ADDRESS.sub(rb"\1", body), reveal=reveal)
