"""What the OpenAPI document says of an operation beside its answer: body, query, headers, errors.

Routes read their bodies themselves, since the order in which a request is judged is the contract's and not the
framework's; so they declare here what the framework would otherwise find out.
"""

from typing import Annotated, Any

from fastapi import Path
from pydantic import BaseModel
from starlette.responses import Response

from priorauth.domain.errors import (
    BadRequest,
    IdempotencyInProgress,
    IdempotencyKeyRequired,
    IdempotencyKeyReused,
    InsufficientPermissions,
    InternalError,
    MethodNotAllowed,
    PayloadTooLarge,
    PriorAuthError,
    RateLimited,
    TemporarilyUnavailable,
    Unauthorized,
    UnsupportedMediaType,
    VersionConflict,
)
from priorauth.http.answers import STATUS_CODES
from priorauth.http.schemas.authorizations import AuthorizationView
from priorauth.http.schemas.base import ErrorEnvelope

AuthorizationId = Annotated[str, Path(description="The id of the authorization.", examples=["auth_123"])]
AttachmentId = Annotated[str, Path(description="The id of the attachment.", examples=["att_123"])]
SnapshotId = Annotated[str, Path(description="The id of the review snapshot.", examples=["rev_123"])]
HandoffId = Annotated[str, Path(description="The id of the manual handoff.", examples=["mhand_123"])]
GrantId = Annotated[str, Path(description="The id of the access grant.", examples=["rag_123"])]
FileId = Annotated[str, Path(description="The id of the file.", examples=["file_123"])]
UploadTarget = Annotated[str, Path(description="What follows `/uploads/` in `upload.url` of the declared file.")]
Npi = Annotated[str, Path(description="The provider's NPI.", examples=["1234567893"])]
PayerId = Annotated[str, Path(description="The id of the payer.", examples=["larkspur-health"])]
ScenarioId = Annotated[str, Path(description="The id of the scenario.", examples=["approved_after_review"])]

_ALWAYS = (MethodNotAllowed, InternalError, TemporarilyUnavailable)
_WITH_KEY = (BadRequest, Unauthorized, InsufficientPermissions, RateLimited)
_WITH_BODY = (PayloadTooLarge, UnsupportedMediaType)
# The bodies that some operation takes: the document has to describe them.
bodies: set[type[BaseModel]] = set()

_IF_MATCH = {
    "name": "If-Match",
    "in": "header",
    "required": True,
    "description": "The version of the authorization that you have read, quoted: the ETag of its last answer. When it "
    "is another meanwhile, nothing changes and the answer is 409.",
    "schema": {"type": "string", "pattern": r'^"(0|[1-9][0-9]{0,17})"$'},
    "example": '"17"',
}
_IF_NONE_MATCH = {
    "name": "If-None-Match",
    "in": "header",
    "required": False,
    "description": "An ETag that you have; the answer is 304 while it is the present one.",
    "schema": {"type": "string"},
    "example": '"17"',
}
_IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "A text of your own for this one request. Should you not know whether it arrived, send it again "
    "with the same key and body: the first answer comes again, and nothing happens twice.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]([ -~]*[!-~])?$"},
    "example": "case-4711",
}
_REQUEST_ID = {
    "Request-Id": {
        "description": "The id of this request: quote it to the server's operator.",
        "schema": {"type": "string"},
        "example": "req_1k10tv2hm387r116vfmqgm6z77s",
    }
}
_ETAG = {
    "ETag": {
        "description": "The version of the authorization, quoted.",
        "schema": {"type": "string"},
        "example": '"17"',
    }
}
_REPLAYED = {
    "Idempotent-Replayed": {
        "description": "There when this is the answer to an earlier request with the same Idempotency-Key.",
        "schema": {"type": "string", "const": "true"},
    }
}
_LIMITS = {
    "RateLimit-Limit": {"description": "Requests of this kind a minute.", "schema": {"type": "integer"}},
    "RateLimit-Remaining": {"description": "How many of them are left now.", "schema": {"type": "integer"}},
    "RateLimit-Reset": {"description": "Seconds until all are there again.", "schema": {"type": "integer"}},
}
_ERROR_HEADERS: dict[int, dict[str, Any]] = {
    401: {"WWW-Authenticate": {"description": "The scheme to use.", "schema": {"type": "string", "const": "Bearer"}}},
    405: {"Allow": {"description": "The methods that the path takes.", "schema": {"type": "string"}}},
    429: {"Retry-After": {"description": "How many seconds to wait.", "schema": {"type": "integer"}}},
}


