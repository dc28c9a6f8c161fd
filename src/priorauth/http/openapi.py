"""The OpenAPI document: what the framework writes of the routes, completed by what only this API knows.

It names what the values of enums mean, says which operation an answer leads to (links), and leaves out what the
framework would add of its own. The document is made once, at its first reading.
"""

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from fastapi import FastAPI
from fastapi.routing import APIRoute
from pydantic.alias_generators import to_camel
from pydantic.json_schema import models_json_schema

from priorauth.http.operations import bodies
from priorauth.http.schemas.meanings import MEANINGS

Json: TypeAlias = dict[str, Any]

TAGS = [
    {"name": "Authorizations", "description": "The case: create it, read it, answer, confirm, cancel."},
    {"name": "Attachments", "description": "The documents of a case."},
    {"name": "FHIR", "description": "Questionnaire and answers as FHIR R4 resources."},
    {"name": "Live sessions", "description": "What can be seen of the work in the payer's channel."},
    {"name": "Manual handoffs", "description": "A human's turn in the payer's channel: take it, report, give it back."},
    {"name": "Files", "description": "Bytes on their way to becoming attachments: declare, upload once, complete."},
    {"name": "Catalog", "description": "On whose behalf cases can be sent, to which payers, and which way they take."},
    {"name": "Sandbox", "description": "Scenarios against simulated payers. Production does not serve it."},
    {"name": "Server", "description": "Whether the server is alive and can serve. No key is needed."},
]

# Where an answer of a shape names what the path of another operation asks for.
# A list may be empty, and leads nowhere then.
_NAMED_BY: Mapping[str, Mapping[str, str]] = {
    "AuthorizationView": {
        "authorization_id": "$response.body#/id",
        "npi": "$response.body#/providerNpi",
        "payer_id": "$response.body#/payer/id",
    },
    "ManualHandoffView": {
        "authorization_id": "$response.body#/priorAuthorizationId",
        "handoff_id": "$response.body#/id",
    },
    "DeclaredFileView": {"file_id": "$response.body#/file/id"},
    "FileView": {"file_id": "$response.body#/id"},
    "ProviderView": {"npi": "$response.body#/npi"},
    "PayerView": {"payer_id": "$response.body#/id"},
    "ScenarioView": {"scenario_id": "$response.body#/id"},
    "ScenarioListView": {"scenario_id": "$response.body#/data/0/id"},
}
_LINKED_BODIES: Mapping[tuple[str, str], Json] = {
    ("AuthorizationView", "ConfirmBody"): {"nextActionId": "$response.body#/nextAction/id"}
}


_NAMES: Mapping[str, str] = {
    "ErrorBody": "Error",
    "NoBody": "EmptyRequest",
    "RequestBody": "ServiceRequestInput",
    "RequestView": "ServiceRequest",
}


def operation_id(route: APIRoute) -> str:
    """Return an operation's id: its function's name as clients in other languages write it."""
    return to_camel(route.name)


def install(app: FastAPI) -> None:
    """Let the app's document be the complete one."""
    generate = app.openapi

    def document() -> Json:
        if app.openapi_schema is None:
            app.openapi_schema = _completed(generate())
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]


def _completed(document: Json) -> Json:
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    schemas |= _bodies()
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    for operation in _operations(document):
        operation["responses"].pop("422", None)
        operation["summary"] = operation["summary"].capitalize()
    for enum, meanings in MEANINGS.items():
        if enum.__name__ in schemas:
            lines = [f"- `{value.value}`: {meaning}" for value, meaning in meanings.items()]
            schemas[enum.__name__]["description"] = "\n".join([(enum.__doc__ or "").strip(), "", *lines])
    _drop_titles(document)
    _describe_references(schemas)
    _drop_null_defaults(schemas)
    _link(document)
    components["securitySchemes"] = {
        "apiKey": {
            "type": "http",
            "scheme": "bearer",
            "description": "An API key, as `priorauth keys create` prints it.",
        }
    }
    document["security"] = [{"apiKey": []}]
    return _named(document)


def _bodies() -> Json:
    shapes = sorted(bodies, key=lambda body: body.__name__)
    template = "#/components/schemas/{model}"
    _, described = models_json_schema([(shape, "validation") for shape in shapes], ref_template=template)
    found: Json = described.get("$defs", {})
    return found


