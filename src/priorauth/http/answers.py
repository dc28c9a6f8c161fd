"""How an answer is made: bytes once, headers that every answer has, errors in the one envelope."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import BaseModel
from starlette.responses import Response

from priorauth.domain.errors import Kind, PriorAuthError
from priorauth.http.schemas.base import ErrorBody, ErrorEnvelope, IssueView

STATUS_CODES: Mapping[Kind, int] = {
    Kind.INVALID: 400,
    Kind.UNAUTHENTICATED: 401,
    Kind.FORBIDDEN: 403,
    Kind.NOT_FOUND: 404,
    Kind.METHOD_NOT_ALLOWED: 405,
    Kind.CONFLICT: 409,
    Kind.TIMED_OUT: 408,
    Kind.TOO_LARGE: 413,
    Kind.HEAD_TOO_LARGE: 431,
    Kind.UNSUPPORTED_MEDIA: 415,
    Kind.RATE_LIMITED: 429,
    Kind.INTERNAL: 500,
    Kind.UNAVAILABLE: 503,
}


@dataclass(frozen=True, slots=True)
class Answer:
    """A successful answer before it is sent; this much of it is kept for a repeated request."""

    body: bytes
    status_code: int = 200
    version: int | None = None
    replayed: bool = False
    media_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)

    def response(self) -> Response:
        """Return the answer as it goes over the wire."""
        headers = dict(self.headers)
        if self.version is not None:
            headers["ETag"] = f'"{self.version}"'
        if self.replayed:
            headers["Idempotent-Replayed"] = "true"
        return Response(self.body, self.status_code, headers, media_type=self.media_type if self.body else None)


def answer(view: BaseModel, *, status_code: int = 200, version: int | None = None) -> Answer:
    """Return a view as an answer; `version` becomes its ETag."""
    return Answer(view.model_dump_json().encode(), status_code, version)


def error_response(error: PriorAuthError, *, request_id: str, headers: Mapping[str, str] | None = None) -> Response:
    """Return an error in the envelope."""
    envelope = ErrorEnvelope(
        error=ErrorBody(
            code=error.code,
            message=error.message,
            retryable=error.retryable,
            details=error.details,
            issues=[IssueView.model_validate(issue) for issue in error.issues],
        ),
        request_id=request_id,
    )
    return Response(
        envelope.model_dump_json(), STATUS_CODES[error.kind], dict(headers or {}), media_type="application/json"
    )
