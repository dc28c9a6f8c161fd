"""Authorizations: create, read, list, answer, confirm, cancel, and the timeline."""

import asyncio
from dataclasses import replace

from fastapi import APIRouter
from starlette.responses import Response

from priorauth.commands import authorizations as commands
from priorauth.domain.authorizations import Authorization
from priorauth.domain.catalog import PortalAuthMode
from priorauth.domain.errors import (
    AuthorizationNotFound,
    FinalSubmissionPolicyNotAllowed,
    FinalSubmissionPolicyRequired,
    NextActionMismatch,
    NextActionNotConfirmable,
    NextActionRequired,
    NotConfirmable,
    NotMutable,
    PayerNotFound,
    ProviderAccessNotConfigured,
    ProviderNotFound,
    RequirementsNotSatisfied,
    ReviewStale,
    TemporarilyUnavailable,
    UnsupportedRoute,
)
from priorauth.domain.lifecycle import Status
from priorauth.domain.organizations import Scope
from priorauth.http.answers import Answer, answer
from priorauth.http.bodies import parse_query
from priorauth.http.conditions import is_known
from priorauth.http.edge import AuthenticatedCall, Call, Writing, sees_authorization
from priorauth.http.operations import AuthorizationId, describes
from priorauth.http.routes.catalog import checked_npi, service_request
from priorauth.http.schemas.authorizations import (
    AnswersBody,
    AuthorizationList,
    AuthorizationView,
    CancelBody,
    ConfirmBody,
    CreateBody,
    ListQuery,
    ReadQuery,
    written,
    written_page,
)
from priorauth.http.schemas.base import PageQuery, Pagination
from priorauth.http.schemas.events import EventList, EventView
from priorauth.queries import authorizations as queries
from priorauth.store.authorizations import Filter
from priorauth.store.transaction import Transaction

router = APIRouter(tags=["Authorizations"])

_QUEUE_IS_FULL = "So many cases wait for a worker that this one would wait too long. Confirm it again later."
_SHARE_IS_FULL = (
    "Your organization's cases take half of all places already; the others are kept for others. Confirm this one later."
)

_CREATE_ERRORS = (
    FinalSubmissionPolicyRequired,
    FinalSubmissionPolicyNotAllowed,
    ProviderNotFound,
    PayerNotFound,
    UnsupportedRoute,
    ProviderAccessNotConfigured,
)
_CONFIRM_ERRORS = (
    AuthorizationNotFound,
    NextActionRequired,
    ReviewStale,
    NextActionNotConfirmable,
    NotConfirmable,
    NextActionMismatch,
    RequirementsNotSatisfied,
    TemporarilyUnavailable,
)


@router.post(
    "", **describes(gives=AuthorizationView, status=201, takes=CreateBody, idempotency=True, errors=_CREATE_ERRORS)
)
async def create_authorization(call: AuthenticatedCall) -> Response:
    """Create a case. It is checked and stored; nothing is sent to the payer before it is confirmed."""
    automatic_allowed = call.services.settings.automatic_submission_allowed

    def run(writing: Writing[CreateBody]) -> Answer:
        body = writing.body
        if body.policy is None or body.policy.final_submission is None:
            raise FinalSubmissionPolicyRequired
        case = commands.create(
            writing.tx,
            writing.caller,
            writing.moment,
            provider_npi=checked_npi(body.provider_npi),
            request=service_request(body.request),
            final_submission=body.policy.final_submission,
            portal_auth_mode=body.portal_auth_mode or PortalAuthMode.AUTOMATED,
            answers=body.questionnaire_response.to_domain() if body.questionnaire_response else (),
            metadata=body.metadata or {},
            automatic_allowed=automatic_allowed,
        )
        return rendered(call, writing.tx, case, status_code=201)

    return await call.write(run, body=CreateBody, key_required=True)


@router.get("", **describes(gives=AuthorizationList, query=ListQuery))
async def list_authorizations(call: AuthenticatedCall) -> Response:
    """List cases, newest first."""

    def query(tx: Transaction, parameters: ListQuery) -> Answer:
        filters = parameters.model_dump(exclude={"limit", "cursor"})
        page, payers = queries.listed(
            tx, call.caller, narrowed=Filter(**filters), cursor=parameters.cursor, limit=parameters.limit
        )
        cases = (written(case, payers[case.payer_version]) for case in page.data)
        return Answer(written_page(cases, Pagination(next_cursor=page.next_cursor)))

    return await call.read(query, parameters=ListQuery)