def _operations(document: Json) -> Iterator[Json]:
    for methods in document["paths"].values():
        yield from methods.values()


def _drop_titles(value: object) -> None:
    """Take out the names that the framework makes of fields' names: they say nothing more."""
    if isinstance(value, dict):
        if isinstance(value.get("title"), str) and "version" not in value:
            del value["title"]
        for below in value.values():
            _drop_titles(below)
    elif isinstance(value, list):
        for below in value:
            _drop_titles(below)


def _drop_null_defaults(schemas: Json) -> None:
    """Leave out that a field which is left out is null: a generated client would send it."""
    for schema in schemas.values():
        for field in schema.get("properties", {}).values():
            if field.get("default", ...) is None:
                del field["default"]


def _named(document: Json) -> Json:
    """Return the document with the resources' names for its schemas, as generated clients have them."""
    schemas = document["components"]["schemas"]
    requests = {
        _shape_name(operation["requestBody"]): operation["operationId"]
        for operation in _operations(document)
        if "requestBody" in operation
    }
    names = {name: _public_name(name, requests) for name in schemas}
    if len(set(names.values())) < len(names):
        raise RuntimeError("two schemas have one name")

    def renamed(value: object) -> object:
        if isinstance(value, dict):
            below = {key: renamed(each) for key, each in value.items()}
            if isinstance(below.get("$ref"), str):
                place, _, name = str(below["$ref"]).rpartition("/")
                below["$ref"] = f"{place}/{names.get(name, name)}"
            return below
        return [renamed(each) for each in value] if isinstance(value, list) else value

    document["components"]["schemas"] = {names[name]: schema for name, schema in schemas.items()}
    return renamed(document)  # type: ignore[return-value]


def _public_name(name: str, requests: Mapping[str, str]) -> str:
    """Return the name of a schema: a resource is called by its noun, a request's body by its operation."""
    if name in _NAMES:
        return _NAMES[name]
    if name in requests and name.endswith("Body"):
        operation = requests[name]
        return f"{operation[0].upper()}{operation[1:]}Request"
    if name.endswith("Body"):
        return f"{name.removesuffix('Body')}Input"
    return name.removesuffix("View")


def _describe_references(schemas: Json) -> None:
    """Let a field whose words are those of its shape say them too: they were left out as repetition."""
    for schema in schemas.values():
        for field in schema.get("properties", {}).values():
            if set(field) == {"$ref"}:
                shape = schemas[str(field["$ref"]).rpartition("/")[2]]
                field["description"] = str(shape["description"]).partition("\n")[0]


def _link(document: Json) -> None:
    """Say of each answer which operations it leads to; equal links are written once."""
    links = document["components"].setdefault("links", {})
    for source in _operations(document):
        success = next(answer for status, answer in source["responses"].items() if status < "300")
        shape = _shape_name(success)
        for target in _operations(document):
            link = _link_to(target, shape, versioned="ETag" in success["headers"])
            if link is None or target is source:
                continue
            name = f"{shape.removesuffix('View')}To{target['operationId'][0].upper()}{target['operationId'][1:]}"
            links[name] = link
            success.setdefault("links", {})[target["operationId"]] = {"$ref": f"#/components/links/{name}"}


def _link_to(target: Json, shape: str, *, versioned: bool) -> Json | None:
    named = _NAMED_BY.get(shape, {})
    wanted = [parameter["name"] for parameter in target.get("parameters", ()) if parameter["in"] == "path"]
    if not wanted or not set(wanted) <= set(named):
        return None
    parameters = {name: named[name] for name in wanted}
    headers = {parameter["name"] for parameter in target["parameters"] if parameter["in"] == "header"}
    if versioned and "If-Match" in headers:
        parameters["If-Match"] = "$response.header.ETag"
    link: Json = {
        "operationId": target["operationId"],
        "parameters": parameters,
        "description": target["summary"] + ".",
    }
    body = _LINKED_BODIES.get((shape, _shape_name(target.get("requestBody", {}))))
    return {**link, "requestBody": body} if body else link


def _shape_name(described: Json) -> str:
    """Return the name of the JSON that a request or an answer carries; empty when it carries none."""
    schema = described.get("content", {}).get("application/json", {}).get("schema", {})
    return str(schema.get("$ref", "")).rpartition("/")[2]
