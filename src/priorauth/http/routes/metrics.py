"""The page of metrics, for whoever watches over the service. It is no part of the API, and not in its document."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from priorauth.domain.errors import PathNotFound
from priorauth.http.edge import Services

router = APIRouter(include_in_schema=False)


@router.get("/metrics")
async def read_metrics(request: Request) -> Response:
    """Give this node's metrics in the text format of Prometheus."""
    services: Services = request.app.state.services
    if services.metrics is None:
        raise PathNotFound
    return await services.metrics(request)