def describes(
    *,
    gives: type[BaseModel] | tuple[str, ...],
    status: int = 200,
    status_repeated: int | None = None,
    media_type: str = "application/json",
    takes: type[BaseModel] | None = None,
    takes_type: str | None = None,
    query: type[BaseModel] | None = None,
    if_match: bool | None = None,
    idempotency: bool | None = None,
    not_modified: bool = False,
    errors: tuple[type[PriorAuthError], ...] = (),
    takes_bytes: tuple[str, ...] = (),
    public: bool = False,
) -> dict[str, Any]:
    """Return the keyword arguments of a route's decorator.

    `status_repeated`: the status where the same was done before, if that is another. `gives`: a shape, or the content
    types that bytes may have; `media_type` is a shape's. `takes_type`: a content type that the body may have beside
    plain JSON's. `takes_bytes`: content types of a body that is no JSON. `if_match` and `idempotency`: True when the
    header is required, False when it is honoured, None when it is neither. `public`: no key is needed.
    """
    parameters = _query_parameters(query)
    known: tuple[type[PriorAuthError], ...] = (*_ALWAYS, *(() if public else _WITH_KEY), *errors)
    headers = dict(_REQUEST_ID) if public else {**_REQUEST_ID, **_LIMITS}
    if gives is AuthorizationView:
        headers |= _ETAG
    if not_modified:
        parameters.append(_IF_NONE_MATCH)
    if if_match is not None:
        parameters.append({**_IF_MATCH, "required": if_match})
        known += (VersionConflict,)
    if idempotency is not None:
        parameters.append({**_IDEMPOTENCY_KEY, "required": idempotency})
        headers |= _REPLAYED
        known += (IdempotencyKeyReused, IdempotencyInProgress, *((IdempotencyKeyRequired,) if idempotency else ()))
    extra: dict[str, Any] = {"parameters": parameters} if parameters else {}
    if public:
        extra["security"] = []
    if takes is not None:
        bodies.add(takes)
        extra["requestBody"] = _request_body(takes, *((takes_type,) if takes_type else ()), "application/json")
        known += _WITH_BODY
    if takes_bytes:
        content = {each: {"schema": {"type": "string", "format": "binary"}} for each in takes_bytes}
        description = "The bytes. None at all are an empty file, which fails when it is completed."
        extra["requestBody"] = {"required": False, "description": description, "content": content}
    responses = {status: _success(gives, headers, media_type), **_errors(known)}
    if status_repeated is not None:
        responses[status_repeated] = responses[status]
    if not_modified:
        responses[304] = {"description": "You have the present version.", "headers": {**_REQUEST_ID, **_ETAG}}
    return {"status_code": status, "responses": responses, "openapi_extra": extra, "response_class": Response}


def _success(gives: type[BaseModel] | tuple[str, ...], headers: dict[str, Any], media_type: str) -> dict[str, Any]:
    if isinstance(gives, tuple):
        content = {each: {"schema": {"type": "string", "format": "binary"}} for each in gives}
        return {"description": "The bytes.", "headers": headers, "content": content}
    described = {"description": first_sentence(gives.__doc__), "headers": headers}
    if media_type == "application/json":
        return {**described, "model": gives}
    bodies.add(gives)
    return {**described, "content": {media_type: {"schema": {"$ref": f"#/components/schemas/{gives.__name__}"}}}}


def first_sentence(doc: str | None) -> str:
    """Return the first line of a docstring."""
    return (doc or "").strip().partition("\n")[0]


def _request_body(shape: type[BaseModel], *media_types: str) -> dict[str, Any]:
    schema = {"$ref": f"#/components/schemas/{shape.__name__}"}
    required = bool(shape.model_json_schema().get("required"))
    return {
        "required": required,
        "description": first_sentence(shape.__doc__),
        "content": {each: {"schema": schema} for each in media_types},
    }


def _errors(classes: tuple[type[PriorAuthError], ...]) -> dict[int, dict[str, Any]]:
    by_status: dict[int, list[type[PriorAuthError]]] = {}
    for error in dict.fromkeys(classes):
        by_status.setdefault(STATUS_CODES[error.kind], []).append(error)
    return {
        status: {
            "model": ErrorEnvelope,
            "headers": {**_REQUEST_ID, **_ERROR_HEADERS.get(status, {})},
            "description": "\n\n".join(f"`{error.code}`: {error.meaning}" for error in found),
        }
        for status, found in sorted(by_status.items())
    }


def _query_parameters(query: type[BaseModel] | None) -> list[dict[str, Any]]:
    if query is None:
        return []
    schema = query.model_json_schema()
    definitions = schema.get("$defs", {})
    required = schema.get("required", [])
    return [
        _query_parameter(name, described, definitions, required=name in required)
        for name, described in schema.get("properties", {}).items()
    ]


def _query_parameter(
    name: str, described: dict[str, Any], definitions: dict[str, Any], *, required: bool
) -> dict[str, Any]:
    inlined = _inlined(described, definitions)
    # A parameter is there or it is not: none of them can be null.
    kinds = [kind for kind in inlined.pop("anyOf", []) if kind != {"type": "null"}]
    schema = {**(kinds[0] if kinds else {}), **inlined}
    description, examples = schema.pop("description", ""), schema.pop("examples", ())
    schema = {key: value for key, value in schema.items() if value is not None and key != "title"}
    parameter = {"name": name, "in": "query", "required": required, "description": description, "schema": schema}
    return {**parameter, "example": examples[0]} if examples else parameter


def _inlined(schema: Any, definitions: dict[str, Any]) -> Any:  # noqa: ANN401 - JSON Schema is any JSON
    if isinstance(schema, list):
        return [_inlined(each, definitions) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _inlined({**definitions[schema["$ref"].rpartition("/")[2]], **_without(schema, "$ref")}, definitions)
    return {name: _inlined(value, definitions) for name, value in schema.items()}


def _without(schema: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in schema.items() if key != name}
