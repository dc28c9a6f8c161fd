"""The catalog agrees with itself: a scenario asks for nothing that its payer does not offer."""

import re
from typing import Any

import pytest

from priorauth.sandbox import catalog
from priorauth.sandbox.catalog import Scenario
from priorauth.sandbox.juniper import questions
from priorauth.sandbox.larkspur import forms
from priorauth.sandbox.server import check_portal

SCENARIOS = catalog.scenarios()
PAYERS = {payer["id"]: payer for payer in catalog.payers()}
VALUE_KEYS = {
    "string": "valueString",
    "text": "valueString",
    "integer": "valueInteger",
    "decimal": "valueDecimal",
    "boolean": "valueBoolean",
    "date": "valueDate",
    "choice": "valueCoding",
}
every_scenario = pytest.mark.parametrize("scenario", SCENARIOS, ids=[each.id for each in SCENARIOS])


def portal_of(scenario: Scenario) -> str:
    """The portal of the scenario's payer."""
    portal: str = PAYERS[scenario.create["request"]["payerId"]]["portal"]["id"]
    return portal


def service_of(scenario: Scenario) -> dict[str, Any]:
    """The payer's entry for the requested service: the first with its code, else the one for all others."""
    request = scenario.create["request"]
    code = request["serviceCode"]
    services = PAYERS[request["payerId"]]["services"]
    exact = [each for each in services if each.get("system") == code["system"] and code["code"] in each["codes"]]
    service: dict[str, Any] = [*exact, *[each for each in services if each.get("system") is None]][0]
    return service


def questions_of(scenario: Scenario) -> dict[str, dict[str, Any]]:
    questionnaires = {each["id"]: each for each in PAYERS[scenario.create["request"]["payerId"]]["questionnaires"]}
    asked = [questionnaires[name] for name in service_of(scenario)["questionnaires"]]
    return {item["linkId"]: item for questionnaire in asked for item in questionnaire["item"]}


def answers_of(response: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {item["linkId"]: item["answer"][0] for item in response["item"]}


def test_ids_are_unique_and_every_scenario_is_found_by_its_own() -> None:
    assert len({each.id for each in SCENARIOS}) == len(SCENARIOS) > 0
    assert [catalog.scenario(each.id) for each in SCENARIOS] == list(SCENARIOS)
    assert catalog.scenario("nobody") is None


def test_callers_cannot_change_each_others_catalog() -> None:
    catalog.payers()[0]["id"] = "changed"
    catalog.scenarios()[0].create.clear()
    assert catalog.payers()[0]["id"] != "changed"
    assert catalog.scenarios()[0].create


def test_every_payers_portal_is_served_and_has_accounts() -> None:
    portals = {portal.id for portal in catalog.PORTALS}
    assert portals == set(catalog.PORTAL_ACCOUNTS)
    assert {payer["portal"]["id"] for payer in PAYERS.values()} == portals


@every_scenario
def test_scenario_is_for_a_known_provider_and_a_route_of_its_payer(scenario: Scenario) -> None:
    request = scenario.create["request"]
    assert scenario.create["providerNpi"] in {provider["npi"] for provider in catalog.providers()}
    assert any(
        route["coverageState"] == request["coverageState"]
        and route["requestType"] == request["requestType"]
        and request["serviceCode"]["system"] in route["serviceCodeSystems"]
        for route in PAYERS[request["payerId"]]["routes"]
    )


def slug(label: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", label.lower()).strip("-")


@every_scenario
def test_answers_exist_in_the_questionnaires_with_the_right_type(scenario: Scenario) -> None:
    asked = questions_of(scenario)
    given = answers_of(scenario.create["questionnaireResponse"]) | answers_of(
        scenario.resolves["questionnaireResponse"]
    )
    asked_by_the_portal = {slug(question["label"]) for question in scenario.portal["behaviour"].get("questions", [])}
    for link_id, answer in given.items():
        if link_id.startswith("payer."):
            assert link_id.removeprefix("payer.") in asked_by_the_portal
            continue
        question = asked[link_id]
        assert list(answer) == [VALUE_KEYS[question["type"]]]
        if question["type"] == "choice":
            assert answer["valueCoding"]["code"] in {option["code"] for option in question["options"]}


@every_scenario
def test_with_what_resolves_it_nothing_required_is_missing(scenario: Scenario) -> None:
    given = answers_of(scenario.create["questionnaireResponse"]) | answers_of(
        scenario.resolves["questionnaireResponse"]
    )
    required = {link_id for link_id, item in questions_of(scenario).items() if item.get("required")}
    assert required <= given.keys()
    documents = {document["type"] for document in service_of(scenario)["documents"]}
    assert documents <= set(scenario.resolves["documentTypes"])


@every_scenario
def test_the_portal_part_is_valid_and_is_about_the_member_of_the_answers(scenario: Scenario) -> None:
    member = scenario.portal["member"]
    if member is None:
        return
    assert check_portal(portal_of(scenario), scenario.portal) is None
    assert scenario.portal in catalog.members_at(portal_of(scenario))
    answers = answers_of(scenario.create["questionnaireResponse"])
    assert answers["patient.memberId"] == {"valueString": member["memberId"]}
    assert answers["patient.birthDate"] == {"valueDate": member["birthDate"]}


@every_scenario
def test_a_member_belongs_to_one_scenario_only(scenario: Scenario) -> None:
    answers = answers_of(scenario.create["questionnaireResponse"])
    same = [
        each.id
        for each in SCENARIOS
        if answers_of(each.create["questionnaireResponse"])["patient.memberId"] == answers["patient.memberId"]
    ]
    assert same == [scenario.id]


def larkspur_entries(scenario: Scenario) -> dict[str, str]:
    code = scenario.create["request"]["serviceCode"]
    return {
        "request_type": "OP",
        "code_system": code["system"].upper(),
        "procedure_code": code["code"],
        "units": "1",
        "start_date": "2026-12-01",
        "provider_npi": scenario.create["providerNpi"],
        "reference": "auth_1",
    }


def juniper_entries(scenario: Scenario) -> dict[str, str]:
    request = scenario.create["request"]
    return {
        "setting": request["requestType"],
        "codeSet": request["serviceCode"]["system"].upper(),
        "code": request["serviceCode"]["code"],
        "quantity": "1",
        "serviceDate": "2026-12-01",
        "npi": scenario.create["providerNpi"],
        "reference": "auth_1",
    }


SERVICE_FORMS = {
    "larkspur": (larkspur_entries, forms.check_service, ("units", "start_date")),
    "juniper": (juniper_entries, questions.check_service, ("quantity", "serviceDate")),
}


@every_scenario
def test_the_portal_takes_the_scenarios_service(scenario: Scenario) -> None:
    entries_of, check, (quantity, start) = SERVICE_FORMS[portal_of(scenario)]
    answers = answers_of(scenario.create["questionnaireResponse"])
    said = {
        quantity: str(answers["service.units"]["valueInteger"]),
        start: answers["service.startDate"]["valueDate"],
    }
    entries = entries_of(scenario) | said
    assert check(entries) == (entries, {})
