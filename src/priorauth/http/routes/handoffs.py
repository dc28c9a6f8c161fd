"""Manual handoffs: a human takes the interaction with the payer over, and gives it back with a report."""

from typing import Any, TypeVar

from fastapi import APIRouter
from pydantic import BaseModel
from starlette.responses import Response

from priorauth.commands import handoffs as commands
from priorauth.domain.errors import (
    AuthorizationNotFound,
    ManualHandoffNotActive,
    ManualHandoffNotAllowed,
    ManualHandoffNotFound,
    PriorAuthError,
    ReviewAcknowledgementRequired,
    ReviewStale,
)
from priorauth.domain.handoffs import ManualHandoff
from priorauth.domain.organizations import Caller, Scope
from priorauth.http.answers import Answer, answer
from priorauth.http.edge import AuthenticatedCall, See, Writing, sees_authorization
from priorauth.http.operations import AuthorizationId, HandoffId, describes
from priorauth.http.schemas.base import NoQuery, PageQuery, Pagination
from priorauth.http.schemas.handoffs import (
    CompleteBody,
    HandoffBody,
    HandoffCloseView,
    ManualHandoffList,
    ManualHandoffView,
    RevokeBody,
    UnableBody,
    close_view,
    handoff_view,
)
from priorauth.queries import handoffs as queries
from priorauth.store.transaction import Transaction

router = APIRouter(tags=["Manual handoffs"])

Closing = TypeVar("Closing", CompleteBody, UnableBody, RevokeBody)

_UNKNOWN = (AuthorizationNotFound, ManualHandoffNotFound)


def _closes(*, by: type[BaseModel], errors: tuple[type[PriorAuthError], ...] = ()) -> dict[str, Any]:
    """Describe one way to close a handoff."""
    errors = (*_UNKNOWN, ManualHandoffNotActive, *errors)
    return describes(gives=HandoffCloseView, takes=by, if_match=False, idempotency=False, errors=errors)


@router.post(
    "/{authorization_id}/manual-handoffs",
    **describes(
        gives=ManualHandoffView,
        status=201,
        takes=HandoffBody,
        if_match=True,
        idempotency=False,
        status_repeated=200,
        errors=(AuthorizationNotFound, ManualHandoffNotAllowed, ReviewAcknowledgementRequired, ReviewStale),
    ),
)
async def create_manual_handoff(call: AuthenticatedCall, authorization_id: AuthorizationId) -> Response:
    """Take over the interaction that `nextAction` offers; 200 and the same handoff when it was taken over already."""

    def run(writing: Writing[HandoffBody]) -> Answer:
        handoff, is_new = commands.create(
            writing.tx,
            writing.caller,
            writing.moment,
            authorization_id=authorization_id,
            expected_version=writing.expected_version,
            accepted_review_snapshot_id=writing.body.accepted_review_snapshot_id,
        )
        view = _view(call, writing.tx, authorization_id, handoff)
        return answer(view, status_code=201 if is_new else 200)

    see = sees_authorization(authorization_id)
    return await call.write(run, body=HandoffBody, scope=Scope.CONFIRM, see=see, version_required=True)


@router.get(
    "/{authorization_id}/manual-handoffs",
    **describes(gives=ManualHandoffList, query=PageQuery, errors=(AuthorizationNotFound,)),
)
async def list_manual_handoffs(call: AuthenticatedCall, authorization_id: AuthorizationId) -> Response:
    """List the handoffs of a case, newest first."""

    def query(tx: Transaction, parameters: PageQuery) -> Answer:
        page = queries.listed(
            tx, call.caller, authorization_id=authorization_id, cursor=parameters.cursor, limit=parameters.limit
        )
        data = [_view(call, tx, authorization_id, each) for each in page.data]
        return answer(ManualHandoffList(data=data, pagination=Pagination(next_cursor=page.next_cursor)))

    return await call.read(query, parameters=PageQuery, see=sees_authorization(authorization_id))


@router.get("/{authorization_id}/manual-handoffs/{handoff_id}", **describes(gives=ManualHandoffView, errors=_UNKNOWN))
async def read_manual_handoff(
    call: AuthenticatedCall, authorization_id: AuthorizationId, handoff_id: HandoffId
) -> Response:
    """Read a handoff."""

    def query(tx: Transaction, _: NoQuery) -> Answer:
        handoff = queries.one(tx, call.caller, authorization_id=authorization_id, handoff_id=handoff_id)
        return answer(_view(call, tx, authorization_id, handoff))

    return await call.read(query, parameters=NoQuery, see=sees_handoff(authorization_id, handoff_id))


@router.post(
    "/{authorization_id}/manual-handoffs/{handoff_id}/complete",
    **_closes(by=CompleteBody, errors=(ManualHandoffNotAllowed,)),
)
async def complete_manual_handoff(
    call: AuthenticatedCall, authorization_id: AuthorizationId, handoff_id: HandoffId
) -> Response:
    """Give the interaction back and report what was done, or seen. The service reads for itself what is true."""
    return await _close(call, authorization_id, handoff_id, body=CompleteBody)


@router.post(
    "/{authorization_id}/manual-handoffs/{handoff_id}/unable-to-complete",
    **_closes(by=UnableBody),
)
async def report_unable_to_complete(
    call: AuthenticatedCall, authorization_id: AuthorizationId, handoff_id: HandoffId
) -> Response:
    """Give the interaction back unfinished. The case fails with the reason, unless the payer shows that it has it."""
    return await _close(call, authorization_id, handoff_id, body=UnableBody)


@router.post(
    "/{authorization_id}/manual-handoffs/{handoff_id}/revoke",
    **_closes(by=RevokeBody),
)
async def revoke_manual_handoff(
    call: AuthenticatedCall, authorization_id: AuthorizationId, handoff_id: HandoffId
) -> Response:
    """Take the interaction away from its human. Open views of it go dark at once."""
    return await _close(call, authorization_id, handoff_id, body=RevokeBody)


def sees_handoff(authorization_id: str, handoff_id: str) -> See:
    """Return the check that the caller may see this handoff; it raises Authorization- or ManualHandoffNotFound."""

    def see(tx: Transaction, caller: Caller) -> None:
        queries.one(tx, caller, authorization_id=authorization_id, handoff_id=handoff_id)

    return see


async def _close(call: AuthenticatedCall, authorization_id: str, handoff_id: str, *, body: type[Closing]) -> Response:
    def run(writing: Writing[Closing]) -> Answer:
        case, handoff = commands.close(
            writing.tx,
            writing.caller,
            writing.moment,
            authorization_id=authorization_id,
            handoff_id=handoff_id,
            expected_version=writing.expected_version,
            report=writing.body.report(),
        )
        return answer(close_view(case, handoff))

    return await call.write(run, body=body, see=sees_handoff(authorization_id, handoff_id))


def _view(call: AuthenticatedCall, tx: Transaction, authorization_id: str, handoff: ManualHandoff) -> ManualHandoffView:
    moment = call.services.present()
    enterable = queries.can_be_entered(tx, moment, authorization_id=authorization_id, handoff=handoff)
    return handoff_view(handoff, authorization_id=authorization_id, access_available=enterable)
