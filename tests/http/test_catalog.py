"""Contract, section 5: the catalog: providers, payers, routes, and what resolving a route refuses."""

import pytest

from priorauth.domain.catalog import Provider
from tests.http.customer import Customer, Json, create_body, refused, taken
from tests.http.operations import RESOLVE
from tests.http.server import Server

NPI = "1234567893"


async def test_a_number_that_fails_its_check_digit_is_nobodys(customer: Customer) -> None:
    """Section 1: an unknown provider is 404."""
    error = refused(await customer.get("/v1/providers/1234567890"), 404, "provider_not_found")

    assert "check digit" in error["message"]


async def test_providers_are_listed_and_read(customer: Customer) -> None:
    listed = taken(await customer.get("/v1/providers"))

    assert listed["pagination"] == {"nextCursor": None}
    one = next(each for each in listed["data"] if each["npi"] == NPI)
    assert set(one) == {"npi", "name", "state"}
    assert taken(await customer.get(f"/v1/providers/{NPI}")) == one


@pytest.mark.parametrize(
    ("parameters", "found"),
    [
        ({}, True),
        ({"query": "LARKSPUR"}, True),
        ({"query": "lhp"}, True),
        ({"query": "nobody at all"}, False),
        ({"state": "TX"}, True),
        ({"state": "WY", "query": "larkspur"}, False),
    ],
)
async def test_payers_are_found_by_name_and_state(customer: Customer, parameters: dict[str, str], found: bool) -> None:
    listed = taken(await customer.get("/v1/payers", params=parameters))["data"]

    assert ("larkspur-health" in [each["id"] for each in listed]) is found
    for each in listed:
        assert taken(await customer.get(f"/v1/payers/{each['id']}")) == each


async def test_a_list_of_the_catalog_goes_on_behind_its_cursor(customer: Customer) -> None:
    whole = [each["id"] for each in taken(await customer.get("/v1/payers"))["data"]]

    assert [each["id"] async for each in customer.entries("/v1/payers", limit=1)] == whole


async def test_the_routes_of_a_provider_are_those_that_a_case_can_take(customer: Customer) -> None:
    routes = taken(await customer.get("/v1/prior-authorization-routes", params={"providerNpi": NPI}))

    assert routes["providerNpi"] == NPI
    wanted = [
        each
        for each in routes["options"]
        if (each["payerId"], each["coverageState"], each["requestType"]) == ("larkspur-health", "TX", "outpatient")
    ]
    assert wanted == [
        {
            "payerId": "larkspur-health",
            "payerDisplayName": "Larkspur Health Plan",
            "coverageState": "TX",
            "requestType": "outpatient",
            "supportedServiceCodeSystems": ["cpt", "hcpcs"],
            "channel": "portal",
            "portalAuthModes": ["automated", "customer_login"],
            "label": "Larkspur Provider Connection",
        }
    ]
    body = {name: create_body()[name] for name in ("providerNpi", "request")}
    assert taken(await customer.send("POST", RESOLVE.path, json=body)) == wanted[0]


@pytest.mark.parametrize(
    ("parameters", "status", "code"),
    [
        ({}, 400, "bad_request"),
        ({"providerNpi": "123"}, 400, "bad_request"),
        ({"providerNpi": "1000000004"}, 404, "provider_not_found"),
    ],
)
async def test_routes_need_a_provider(customer: Customer, parameters: dict[str, str], status: int, code: str) -> None:
    refused(await customer.get("/v1/prior-authorization-routes", params=parameters), status, code)


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"providerNpi": "1000000004"}, 404, "provider_not_found"),
        ({"providerNpi": "1234567890"}, 404, "provider_not_found"),
        ({"providerNpi": "12345"}, 400, "bad_request"),
        ({"request": {"payerId": "nobody"}}, 404, "payer_not_found"),
        ({"request": {"coverageState": "WY"}}, 409, "unsupported_route"),
        ({"request": {"requestType": "inpatient"}}, 409, "unsupported_route"),
        ({"request": {"serviceCode": {"system": "ndc", "code": "0000-0000-00"}}}, 409, "unsupported_route"),
        ({"request": {"coverageState": "CO"}, "portalAuthMode": "customer_login"}, 409, "unsupported_route"),
    ],
)
async def test_resolving_refuses_what_creating_refuses(
    customer: Customer, changes: dict[str, object], status: int, code: str
) -> None:
    whole = create_body()
    body = {"providerNpi": whole["providerNpi"], "request": whole["request"], **changes}
    changed = changes.get("request")
    if isinstance(changed, dict):
        body["request"] = {**whole["request"], **changed}

    resolved = await customer.send("POST", RESOLVE.path, json=body)
    created = await customer.send(
        "POST", "/v1/prior-authorizations", json={**whole, **body}, headers=[("Idempotency-Key", "resolve-or-create")]
    )

    refused(resolved, status, code)
    refused(created, status, code)
    assert resolved.json()["error"] == created.json()["error"]


@pytest.mark.parametrize(
    ("changes", "field", "supported"),
    [
        ({"coverageState": "WY"}, "request.coverageState", "TX"),
        ({"requestType": "inpatient"}, "request.requestType", "outpatient"),
        ({"serviceCode": {"system": "ndc", "code": "0000-0000-00"}}, "request.serviceCode.system", "cpt"),
    ],
)
async def test_a_route_that_is_not_there_says_why(
    customer: Customer, changes: Json, field: str, supported: str
) -> None:
    body = create_body()
    asked = {"providerNpi": body["providerNpi"], "request": {**body["request"], **changes}}

    response = await customer.send("POST", "/v1/prior-authorization-routes/resolve", json=asked)

    error = refused(response, 409, "unsupported_route")

    assert error["details"]["field"] == field
    assert supported in error["details"]["supported"]
    assert supported in error["message"]


async def test_a_payers_codes_are_listed(customer: Customer) -> None:
    services = taken(await customer.get("/v1/payers/larkspur-health/services"))

    codes = [code for each in services["data"] if each["codeSystem"] == "cpt" for code in each["codes"]]
    assert services["payerId"] == "larkspur-health"
    assert "72148" in codes


async def test_providers_of_others_are_not_listed(server: Server, customer: Customer) -> None:
    server.database.write_now(
        lambda tx: tx.catalog.put_provider("sandbox", Provider("1000000012", "Elm Street Clinic", "TX"))
    )

    listed = taken(await customer.get("/v1/providers"))["data"]

    assert listed
    assert "1000000012" not in {each["npi"] for each in listed}
