"""The edge: what every request meets before and after its command, in one fixed order.

Method and path, size and content type, authentication, scope, rate, visibility, an idempotent replay, headers, body;
then the command itself. One request is one transaction, committed here; a stored answer commits with what it answers.
"""

import asyncio
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Annotated, Generic, TypeVar

from fastapi import Depends, Request
from pydantic import BaseModel
from starlette.responses import Response

from priorauth.commands.organizations import authenticate, note_use
from priorauth.domain.errors import (
    AttachmentNotFound,
    IdempotencyInProgress,
    IdempotencyKeyRequired,
    IdempotencyKeyReused,
    TemporarilyUnavailable,
    Unauthorized,
)
from priorauth.domain.live.grants import Shows, secret_of
from priorauth.domain.moment import Moment
from priorauth.domain.organizations import Caller, Environment, Scope
from priorauth.formats.documents.inspection import Inspection
from priorauth.http.answers import Answer
from priorauth.http.bodies import SMALL_BODY, Understood, is_large, judge_declared, parse_query, read_body, understand
from priorauth.http.conditions import expected_version, idempotency_key
from priorauth.http.limits import Limits
from priorauth.http.live_views import Live
from priorauth.http.schemas.base import NoQuery
from priorauth.store.blobs import Blobs
from priorauth.store.database import Database
from priorauth.store.idempotency import IdempotencyScope, StoredAnswer
from priorauth.store.transaction import Transaction
from priorauth.telemetry import traces
from priorauth.telemetry.page import MetricsPage

PREFIX = "/v1/prior-authorizations"
SECOND_PREFIX = "/v1/prior-auth/authorizations"

