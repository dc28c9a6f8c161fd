"""Contract, section 5: FHIR over HTTP: what goes out is FHIR by another's judgement, and comes back unchanged."""

import json

import httpx
import pytest
from fhir.resources.R4B.questionnaire import Questionnaire
from fhir.resources.R4B.questionnaireresponse import QuestionnaireResponse

from tests.http.customer import Customer, Json, path, refused, taken

FHIR = [("Content-Type", "application/fhir+json")]


async def resource(customer: Customer, case: Json, name: str) -> Json:
    answered = await customer.get(path(case, name))
    assert answered.headers["Content-Type"] == "application/fhir+json"
    assert answered.headers["ETag"] == f'"{case["version"]}"'
    found: Json = answered.json()
    return found


async def sent(customer: Customer, case: Json, response: Json) -> httpx.Response:
    """The answer to a PATCH of answers as FHIR."""
    return await customer.send(
        "PATCH",
        path(case, "questionnaire-response.fhir"),
        version=case["version"],
        content=json.dumps(response).encode(),
        headers=FHIR,
    )


async def patched(customer: Customer, case: Json, response: Json) -> Json:
    """The case after a PATCH of its answers as FHIR."""
    return taken(await sent(customer, case, response))


def kept(text: str) -> Json:
    """The extension of a text that FHIR has no room for."""
    return {"url": "urn:priorauth:fhir:verbatim", "valueString": json.dumps(text)}


async def test_the_questionnaire_is_fhir_and_asks_what_the_case_asks(customer: Customer) -> None:
    case = await customer.create()

    exported = await resource(customer, case, "questionnaire.fhir")

    Questionnaire.model_validate(exported)
    groups = [group["linkId"] for group in exported["item"]]
    assert groups == [f"questionnaire:{each['id']}" for each in case["questionnaire"]]
    assert exported["url"].endswith(path(case, "questionnaire.fhir"))


async def test_the_answers_are_fhir_and_patching_them_back_changes_nothing(customer: Customer) -> None:
    case = await customer.ready()

    exported = await resource(customer, case, "questionnaire-response.fhir")
    QuestionnaireResponse.model_validate(exported)

    assert exported["status"] == "completed"
    assert await patched(customer, case, exported) == case


async def test_a_resource_that_cannot_be_read_is_refused_with_every_path(customer: Customer) -> None:
    case = await customer.create()
    response = {
        "resourceType": "QuestionnaireResponse",
        "questionnaire": "https://elsewhere.example/questionnaire",
        "colour": "green",
        "item": [{"linkId": "clinical.summary", "answer": [{"valueQuantity": {"value": 1}}]}],
    }

    answered = await customer.send(
        "PATCH", path(case, "questionnaire-response.fhir"), version=case["version"], json=response
    )

    issues = refused(answered, 400, "bad_request")["issues"]
    assert {issue["field"] for issue in issues} == {"questionnaire", "colour", "item[0].answer[0].valueQuantity"}
    assert taken(await customer.get(path(case))) == case


async def test_an_answer_that_the_questionnaire_does_not_take_is_refused_as_ever(customer: Customer) -> None:
    case = await customer.create()
    item = [{"linkId": "nobody", "answer": [{"valueString": "x"}]}]
    response = {"resourceType": "QuestionnaireResponse", "item": item}

    answered = await customer.send(
        "PATCH", path(case, "questionnaire-response.fhir"), version=case["version"], json=response
    )

    assert [issue["code"] for issue in refused(answered, 400, "bad_request")["issues"]] == ["unknown_link_id"]


async def test_plain_answers_are_not_taken_as_fhir(customer: Customer) -> None:
    case = await customer.create()

    answered = await customer.send("PATCH", path(case, "answers"), version=case["version"], content=b"{}", headers=FHIR)

    refused(answered, 415, "unsupported_media_type")


async def test_a_known_version_is_not_sent_again(customer: Customer) -> None:
    case = await customer.create()

    answered = await customer.get(path(case, "questionnaire.fhir"), headers=[("If-None-Match", f'"{case["version"]}"')])

    assert (answered.status_code, answered.content) == (304, b"")


@pytest.mark.parametrize("extension", [None, 5])
async def test_an_ill_typed_element_is_refused_with_its_path(customer: Customer, extension: object) -> None:
    case = await customer.create()
    answer = {"extension": extension, "valueString": "A"}
    resource = {"resourceType": "QuestionnaireResponse", "item": [{"linkId": "patient.firstName", "answer": [answer]}]}

    error = refused(await sent(customer, case, resource), 400, "bad_request")

    assert [issue["field"] for issue in error["issues"]] == ["item[0].answer[0].extension"]
    assert error["retryable"] is False


@pytest.mark.parametrize(
    "value", [{"valueString": "a" * 20_001}, {"valueDecimal": 10**16}, {"extension": [kept("a\0b")]}], ids=repr
)
async def test_fhir_has_the_bounds_of_every_other_way_in(customer: Customer, value: Json) -> None:
    case = await customer.create()
    link_id = "service.units" if "valueDecimal" in value else "patient.firstName"
    resource = {"resourceType": "QuestionnaireResponse", "item": [{"linkId": link_id, "answer": [value]}]}

    refused(await sent(customer, case, resource), 400, "bad_request")
