"""Attachments of a case."""

from fastapi import APIRouter
from starlette.responses import Response

from priorauth.commands import attachments as commands
from priorauth.domain.errors import AttachmentNotFound, AuthorizationNotFound, FileNotFound, FileNotReady, NotMutable
from priorauth.http.answers import Answer, answer
from priorauth.http.edge import AuthenticatedCall, Writing, sees_attachment, sees_authorization
from priorauth.http.operations import AttachmentId, AuthorizationId, describes
from priorauth.http.routes.authorizations import rendered
from priorauth.http.schemas.attachments import AttachBody, AttachmentList, AttachmentView
from priorauth.http.schemas.authorizations import AuthorizationView
from priorauth.http.schemas.base import NoBody, PageQuery, Pagination
from priorauth.queries.attachments import listed
from priorauth.store.transaction import Transaction

router = APIRouter(tags=["Attachments"])


@router.get(
    "/{authorization_id}/attachments",
    **describes(gives=AttachmentList, query=PageQuery, errors=(AuthorizationNotFound,)),
)
async def list_attachments(call: AuthenticatedCall, authorization_id: AuthorizationId) -> Response:
    """List the documents of a case, newest first."""

    def query(tx: Transaction, parameters: PageQuery) -> Answer:
        page = listed(
            tx, call.caller, authorization_id=authorization_id, cursor=parameters.cursor, limit=parameters.limit
        )
        data = [AttachmentView.model_validate(attachment) for attachment in page.data]
        return answer(AttachmentList(data=data, pagination=Pagination(next_cursor=page.next_cursor)))

    return await call.read(query, parameters=PageQuery, see=sees_authorization(authorization_id))


@router.post(
    "/{authorization_id}/attachments",
    **describes(
        gives=AuthorizationView,
        takes=AttachBody,
        if_match=True,
        idempotency=False,
        errors=(AuthorizationNotFound, FileNotFound, FileNotReady, NotMutable),
    ),
)
async def attach_document(call: AuthenticatedCall, authorization_id: AuthorizationId) -> Response:
    """Attach a ready file and say what it is."""

    def run(writing: Writing[AttachBody]) -> Answer:
        case = commands.attach(
            writing.tx,
            writing.caller,
            writing.moment,
            authorization_id=authorization_id,
            expected_version=writing.expected_version,
            file_id=writing.body.file_id,
            document_types=tuple(writing.body.document_types),
            description=writing.body.description,
        )
        return rendered(call, writing.tx, case)

    return await call.write(run, body=AttachBody, see=sees_authorization(authorization_id), version_required=True)


@router.delete(
    "/{authorization_id}/attachments/{attachment_id}",
    **describes(gives=AuthorizationView, if_match=True, errors=(AuthorizationNotFound, AttachmentNotFound, NotMutable)),
)
async def detach_document(
    call: AuthenticatedCall, authorization_id: AuthorizationId, attachment_id: AttachmentId
) -> Response:
    """Take a document off a case."""

    def run(writing: Writing[NoBody]) -> Answer:
        case = commands.detach(
            writing.tx,
            writing.caller,
            writing.moment,
            authorization_id=authorization_id,
            expected_version=writing.expected_version,
            attachment_id=attachment_id,
        )
        return rendered(call, writing.tx, case)

    see = sees_attachment(authorization_id, attachment_id)
    return await call.write(run, body=NoBody, see=see, version_required=True)
