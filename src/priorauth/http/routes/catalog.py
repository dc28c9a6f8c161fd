"""The catalog: providers, payers, and the routes that lead from one to the other."""

import re

from fastapi import APIRouter
from starlette.responses import Response

from priorauth.commands import catalog as commands
from priorauth.domain.catalog import NPI_FORM, ServiceCode, ServiceRequest
from priorauth.domain.errors import (
    BadRequest,
    Issue,
    PayerNotFound,
    ProviderAccessNotConfigured,
    ProviderNotFound,
    UnsupportedRoute,
)
from priorauth.domain.organizations import Scope
from priorauth.http.answers import Answer, answer
from priorauth.http.edge import AuthenticatedCall, Writing
from priorauth.http.operations import Npi, PayerId, describes
from priorauth.http.schemas.base import NoQuery, PageQuery, Pagination
from priorauth.http.schemas.catalog import (
    PayerList,
    PayerServicesView,
    PayerServiceView,
    PayersQuery,
    PayerView,
    ProviderList,
    ProviderView,
    RequestBody,
    ResolveBody,
    RouteOptionsView,
    RouteOptionView,
    RoutesQuery,
    option_view,
)
from priorauth.queries import catalog as queries
from priorauth.store.transaction import Transaction

router = APIRouter(prefix="/v1", tags=["Catalog"])


@router.get("/providers", **describes(gives=ProviderList, query=PageQuery))
async def list_providers(call: AuthenticatedCall) -> Response:
    """List the providers on whose behalf your organization can create cases, by NPI."""

    def query(tx: Transaction, parameters: PageQuery) -> Answer:
        page = queries.providers(tx, call.caller, cursor=parameters.cursor, limit=parameters.limit)
        data = [ProviderView.model_validate(each) for each in page.data]
        return answer(ProviderList(data=data, pagination=Pagination(next_cursor=page.next_cursor)))

    return await call.read(query, parameters=PageQuery)


@router.get("/providers/{npi}", **describes(gives=ProviderView, errors=(ProviderNotFound,)))
async def read_provider(call: AuthenticatedCall, npi: Npi) -> Response:
    """Read a provider."""

    def query(tx: Transaction, _: NoQuery) -> Answer:
        return answer(ProviderView.model_validate(commands.require_provider(tx, call.caller, npi)))

    return await call.read(query, parameters=NoQuery, see=lambda tx, who: commands.require_provider(tx, who, npi))


@router.get("/payers", **describes(gives=PayerList, query=PayersQuery))
async def list_payers(call: AuthenticatedCall) -> Response:
    """List the payers, by id: all of them, those of a name, those that cover a state."""

    def query(tx: Transaction, parameters: PayersQuery) -> Answer:
        page = queries.payers(
            tx,
            call.caller,
            text=parameters.query,
            state=parameters.state,
            cursor=parameters.cursor,
            limit=parameters.limit,
        )
        data = [PayerView.model_validate(each) for each in page.data]
        return answer(PayerList(data=data, pagination=Pagination(next_cursor=page.next_cursor)))

    return await call.read(query, parameters=PayersQuery)


@router.get("/payers/{payer_id}", **describes(gives=PayerView, errors=(PayerNotFound,)))
async def read_payer(call: AuthenticatedCall, payer_id: PayerId) -> Response:
    """Read a payer."""

    def query(tx: Transaction, _: NoQuery) -> Answer:
        payer, _version = commands.require_payer(tx, call.caller, payer_id)
        return answer(PayerView.model_validate(payer))

    return await call.read(query, parameters=NoQuery, see=lambda tx, who: commands.require_payer(tx, who, payer_id))


@router.get("/payers/{payer_id}/services", **describes(gives=PayerServicesView, errors=(PayerNotFound,)))
async def list_payer_services(call: AuthenticatedCall, payer_id: PayerId) -> Response:
    """List the services for which a payer takes requests, with their codes."""

    def query(tx: Transaction, _: NoQuery) -> Answer:
        payer, _version = commands.require_payer(tx, call.caller, payer_id)
        data = [PayerServiceView.model_validate(each) for each in payer.services]
        return answer(PayerServicesView(payer_id=payer.id, data=data))

    return await call.read(query, parameters=NoQuery, see=lambda tx, who: commands.require_payer(tx, who, payer_id))


@router.get(
    "/prior-authorization-routes",
    **describes(gives=RouteOptionsView, query=RoutesQuery, errors=(ProviderNotFound,)),
)
async def list_routes(call: AuthenticatedCall) -> Response:
    """List the ways that are open to a provider: which payers, for which states, request types and code systems."""

    def query(tx: Transaction, parameters: RoutesQuery) -> Answer:
        npi = checked_npi(parameters.provider_npi)
        commands.require_provider(tx, call.caller, npi)
        options = [option_view(payer, route) for payer, route in queries.routes(tx, call.caller, npi=npi)]
        return answer(RouteOptionsView(provider_npi=npi, options=options))

    return await call.read(query, parameters=RoutesQuery)


@router.post(
    "/prior-authorization-routes/resolve",
    **describes(
        gives=RouteOptionView,
        takes=ResolveBody,
        idempotency=False,
        errors=(ProviderNotFound, PayerNotFound, UnsupportedRoute, ProviderAccessNotConfigured),
    ),
)
async def resolve_route(call: AuthenticatedCall) -> Response:
    """Find the way that a case would take, without creating it: the answer, or the error, is that of the creation."""

    def run(writing: Writing[ResolveBody]) -> Answer:
        resolved = commands.resolve(
            writing.tx,
            writing.caller,
            provider_npi=checked_npi(writing.body.provider_npi),
            request=service_request(writing.body.request),
            portal_auth_mode=writing.body.portal_auth_mode,
        )
        return answer(option_view(resolved.payer, resolved.route))

    return await call.write(run, body=ResolveBody, scope=Scope.READ)


def checked_npi(number: str) -> str:
    """Return the number. Raises BadRequest when it does not have an NPI's form; who has it is another question."""
    if re.fullmatch(NPI_FORM, number) is None:
        message = "An NPI is ten digits, the first of them 1 or 2. Check it for a typing error."
        raise BadRequest(issues=(Issue("invalid_npi", message, "providerNpi"),))
    return number


def service_request(body: RequestBody) -> ServiceRequest:
    """Return the domain's request. Raises BadRequest for a code that does not have its system's form."""
    code = ServiceCode(body.service_code.system, body.service_code.code)
    if not code.is_well_formed:
        message = f"This is not the form of a {code.system.upper()} code. Check the code and its system."
        raise BadRequest(issues=(Issue("invalid_service_code", message, "request.serviceCode.code"),))
    return ServiceRequest(body.payer_id, body.coverage_state, body.request_type, code)