@router.get(
    "/{authorization_id}",
    **describes(gives=AuthorizationView, query=ReadQuery, not_modified=True, errors=(AuthorizationNotFound,)),
)
async def read_authorization(call: AuthenticatedCall, authorization_id: AuthorizationId) -> Response:
    """Read a case. With `afterVersion` the answer waits for a later version, and is 304 when the time is up."""

    def query(tx: Transaction, parameters: ReadQuery) -> Answer:
        case = tx.authorizations.require(call.caller, authorization_id)
        if parameters.knows(case.version) or is_known(call.request, version=case.version):
            return Answer(b"", 304, case.version)
        # Keys that may watch are shown another body of the same version: nothing between may mix them up.
        shown = rendered(call, tx, case, with_live_view=call.caller.has(Scope.LIVE_VIEW))
        return replace(shown, headers={"Vary": "Authorization"})

    async def read() -> Response:
        return await call.read(query, parameters=ReadQuery, see=sees_authorization(authorization_id))

    with call.services.database.changes.watched(authorization_id) as watch:
        response = await read()
        until = asyncio.get_running_loop().time() + parse_query(ReadQuery, call.request).wait_seconds
        while response.status_code == 304 and await watch.following(until=until):
            response = await read()
    return response


@router.patch(
    "/{authorization_id}/answers",
    **describes(gives=AuthorizationView, takes=AnswersBody, if_match=True, errors=(AuthorizationNotFound, NotMutable)),
)
async def answer_questions(call: AuthenticatedCall, authorization_id: AuthorizationId) -> Response:
    """Merge answers: the named items are replaced, the others stay, an empty `answer` clears."""

    def run(writing: Writing[AnswersBody]) -> Answer:
        case = commands.answer(
            writing.tx,
            writing.caller,
            writing.moment,
            authorization_id=authorization_id,
            expected_version=writing.expected_version,
            patch=writing.body.questionnaire_response.to_domain(),
        )
        return rendered(call, writing.tx, case)

    return await call.write(run, body=AnswersBody, see=sees_authorization(authorization_id), version_required=True)


@router.post(
    "/{authorization_id}/confirm",
    **describes(gives=AuthorizationView, takes=ConfirmBody, if_match=True, idempotency=False, errors=_CONFIRM_ERRORS),
)
async def confirm_next_action(call: AuthenticatedCall, authorization_id: AuthorizationId) -> Response:
    """Confirm the current next action: the service goes on, and after an approval it submits."""

    def run(writing: Writing[ConfirmBody]) -> Answer:
        if writing.body.next_action_id is None:
            raise NextActionRequired
        case = commands.confirm(
            writing.tx,
            writing.caller,
            writing.moment,
            authorization_id=authorization_id,
            expected_version=writing.expected_version,
            next_action_id=writing.body.next_action_id,
        )
        # Judged last: what can never be confirmed says so, and nothing of this one stays.
        most = call.services.settings.waiting_work_limit
        if writing.tx.work.waiting() > most:
            raise TemporarilyUnavailable(_QUEUE_IS_FULL)
        # Half of all places for one organization: it never keeps another one out.
        if writing.tx.authorizations.count(writing.caller, Status.PROCESSING) > (most + 1) // 2:
            raise TemporarilyUnavailable(_SHARE_IS_FULL)
        return rendered(call, writing.tx, case)

    see = sees_authorization(authorization_id)
    return await call.write(run, body=ConfirmBody, scope=Scope.CONFIRM, see=see, version_required=True)


@router.post(
    "/{authorization_id}/cancel",
    **describes(
        gives=AuthorizationView,
        takes=CancelBody,
        if_match=False,
        idempotency=False,
        errors=(AuthorizationNotFound, NotMutable),
    ),
)
async def cancel_authorization(call: AuthenticatedCall, authorization_id: AuthorizationId) -> Response:
    """Cancel a case: the service stops. What the payer has received stays with the payer."""

    def run(writing: Writing[CancelBody]) -> Answer:
        case = commands.cancel(
            writing.tx,
            writing.caller,
            writing.moment,
            authorization_id=authorization_id,
            expected_version=writing.expected_version,
            reason=writing.body.reason,
        )
        return rendered(call, writing.tx, case)

    return await call.write(run, body=CancelBody, see=sees_authorization(authorization_id))


@router.get(
    "/{authorization_id}/events",
    **describes(gives=EventList, query=PageQuery, errors=(AuthorizationNotFound,)),
)
async def list_events(call: AuthenticatedCall, authorization_id: AuthorizationId) -> Response:
    """Read the timeline of a case, newest first."""

    def query(tx: Transaction, parameters: PageQuery) -> Answer:
        page = queries.timeline(
            tx, call.caller, authorization_id=authorization_id, cursor=parameters.cursor, limit=parameters.limit
        )
        data = [EventView.model_validate(entry) for entry in page.data]
        return answer(EventList(data=data, pagination=Pagination(next_cursor=page.next_cursor)))

    return await call.read(query, parameters=PageQuery, see=sees_authorization(authorization_id))


def rendered(
    call: Call, tx: Transaction, case: Authorization, *, status_code: int = 200, with_live_view: bool = False
) -> Answer:
    """Return a case as an answer with its ETag; `with_live_view` shows where its review can be watched, a secret."""
    payer = tx.catalog.payer_version(case.payer_version)
    address_of = call.services.settings.address_of if with_live_view else None
    return Answer(written(case, payer, address_of=address_of), status_code, case.version)
