"""Review snapshots: the picture of the payer's review page."""

from fastapi import APIRouter
from starlette.responses import Response

from priorauth.domain.errors import AuthorizationNotFound, ReviewImageNotFound
from priorauth.http.edge import AuthenticatedCall, sees_authorization
from priorauth.http.operations import AuthorizationId, SnapshotId, describes
from priorauth.http.schemas.base import NoQuery
from priorauth.store.transaction import Transaction

router = APIRouter(tags=["Authorizations"])

_PNG = "image/png"


@router.get(
    "/{authorization_id}/review-snapshots/{snapshot_id}/image",
    **describes(gives=(_PNG,), errors=(AuthorizationNotFound, ReviewImageNotFound)),
)
async def read_review_image(
    call: AuthenticatedCall, authorization_id: AuthorizationId, snapshot_id: SnapshotId
) -> Response:
    """Read the picture of the payer's whole review page, as it was when the snapshot was issued."""

    def query(tx: Transaction, _: NoQuery) -> str:
        snapshot = tx.authorizations.require(call.caller, authorization_id).submission.review_snapshot
        if snapshot is None or snapshot.id != snapshot_id or snapshot.picture is None:
            raise ReviewImageNotFound
        return snapshot.picture

    name = await call.look(query, parameters=NoQuery, see=sees_authorization(authorization_id))
    picture = await call.services.blobs.get(name)
    headers = {
        # It shows a patient's data: no other site embeds it, and nothing in it runs.
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "Cross-Origin-Resource-Policy": "same-origin",
    }
    return Response(picture, media_type=_PNG, headers=headers)
