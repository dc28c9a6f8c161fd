"""Contract, sections 4 and 7: the OpenAPI document says what the API does, and the reference page shows all of it."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from priorauth.domain.errors import every_error
from priorauth.domain.organizations import Environment
from priorauth.http.app import create_app
from tests.http.customer import Customer, Json
from tests.http.operations import OPERATIONS, VERSIONED, Operation
from tests.http.server import Server

DOCUMENT: Json = create_app(Environment.SANDBOX).openapi()

WITHOUT_KEY = {("GET", "/health"), ("GET", "/ready"), ("PUT", "/uploads/{target}")}


def described(operation: Operation) -> Json:
    """What the document says of an operation."""
    found: Json = DOCUMENT["paths"][operation.path][operation.method.lower()]
    return found


def test_the_document_has_every_operation_and_no_other() -> None:
    found = {(method.upper(), path) for path, methods in DOCUMENT["paths"].items() for method in methods}

    assert found == {(each.method, each.path) for each in OPERATIONS} | WITHOUT_KEY


def test_its_references_lead_somewhere_and_every_schema_is_used() -> None:
    wanted = {str(value) for name, value in _members(DOCUMENT) if name == "$ref"}
    components = DOCUMENT["components"]
    there = {f"#/components/{kind}/{name}" for kind in ("schemas", "links") for name in components[kind]}

    assert wanted == there


def test_operations_have_distinct_ids() -> None:
    ids = [described(each)["operationId"] for each in OPERATIONS]

    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[a-z][a-zA-Z]+", each) for each in ids)


@pytest.mark.parametrize("operation", OPERATIONS, ids=str)
def test_an_operation_names_its_errors_by_code(operation: Operation) -> None:
    responses = described(operation)["responses"]
    codes = {code for response in responses.values() for code in re.findall(r"`(\w+)`: ", response["description"])}

    assert "422" not in responses
    assert codes <= {error.code for error in every_error()}
    expected = {"bad_request", "unauthorized", "insufficient_permissions", "method_not_allowed", "rate_limited"}
    expected |= {"internal_error", "temporarily_unavailable"}
    expected |= {operation.missing} if operation.missing else set()
    expected |= {"version_conflict"} if operation.if_match else set()
    expected |= {"payload_too_large", "unsupported_media_type"} if operation.body else set()
    expected |= {"idempotency_key_reused", "idempotency_in_progress"} if operation.method == "POST" else set()
    assert codes >= expected
    for status, response in responses.items():
        assert response["headers"]["Request-Id"]
        if status >= "400":
            assert response["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/ErrorEnvelope"}


@pytest.mark.parametrize("operation", OPERATIONS, ids=str)
async def test_an_answer_has_a_status_and_a_content_type_that_the_document_names(
    server: Server, customer: Customer, operation: Operation
) -> None:
    response = await operation.send(customer, await operation.ground(server, customer))

    shown = described(operation)["responses"][str(response.status_code)]
    assert response.is_success
    assert response.headers["Content-Type"] in shown["content"]
    assert {each.lower() for each in shown["headers"]} - {"idempotent-replayed"} <= {
        each.lower() for each in response.headers
    }


@pytest.mark.parametrize("operation", OPERATIONS, ids=str)
def test_an_operation_describes_its_parameters_and_headers(operation: Operation) -> None:
    shown = described(operation)
    parameters = {each["name"]: each for each in shown.get("parameters", [])}
    success = next(response for status, response in shown["responses"].items() if status < "300")

    assert {name for name, each in parameters.items() if each["in"] == "path"} == set(
        re.findall(r"{(\w+)}", operation.path)
    )
    assert all(each["description"] for each in parameters.values())
    assert ("If-Match" in parameters) is (operation in VERSIONED)
    assert parameters.get("If-Match", {}).get("required", False) is operation.if_match
    assert ("Idempotency-Key" in parameters) is (operation.method == "POST")
    assert parameters.get("Idempotency-Key", {}).get("required", False) is operation.needs_key
    assert ("Idempotent-Replayed" in success["headers"]) is (operation.method == "POST")
    shape = str(success["content"])
    assert ("ETag" in success["headers"]) is ("schemas/Authorization'" in shape)
    assert ("requestBody" in shown) is (operation.body is not None)
    assert shown["description"]


def test_bounds_of_numbers_are_named() -> None:
    parameters = {
        each["name"]: each["schema"]
        for operation in OPERATIONS
        for each in described(operation).get("parameters", [])
        if each["in"] == "query"
    }

    assert (parameters["limit"]["minimum"], parameters["limit"]["maximum"]) == (1, 100)
    assert (parameters["waitSeconds"]["minimum"], parameters["waitSeconds"]["maximum"]) == (0, 60)
    assert parameters["afterVersion"]["minimum"] == 0


def test_bodies_refuse_unknown_fields_and_answers_describe_all_of_theirs() -> None:
    schemas = DOCUMENT["components"]["schemas"]

    for operation in OPERATIONS:
        if operation.body:
            name = described(operation)["requestBody"]["content"]["application/json"]["schema"]["$ref"]
            shape = schemas[name.rpartition("/")[2]]
            # FHIR says which other elements a resource has.
            assert shape["additionalProperties"] is ("resourceType" in shape["properties"])
    for name, schema in schemas.items():
        assert "enum" in schema or "properties" in schema or name == "Body", name
        assert schema["description"], name
        for field, described_field in schema.get("properties", {}).items():
            assert described_field["description"], f"{name}.{field}"
    assert "valueCoding" in schemas["Answer"]["properties"]


def test_schemas_are_named_as_generated_clients_want_them() -> None:
    schemas = DOCUMENT["components"]["schemas"]

    assert {"Authorization", "CreateAuthorizationRequest", "ConfirmNextActionRequest", "File", "Error"} <= set(schemas)
    assert not [name for name in schemas if name.endswith(("View", "Body"))]
    assert "/CreateAuthorizationRequest'" in str(schemas["Scenario"]["properties"]["create"])
    assert {"contact", "license"} <= set(DOCUMENT["info"])
    for name, schema in schemas.items():
        for field, shown in schema.get("properties", {}).items():
            assert shown.get("default", ...) is not None, f"{name}.{field}"
            assert not field.endswith("At") or "'format': 'date-time'" in str(shown), f"{name}.{field}"


async def test_the_reference_page_shows_every_operation_and_shape_and_loads_nothing(server: Server) -> None:
    async with server.client(None) as client:
        response = await client.get("/docs")
        document = (await client.get("/openapi.json")).json()

    page = response.text
    assert response.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in response.headers["Content-Security-Policy"]
    assert document == DOCUMENT
    for operation in OPERATIONS:
        assert f'id="{described(operation)["operationId"]}"' in page
        assert operation.path in page
    for name in DOCUMENT["components"]["schemas"]:
        assert f'id="{name}"' in page
    links = set(re.findall(r'(?:href|src)="([^"]*)"', page))
    assert {each for each in links if not each.startswith("#")} == {"/openapi.json"}
    ids = re.findall(r'id="([^"]*)"', page)
    assert len(set(ids)) == len(ids)
    assert {each.removeprefix("#") for each in links if each.startswith("#")} <= set(ids)
    assert "<script" not in page


def _members(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for name, below in value.items():
            yield name, below
            yield from _members(below)
    elif isinstance(value, list):
        for below in value:
            yield from _members(below)
