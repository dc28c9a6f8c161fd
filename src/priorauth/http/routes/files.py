"""Files: declare, upload once, complete, read, download."""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from urllib.parse import quote

from fastapi import APIRouter, Request
from starlette.responses import Response, StreamingResponse

from priorauth.commands import files as commands
from priorauth.domain.errors import (
    FileAlreadyCompleted,
    FileNotFound,
    FileNotReady,
    FileTooLarge,
    StorageQuotaExceeded,
)
from priorauth.domain.files import EXTENSIONS, FileStatus, SentAs, StoredFile, renamed
from priorauth.domain.organizations import Scope
from priorauth.formats.documents.inspection import Inspected
from priorauth.http.answers import Answer, answer
from priorauth.http.bodies import declared_size
from priorauth.http.edge import AuthenticatedCall, Call, Secrets, Services, Writing, sees_file
from priorauth.http.operations import FileId, UploadTarget, describes
from priorauth.http.schemas.base import NoBody, NoQuery
from priorauth.http.schemas.files import DeclaredFileView, DeclareFileBody, FileView, UploadView, file_view
from priorauth.http.uploads import receive_bytes
from priorauth.store.blobs import once
from priorauth.store.data_folder import proof
from priorauth.store.transaction import Transaction

# The proof is there in what is answered, and missing in what is kept.
_UPLOAD_ADDRESS = re.compile(rb"(/uploads/(file_[0-9a-z]+)\.)(?:[0-9a-f]{64})?")

router = APIRouter(prefix="/v1/files", tags=["Files"])
uploads = APIRouter(tags=["Files"])


@router.post("", **describes(gives=DeclaredFileView, status=201, takes=DeclareFileBody, idempotency=False))
async def declare_file(call: AuthenticatedCall) -> Response:
    """Declare a file and get the address that takes its bytes."""
    settings = call.services.settings

    def run(writing: Writing[DeclareFileBody]) -> Answer:
        file = commands.declare(
            writing.tx,
            writing.caller,
            writing.moment,
            file_name=writing.body.file_name,
            content_type=writing.body.content_type,
            purpose=writing.body.purpose,
            upload_seconds=settings.upload_seconds,
        )
        url = f"{settings.public_base_url}/uploads/{file.id}.{_proof_of(call.services, file.id)}"
        upload = UploadView(url=url, headers={"Content-Type": file.content_type})
        declared = DeclaredFileView(file=file_view(file, base_url=settings.public_base_url), upload=upload)
        return answer(declared, status_code=201)

    return await call.write(run, body=DeclareFileBody, secrets=_upload_secrets(call.services))


@router.get("/{file_id}", **describes(gives=FileView, errors=(FileNotFound,)))
async def read_file(call: AuthenticatedCall, file_id: FileId) -> Response:
    """Read a file's state."""

    def query(tx: Transaction, _: NoQuery) -> Answer:
        file = tx.files.require(call.caller, file_id)
        return answer(file_view(file, base_url=call.services.settings.public_base_url))

    return await call.read(query, parameters=NoQuery, see=sees_file(file_id))


@router.post(
    "/{file_id}/complete",
    **describes(
        gives=FileView, takes=NoBody, idempotency=False, errors=(FileNotFound, FileNotReady, FileAlreadyCompleted)
    ),
)
async def complete_file(call: AuthenticatedCall, file_id: FileId) -> Response:
    """Have the uploaded bytes checked: the file becomes ready, or failed with the reason."""
    verdict = await _inspected(call, file_id)

    def run(writing: Writing[NoBody]) -> Answer:
        found = _found(verdict, writing.tx.files.require(writing.caller, file_id))
        file = commands.complete(
            writing.tx,
            writing.caller,
            writing.moment,
            file_id=file_id,
            failure=found.inspected.failure,
            warnings=found.inspected.warnings,
            sent_as=found.sent_as,
        )
        return answer(file_view(file, base_url=call.services.settings.public_base_url))

    return await call.write(run, body=NoBody, see=sees_file(file_id))


