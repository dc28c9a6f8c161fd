"""What the OpenAPI document says of an operation beside its answer: body, query, headers, errors.

Routes read their bodies themselves, since the order in which a request is judged is the contract's and not the
framework's; so they declare here what the framework would otherwise find out.
"""

from typing import Annotated, Any

from fastapi import FastAPI, Path
from fastapi.routing import APIRoute
from pydantic import BaseModel
from pydantic.alias_generators import to_camel
from pydantic.json_schema import models_json_schema
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
FileId = Annotated[str, Path(description="The id of the file.", examples=["file_123"])]
Npi = Annotated[str, Path(description="The provider's NPI.", examples=["1234567893"])]
PayerId = Annotated[str, Path(description="The id of the payer.", examples=["larkspur-health"])]
ScenarioId = Annotated[str, Path(description="The id of the scenario.", examples=["approved_after_review"])]

_ALWAYS = (
    BadRequest,
    Unauthorized,
    InsufficientPermissions,
    MethodNotAllowed,
    RateLimited,
    InternalError,
    TemporarilyUnavailable,
)
_WITH_BODY = (PayloadTooLarge, UnsupportedMediaType)
_bodies: set[type[BaseModel]] = set()

_IF_MATCH = {
    "name": "If-Match",
    "in": "header",
    "required": True,
    "description": "The version of the authorization that the change is meant for, quoted.",
    "schema": {"type": "string", "pattern": r'^"[0-9]+"$'},
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
    "description": "Repeating a request with the same key and body gives the first answer again.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
}
_REQUEST_ID = {"Request-Id": {"description": "The id of this request.", "schema": {"type": "string"}}}
_ETAG = {
    "ETag": {
        "description": "The version of the authorization, quoted.",
        "schema": {"type": "string"},
        "example": '"17"',
    }
}
_REPLAYED = {
    "Idempotent-Replayed": {
        "description": "Present when this is the first answer again.",
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
    gives: type[BaseModel] | str,
    status: int = 200,
    takes: type[BaseModel] | None = None,
    query: type[BaseModel] | None = None,
    if_match: bool | None = None,
    idempotency: bool | None = None,
    not_modified: bool = False,
    errors: tuple[type[PriorAuthError], ...] = (),
) -> dict[str, Any]:
    """Return the keyword arguments of a route's decorator.

    `gives`: a shape, or the content type of bytes. `if_match` and `idempotency`: True when the header is required,
    False when it is honoured, None when it is neither.
    """
    parameters = _query_parameters(query)
    known: tuple[type[PriorAuthError], ...] = (*_ALWAYS, *errors)
    headers = {**_REQUEST_ID, **_LIMITS}
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
    if takes is not None:
        _bodies.add(takes)
        required = any(field.is_required() for field in takes.model_fields.values())
        extra["requestBody"] = {"required": required, "content": {"application/json": {"schema": _reference(takes)}}}
        known += _WITH_BODY
    responses = {status: _success(gives, headers), **_errors(known)}
    if not_modified:
        responses[304] = {"description": "You have the present version.", "headers": {**_REQUEST_ID, **_ETAG}}
    return {"status_code": status, "responses": responses, "openapi_extra": extra, "response_class": Response}


def operation_id(route: APIRoute) -> str:
    """Return an operation's id: its function's name as clients in other languages write it."""
    return to_camel(route.name)


def install(app: FastAPI) -> None:
    """Complete the app's OpenAPI document: bodies and the key are added, the framework's own errors taken out."""
    generate = app.openapi

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            described = generate()
            schemas = described.setdefault("components", {}).setdefault("schemas", {})
            shapes = sorted(_bodies, key=lambda body: body.__name__)
            template = "#/components/schemas/{model}"
            _, bodies = models_json_schema([(shape, "validation") for shape in shapes], ref_template=template)
            schemas.update(bodies.get("$defs", {}))
            for name in ("HTTPValidationError", "ValidationError"):
                schemas.pop(name, None)
            for operation in (each for path in described["paths"].values() for each in path.values()):
                operation["responses"].pop("422", None)
            described["components"]["securitySchemes"] = {"apiKey": {"type": "http", "scheme": "bearer"}}
            described["security"] = [{"apiKey": []}]
            app.openapi_schema = described
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]


def _success(gives: type[BaseModel] | str, headers: dict[str, Any]) -> dict[str, Any]:
    if isinstance(gives, str):
        content = {gives: {"schema": {"type": "string", "format": "binary"}}}
        return {"description": "Success", "headers": headers, "content": content}
    return {"description": "Success", "headers": headers, "model": gives}


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


def _reference(shape: type[BaseModel]) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{shape.__name__}"}


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
    schema = {key: value for key, value in inlined.items() if value is not None and key not in ("title", "description")}
    parameter = {"name": name, "in": "query", "required": required, "schema": {**schema, **(kinds[0] if kinds else {})}}
    return {**parameter, "description": inlined["description"]} if "description" in inlined else parameter


def _inlined(schema: Any, definitions: dict[str, Any]) -> Any:  # noqa: ANN401 - JSON Schema is any JSON
    if isinstance(schema, list):
        return [_inlined(each, definitions) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _inlined(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    return {name: _inlined(value, definitions) for name, value in schema.items()}
