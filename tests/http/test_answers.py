"""Contract, section 5: answers: what was said comes back as it was said; a PATCH replaces what it names and nothing
else.
"""

import json
from typing import Any

import pytest

from tests.http.customer import CASES, Customer, Json, create_body, fresh_key, path, refused, said

DEVICE = "approved_automatic"


def given(case: Json) -> dict[str, Any]:
    """The answers of a case by linkId."""
    return {item["linkId"]: item.get("answer") for item in case["questionnaireResponse"]["item"]}


@pytest.mark.parametrize(
    ("link_id", "value"),
    [
        ("clinical.apneaHypopneaIndex", {"valueDecimal": 31.5}),
        ("clinical.apneaHypopneaIndex", {"valueDecimal": 0.1}),
        ("clinical.apneaHypopneaIndex", {"valueDecimal": 12}),
        ("clinical.apneaHypopneaIndex", {"valueDecimal": 1e-7}),
        ("clinical.apneaHypopneaIndex", {"valueDecimal": 123456789012345}),
        ("clinical.apneaHypopneaIndex", {"valueDecimal": 99999999.9999999}),
        ("clinical.apneaHypopneaIndex", {"valueDecimal": -4.25}),
        ("clinical.sleepStudyDate", {"valueDate": "2024-02-29"}),
        ("clinical.sleepStudyDate", {"valueDate": "0001-01-01"}),
        ("clinical.symptom", {"valueCoding": {"code": "insomnia"}}),
        ("clinical.symptom", {"valueCoding": {"code": "no such option"}}),
        ("clinical.summary", {"valueString": "  Two\nlines, “quoted”, \U0001f600 \\u0000 </script>  "}),
        ("clinical.summary", {"valueString": "x" * 20_000}),
        ("clinical.summary", {"valueString": ""}),
        ("service.units", {"valueInteger": 2**31 - 1}),
        ("service.units", {"valueInteger": -1}),
        ("service.units", {"valueInteger": 0}),
    ],
)
async def test_an_answer_comes_back_as_it_was_given(customer: Customer, link_id: str, value: Json) -> None:
    case = await customer.answer(await customer.create(DEVICE), said(link_id, **value))

    assert given(case)[link_id] == [value]
    assert given(await customer.read(case)) == given(case)


async def test_booleans_come_back(customer: Customer) -> None:
    case = await customer.create()
    for value in (False, True):
        case = await customer.answer(case, said("clinical.conservativeTreatment", valueBoolean=value))
        assert given(case)["clinical.conservativeTreatment"] == [{"valueBoolean": value}]


async def test_answers_of_a_hidden_branch_are_dropped(customer: Customer) -> None:
    case = await customer.create()

    answered = await customer.answer(case, said("clinical.conservativeTreatment", valueBoolean=False))

    assert "clinical.conservativeTreatmentWeeks" in given(case)
    assert "clinical.conservativeTreatmentWeeks" not in given(answered)


async def test_a_patch_replaces_what_it_names_and_leaves_the_rest(customer: Customer) -> None:
    case = await customer.create()

    answered = await customer.answer(case, said("patient.firstName", valueString="Robin"))
    cleared = await customer.answer(answered, said("patient.firstName"))

    assert given(answered) == {**given(case), "patient.firstName": [{"valueString": "Robin"}]}
    assert given(cleared) == {name: value for name, value in given(case).items() if name != "patient.firstName"}
    assert "patient.firstName" in {each["linkId"] for each in cleared["requirements"]["questions"]}


