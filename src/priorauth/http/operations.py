"""What the OpenAPI document says of an operation beside its answer: body, query, headers, errors.

Routes read their bodies themselves, since the order in which a request is judged is the contract's and not the
framework's; so they declare here what the framework would otherwise find out.
"""

from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

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
from priorauth.http.schemas.base import ErrorEnvelope

_ALWAYS = (BadRequest, Unauthorized, InsufficientPermissions, MethodNotAllowed, RateLimited, InternalError, TemporarilyUnavailable)
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
_IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Repeating a request with the same key and body gives the first answer again.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
}


def describes(
    *,
    gives: Any = None,
    status: int = 200,
    takes: type[BaseModel] | None = None,
    query: type[BaseModel] | None = None,
    if_match: bool | None = None,
    idempotency: bool | None = None,
    errors: tuple[type[PriorAuthError], ...] = (),
) -> dict[str, Any]:
    """Return the keyword arguments of a route's decorator.

    `if_match` and `idempotency`: True when the header is required, False when it is honoured, None when it is neither.
    """
    parameters = [*_query_parameters(query)]
    known: tuple[type[PriorAuthError], ...] = (*_ALWAYS, *errors)
    if if_match is not None:
        parameters.append({**_IF_MATCH, "required": if_match})
        known += (VersionConflict,)
    if idempotency is not None:
        parameters.append({**_IDEMPOTENCY_KEY, "required": idempotency})
        known += (IdempotencyKeyReused, IdempotencyInProgress, *((IdempotencyKeyRequired,) if idempotency else ()))
    extra: dict[str, Any] = {"parameters": parameters} if parameters else {}
    if takes is not None:
        _bodies.add(takes)
        required = any(field.is_required() for field in takes.model_fields.values())
        schema = {"$ref": f"#/components/schemas/{takes.__name__}"}
        extra["requestBody"] = {"required": required, "content": {"application/json": {"schema": schema}}}
        known += _WITH_BODY
    success: dict[str, Any] = {"description": "Success"}
    if gives is not None:
        success["model"] = gives
    return {"status_code": status, "responses": {status: success, **_errors(known)}, "openapi_extra": extra}


def install(app: FastAPI) -> None:
    """Complete the app's OpenAPI document with the bodies, the key and the errors' shape."""
    generate = app.openapi

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            described = generate()
            components = described.setdefault("components", {})
            _, bodies = models_json_schema(
                [(body, "validation") for body in sorted(_bodies, key=lambda body: body.__name__)],
                ref_template="#/components/schemas/{model}",
            )
            components.setdefault("schemas", {}).update(bodies.get("$defs", {}))
            components["securitySchemes"] = {"apiKey": {"type": "http", "scheme": "bearer"}}
            described["security"] = [{"apiKey": []}]
            app.openapi_schema = described
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]


def _errors(classes: tuple[type[PriorAuthError], ...]) -> dict[int, dict[str, Any]]:
    by_status: dict[int, list[type[PriorAuthError]]] = {}
    for error in dict.fromkeys(classes):
        by_status.setdefault(STATUS_CODES[error.kind], []).append(error)
    return {
        status: {
            "model": ErrorEnvelope,
            "description": "\n\n".join(f"`{error.code}`: {error.meaning}" for error in found),
        }
        for status, found in sorted(by_status.items())
    }


def _query_parameters(query: type[BaseModel] | None) -> list[dict[str, Any]]:
    if query is None:
        return []
    schema = query.model_json_schema()
    definitions = schema.get("$defs", {})
    return [
        {"name": name, "in": "query", "required": False, "schema": _inlined(described, definitions)}
        for name, described in schema.get("properties", {}).items()
    ]


def _inlined(schema: Any, definitions: dict[str, Any]) -> Any:
    if isinstance(schema, list):
        return [_inlined(each, definitions) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _inlined(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    return {name: _inlined(value, definitions) for name, value in schema.items()}
