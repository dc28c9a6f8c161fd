"""Contract, section 7: the sandbox's own routes: scenarios and portals. Production does not know them."""

from pathlib import Path

import pytest

from priorauth.domain.organizations import Environment
from priorauth.sandbox import catalog
from tests.http.customer import CASES, Customer, fresh_key, refused, taken
from tests.http.server import PORTAL, serving

SCENARIO = {"id", "title", "description", "create", "resolves", "expects", "timeoutSeconds"}


async def test_every_scenario_is_listed_and_can_be_read(customer: Customer) -> None:
    listed = taken(await customer.get("/v1/sandbox/scenarios"))

    assert set(listed) == {"data"}
    assert [each["id"] for each in listed["data"]] == [each.id for each in catalog.scenarios()]
    for each in listed["data"]:
        assert set(each) == SCENARIO
        assert set(each["resolves"]) == {"questionnaireResponse", "documentTypes", "oneTimeCode"}
        assert all(set(state) == {"status", "nextActionType", "outcome"} for state in each["expects"])
        assert taken(await customer.get(f"/v1/sandbox/scenarios/{each['id']}")) == each


async def test_every_scenario_can_be_created_as_it_is_and_begins_as_it_says(customer: Customer) -> None:
    for scenario in taken(await customer.get("/v1/sandbox/scenarios"))["data"]:
        headers = [("Idempotency-Key", fresh_key())]
        case = taken(await customer.send("POST", CASES, json=scenario["create"], headers=headers))

        begins = scenario["expects"][0]
        assert (case["status"], case["nextAction"]["type"]) == (begins["status"], begins["nextActionType"])
        assert {item["linkId"] for item in scenario["resolves"]["questionnaireResponse"]["item"]} >= {
            question["linkId"] for question in case["requirements"]["questions"]
        }


async def test_an_unknown_scenario_is_not_found(customer: Customer) -> None:
    refused(await customer.get("/v1/sandbox/scenarios/no_such"), 404, "scenario_not_found")


async def test_portals_say_where_their_submissions_are_counted(customer: Customer) -> None:
    assert taken(await customer.get("/v1/sandbox/portals")) == {
        "data": [
            {
                "id": PORTAL.id,
                "displayName": PORTAL.display_name,
                "url": PORTAL.url,
                "submissionsUrl": f"{PORTAL.url}/sandbox/submissions",
            }
        ]
    }


@pytest.mark.parametrize("below", ["scenarios", "scenarios/approved_automatic", "portals"])
async def test_production_has_no_sandbox(data_dir: Path, below: str) -> None:
    with serving(data_dir, environment=Environment.PRODUCTION) as production:
        async with production.client(production.key()) as client:
            refused(await client.get(f"/v1/sandbox/{below}"), 404, "not_found")
            refused(await client.post(f"/v1/sandbox/{below}"), 404, "not_found")
            assert not [each for each in (await client.get("/openapi.json")).json()["paths"] if "sandbox" in each]
