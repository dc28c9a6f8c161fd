"""The sandbox: its scenarios and its simulated payers' portals. Production does not serve it."""

from fastapi import APIRouter
from starlette.responses import Response

from priorauth.domain.errors import ScenarioNotFound
from priorauth.domain.organizations import Caller
from priorauth.http.answers import Answer, answer
from priorauth.http.edge import AuthenticatedCall
from priorauth.http.operations import ScenarioId, describes
from priorauth.http.schemas.base import NoQuery
from priorauth.http.schemas.sandbox import PortalListView, PortalView, ScenarioListView, ScenarioView
from priorauth.sandbox import catalog
from priorauth.store.transaction import Transaction

router = APIRouter(prefix="/v1/sandbox", tags=["Sandbox"])


@router.get("/scenarios", **describes(gives=ScenarioListView))
async def list_scenarios(call: AuthenticatedCall) -> Response:
    """List the scenarios."""

    def query(_tx: Transaction, _: NoQuery) -> Answer:
        return answer(ScenarioListView(data=[ScenarioView.model_validate(each) for each in catalog.scenarios()]))

    return await call.read(query, parameters=NoQuery)


@router.get("/scenarios/{scenario_id}", **describes(gives=ScenarioView, errors=(ScenarioNotFound,)))
async def read_scenario(call: AuthenticatedCall, scenario_id: ScenarioId) -> Response:
    """Read a scenario: what to send, what resolves its blockers, and where it ends."""

    found = catalog.scenario(scenario_id)

    def see(_tx: Transaction, _caller: Caller) -> None:
        if found is None:
            raise ScenarioNotFound

    def query(_tx: Transaction, _: NoQuery) -> Answer:
        return answer(ScenarioView.model_validate(found))

    return await call.read(query, parameters=NoQuery, see=see)


@router.get("/portals", **describes(gives=PortalListView))
async def list_portals(call: AuthenticatedCall) -> Response:
    """List the simulated payers' portals and where they count what they have taken."""

    def query(_tx: Transaction, _: NoQuery) -> Answer:
        portals = [
            PortalView(
                id=portal.id,
                display_name=portal.display_name,
                url=portal.url,
                submissions_url=f"{portal.url}/sandbox/submissions",
            )
            for portal in call.services.settings.sandbox_portals
        ]
        return answer(PortalListView(data=portals))

    return await call.read(query, parameters=NoQuery)