@router.get("/{file_id}/content", **describes(gives=tuple(EXTENSIONS), errors=(FileNotFound, FileNotReady)))
async def download_file(call: AuthenticatedCall, file_id: FileId) -> Response:
    """Download a ready file's bytes."""

    def query(tx: Transaction, _: NoQuery) -> StoredFile:
        file = tx.files.require(call.caller, file_id)
        file.require_ready()
        return file

    file = await call.look(query, parameters=NoQuery, see=sees_file(file_id))
    content = await call.services.blobs.open(file.stored_as or "")
    headers = {
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(file.file_name, safe='')}",
        # A viewer that shows the bytes in spite of that runs nothing of what they hold.
        "Content-Security-Policy": "sandbox; default-src 'none'",
    }
    return StreamingResponse(content, media_type=file.content_type, headers=headers)


@uploads.put(
    "/uploads/{target}",
    **describes(
        gives=FileView,
        takes_bytes=(*EXTENSIONS, "application/octet-stream"),
        public=True,
        errors=(FileNotFound, FileAlreadyCompleted, FileTooLarge, StorageQuotaExceeded),
    ),
)
async def upload_file(request: Request, target: UploadTarget) -> Response:
    """Take a file's bytes at its upload address, which is its own proof; no key is needed."""
    services: Services = request.app.state.services
    file_id, _, shown = target.partition(".")
    if not hmac.compare_digest(shown.encode(), _proof_of(services, file_id).encode()):
        raise FileNotFound(commands.UPLOAD_ADDRESS_GONE)
    file = await receive_bytes(
        services, file_id=file_id, chunks=request.stream(), declared_bytes=declared_size(request)
    )
    return answer(file_view(file, base_url=services.settings.public_base_url)).response()


@dataclass(frozen=True, slots=True)
class _Verdict:
    """What an inspection of these very bytes has found, and the form in which they are sent, which is stored."""

    stored_as: str
    inspected: Inspected
    sent_as: SentAs | None


async def _inspected(call: Call, file_id: str) -> _Verdict | None:
    """Inspect the bytes, before the write and outside of its transaction; None while there are none."""
    call.admit(Scope.WRITE, "writes")
    file = await call.services.database.read(lambda tx: tx.files.require(call.caller, file_id))
    if file.status is not FileStatus.UPLOADED or file.stored_as is None:
        return None
    blobs, stored_as = call.services.blobs, file.stored_as
    inspected = await call.services.inspection.inspect(
        lambda: blobs.get(stored_as), content_type=file.content_type, organization_id=file.organization_id
    )
    sent_as = None
    if inspected.sent is not None:
        # A crash before the file is completed leaves bytes that nothing names, below the file's own name.
        content_type, content = inspected.sent
        name = f"{file_id}/{secrets.token_hex(8)}"
        await blobs.put(name, once(content))
        shown = renamed(file.file_name, content_type)
        sent_as = SentAs(content_type, shown, len(content), name, hashlib.sha256(content).hexdigest())
    return _Verdict(stored_as, inspected, sent_as)


def _found(verdict: _Verdict | None, file: StoredFile) -> _Verdict:
    """Return what was found. Raises FileNotReady for bytes that arrived after the look: they were not inspected."""
    file.require_uploaded()
    if verdict is None or verdict.stored_as != file.stored_as:
        raise FileNotReady("The bytes have only just arrived. Complete the file again.")
    return verdict


def _proof_of(services: Services, file_id: str) -> str:
    return proof(services.settings.server_key, f"upload:{file_id}")


def _upload_secrets(services: Services) -> Secrets:
    """Keep the proof of an upload address out of what rests: it is made again from the file's id."""
    return Secrets(
        conceal=lambda body: _UPLOAD_ADDRESS.sub(rb"\1", body),
        reveal=lambda _tx, _moment, body: _UPLOAD_ADDRESS.sub(
            lambda found: found[1] + _proof_of(services, found[2].decode()).encode(), body
        ),
    )