FAULTY = {
    "an unknown item": {"linkId": "no.such.item", "answer": [{"valueString": "x"}]},
    "another type": {"linkId": "service.units", "answer": [{"valueString": "1"}]},
    "a decimal for an integer": {"linkId": "service.units", "answer": [{"valueInteger": 1.5}]},
    "a boolean for an integer": {"linkId": "service.units", "answer": [{"valueInteger": True}]},
    "an integer of more than 32 bits": {"linkId": "service.units", "answer": [{"valueInteger": 2**31}]},
    "a text for a decimal": {"linkId": "service.units", "answer": [{"valueDecimal": "1.5"}]},
    "more digits than come back": {"linkId": "service.units", "answer": [{"valueDecimal": 1234567890123456789}]},
    "a boolean for a decimal": {"linkId": "service.units", "answer": [{"valueDecimal": True}]},
    "a number for a text": {"linkId": "patient.firstName", "answer": [{"valueString": 5}]},
    "no such day": {"linkId": "patient.birthDate", "answer": [{"valueDate": "2026-02-30"}]},
    "a time for a date": {"linkId": "patient.birthDate", "answer": [{"valueDate": "2026-02-03T00:00:00Z"}]},
    "a number for a date": {"linkId": "patient.birthDate", "answer": [{"valueDate": 20260203}]},
    "a code without its coding": {"linkId": "clinical.redFlag", "answer": [{"valueCoding": "none"}]},
    "two values in one answer": {"linkId": "service.units", "answer": [{"valueInteger": 1, "valueString": "1"}]},
    "no value in an answer": {"linkId": "service.units", "answer": [{}]},
    "two answers where one is taken": {"linkId": "service.units", "answer": [{"valueInteger": 1}, {"valueInteger": 2}]},
    "an unknown value": {"linkId": "service.units", "answer": [{"valueQuantity": 1}]},
    "no list of answers": {"linkId": "service.units", "answer": {"valueInteger": 1}},
    "no linkId": {"answer": [{"valueInteger": 1}]},
    "an empty linkId": {"linkId": "", "answer": [{"valueInteger": 1}]},
}


@pytest.mark.parametrize("faulty", FAULTY.values(), ids=FAULTY.keys())
async def test_one_faulty_item_rejects_the_whole_patch(customer: Customer, faulty: Json) -> None:
    case = await customer.create()
    before = await customer.everything(case)
    good = {"linkId": "patient.firstName", "answer": [{"valueString": "Robin"}]}
    body = {"questionnaireResponse": {"item": [good, faulty]}}

    response = await customer.send("PATCH", path(case, "answers"), version=1, json=body)

    assert refused(response, 400, "bad_request")["issues"]
    assert await customer.everything(case) == before


@pytest.mark.parametrize(
    "number",
    ["1e400", "1e9999999999999999999", "9" * 400, "1e-400", "1e-9999999999999999999", "1.0000000000000000001", "NaN"],
)
async def test_a_number_that_would_not_come_back_is_refused(customer: Customer, number: str) -> None:
    case = await customer.create(DEVICE)
    before = await customer.everything(case)
    text = json.dumps(said("clinical.apneaHypopneaIndex", valueDecimal=17)).replace("17", number)
    headers = [("Content-Type", "application/json")]

    response = await customer.send("PATCH", path(case, "answers"), version=1, content=text, headers=headers)

    refused(response, 400, "bad_request")
    assert await customer.everything(case) == before


async def test_each_fault_of_a_patch_is_an_issue_of_its_own(customer: Customer) -> None:
    case = await customer.create()
    unknown = [{"linkId": f"no.such.{number}", "answer": []} for number in range(3)]
    twice = [{"linkId": "service.units", "answer": [{"valueInteger": number}]} for number in (1, 2)]

    response = await customer.send(
        "PATCH", path(case, "answers"), version=1, json={"questionnaireResponse": {"item": unknown + twice}}
    )

    fields = [issue["field"] for issue in refused(response, 400, "bad_request")["issues"]]
    assert sorted(fields) == ["no.such.0", "no.such.1", "no.such.2", "service.units"]


async def test_faulty_initial_answers_create_nothing(customer: Customer) -> None:
    for faulty in (FAULTY["an unknown item"], FAULTY["another type"], FAULTY["no such day"]):
        body = create_body(questionnaireResponse={"item": [faulty]})
        response = await customer.send("POST", CASES, json=body, headers=[("Idempotency-Key", fresh_key())])
        refused(response, 400, "bad_request")

    assert [each async for each in customer.entries(CASES)] == []