Shape = TypeVar("Shape", bound=BaseModel)
Parameters = TypeVar("Parameters", bound=BaseModel)
Seen = TypeVar("Seen")
See = Callable[[Transaction, Caller], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxPortal:
    """A simulated payer's portal as clients are told of it."""

    id: str
    display_name: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiSettings:
    """What the API needs to know of the server's settings. Times in seconds, sizes in bytes."""

    environment: Environment
    public_base_url: str
    server_key: bytes
    automatic_submission_allowed: bool = True
    upload_seconds: int = 900
    file_bytes_limit: int = 25 * 1024 * 1024
    stored_bytes_limit: int = 0
    idempotency_days: int = 30
    access_grant_seconds: int = 300
    review_view_seconds: float = 900
    live_frame_ancestors: str = "'self'"
    waiting_work_limit: int = 10_000
    sandbox_portals: tuple[SandboxPortal, ...] = ()

    def address_of(self, grant_id: str) -> str:
        """Return the address that opens an access grant. It holds the grant's secret."""
        return f"{self.public_base_url}/runtime/access/{grant_id}.{secret_of(grant_id, key=self.server_key)}"


@dataclass(frozen=True, slots=True)
class Services:
    """What the routes work with. Without `live` no session can be shown, without `metrics` no numbers.

    `halted` is set when this node works on nothing more until it is started again.
    """

    database: Database
    blobs: Blobs
    settings: ApiSettings
    limits: Limits
    present: Callable[[], Moment]
    live: Live | None = None
    metrics: MetricsPage | None = None
    halted: asyncio.Event | None = None
    inspection: Inspection = field(default_factory=Inspection)

    @property
    def shows(self) -> Shows | None:
        """What knows whether a session can be shown."""
        return self.live.shows if self.live is not None else None


@dataclass(frozen=True, slots=True)
class Writing(Generic[Shape]):
    """One write as its command sees it: within the transaction, everything judged that comes before the command."""

    tx: Transaction
    caller: Caller
    moment: Moment
    body: Shape
    expected_version: int | None


@dataclass(frozen=True, slots=True)
class Secrets:
    """How a kept answer's secrets are taken out and put back; `reveal` undoes `conceal` byte for byte.

    It returns None when the secrets open nothing any more: then the answer is worth nothing, and its key is free again.
    """

    conceal: Callable[[bytes], bytes]
    reveal: Callable[[Transaction, Moment, bytes], bytes | None]


@dataclass(frozen=True, slots=True)
class Call:
    """One authenticated request."""

    request: Request
    services: Services
    caller: Caller
    body: bytes

    async def read(
        self,
        query: Callable[[Transaction, Parameters], Answer],
        *,
        parameters: type[Parameters],
        see: See | None = None,
    ) -> Response:
        """Answer with what `query` reads. Raises whatever it raises, BadRequest for unknown parameters."""
        return (await self.look(query, parameters=parameters, see=see)).response()

    async def look(
        self, query: Callable[[Transaction, Parameters], Seen], *, parameters: type[Parameters], see: See | None = None
    ) -> Seen:
        """Return what `query` reads, for an answer that is made otherwise. Raises as `read` does."""
        self.admit(Scope.READ, "reads")

        def operation(tx: Transaction) -> Seen:
            if see is not None:
                see(tx, self.caller)
            return query(tx, parse_query(parameters, self.request))

        return await self.services.database.read(operation)

    async def write(
        self,
        run: Callable[[Writing[Shape]], Answer],
        *,
        body: type[Shape],
        scope: Scope = Scope.WRITE,
        see: See | None = None,
        version_required: bool = False,
        key_required: bool = False,
        secrets: Secrets | None = None,
    ) -> Response:
        """Answer with what `run` did, once: a repeated request under the same key gets the first answer again.

        `secrets` takes what must not rest in clear out of the answer that is kept, and puts it back for a repetition;
        an answer whose secrets have become useless is not repeated, and the request is carried out anew.
        """
        self.admit(scope, "writes")
        if self.services.database.is_congested:
            raise TemporarilyUnavailable
        # Before the transaction, which keeps everybody's writes waiting.
        sent = await self._understood(body)

        def operation(tx: Transaction) -> Answer:
            tx.submission_claims.require_acknowledged()
            moment = self.services.present()
            if see is not None:
                see(tx, self.caller)
            repeatable = self._repeatable()
            if repeatable is not None:
                kept = self._kept(tx, repeatable, moment, sent.fingerprint, secrets)
                if kept is not None:
                    return kept
            elif key_required:
                raise IdempotencyKeyRequired
            expected = expected_version(self.request, required=version_required)
            parse_query(NoQuery, self.request)
            answer = run(Writing(tx, self.caller, moment, sent.value, expected))
            if repeatable is not None:
                resting = secrets.conceal(answer.body) if secrets else answer.body
                stored = StoredAnswer(_hash_of(tx, sent.fingerprint), answer.status_code, answer.version, resting)
                tx.idempotency.keep(repeatable, stored, now=moment.now)
            return answer

        with traces.span("command"):
            return (await self.services.database.write(operation)).response()

    def admit(self, scope: Scope, kind: str) -> None:
        """Raise InsufficientPermissions or RateLimited; leave the limit's headers for the answer.

        Reads and writes do it first. Who does something costly before calls it earlier: a request counts once.
        """
        self.caller.require(scope)
        if not hasattr(self.request.state, "headers"):
            self.request.state.headers = self.services.limits.take(self.caller.key_id, kind)

    def _repeatable(self) -> IdempotencyScope | None:
        key = idempotency_key(self.request) if self.request.method == "POST" else None
        if key is None:
            return None
        path: str = self.request.scope["path"]
        if path.startswith(SECOND_PREFIX):
            path = PREFIX + path.removeprefix(SECOND_PREFIX)
        return IdempotencyScope(self.caller.organization_id, self.caller.environment, self.request.method, path, key)

    async def _understood(self, shape: type[Shape]) -> Understood[Shape]:
        if len(self.body) <= SMALL_BODY:
            return understand(shape, self.body)
        # One large body at a time, and aside: small requests are answered meanwhile.
        async with self.services.limits.parsing:
            return await asyncio.to_thread(understand, shape, self.body)

    def _kept(
        self, tx: Transaction, scope: IdempotencyScope, moment: Moment, fingerprint: str, secrets: Secrets | None
    ) -> Answer | None:
        if not tx.idempotency.take(scope):
            raise IdempotencyInProgress
        since = moment.now - timedelta(days=self.services.settings.idempotency_days)
        kept = tx.idempotency.find(scope, since=since)
        if kept is None:
            return None
        if kept.body_hash != _hash_of(tx, fingerprint):
            raise IdempotencyKeyReused
        body = secrets.reveal(tx, moment, kept.body) if secrets else kept.body
        return Answer(body, kept.status_code, kept.version, replayed=True) if body is not None else None


async def authenticated(request: Request) -> Call:
    """Return the call behind a request; its body is read only of a client that is known.

    Raises PayloadTooLarge, UnsupportedMediaType, Unauthorized, RateLimited, RequestTimeout or TemporarilyUnavailable.
    """
    services: Services = request.app.state.services
    judge_declared(request)
    scheme, _, presented = request.headers.get("authorization", "").partition(" ")
    environment = services.settings.environment
    known, moment = None, services.present()
    if scheme.lower() == "bearer" and presented:
        known = await services.database.read(
            lambda tx: authenticate(tx, moment, presented=presented.strip(), environment=environment)
        )
    if known is None:
        raise Unauthorized
    caller, key = known
    request.state.caller = caller
    if key.is_due_for_a_note(now=moment.now):
        await services.database.write(lambda tx: note_use(tx, moment, key_id=key.id))
    with services.limits.reading(caller.organization_id) if is_large(request) else nullcontext():
        return Call(request, services, caller, await read_body(request))


def _hash_of(tx: Transaction, fingerprint: str) -> str:
    # Keyed: a plain hash of so short a text could be guessed.
    return tx.sealer.index(f"request body:{fingerprint}")


AuthenticatedCall = Annotated[Call, Depends(authenticated)]


def sees_authorization(authorization_id: str) -> See:
    """Return the check that the caller may see this case; it raises AuthorizationNotFound."""
    return lambda tx, caller: tx.authorizations.require(caller, authorization_id)


def sees_attachment(authorization_id: str, attachment_id: str) -> See:
    """Return the check that the caller may see this attachment; it raises Authorization- or AttachmentNotFound."""

    def see(tx: Transaction, caller: Caller) -> None:
        case = tx.authorizations.require(caller, authorization_id)
        if all(attachment.id != attachment_id for attachment in case.attachments):
            raise AttachmentNotFound

    return see


def sees_file(file_id: str) -> See:
    """Return the check that the caller may see this file; it raises FileNotFound."""
    return lambda tx, caller: tx.files.require(caller, file_id)
