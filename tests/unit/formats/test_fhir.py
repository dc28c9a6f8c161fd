"""What goes out as FHIR comes back unchanged, is FHIR by another's judgement, and what cannot be taken says why."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, TypeVar

import pytest
from fhir.resources.R4B.questionnaire import Questionnaire as FhirQuestionnaire
from fhir.resources.R4B.questionnaireresponse import QuestionnaireResponse as FhirResponse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from priorauth.domain.answers import AnswerSet
from priorauth.domain.questionnaires import (
    AlternativeText,
    AnswerItem,
    Coding,
    Condition,
    EnableBehavior,
    Item,
    ItemType,
    NarrowedOptions,
    Operator,
    Option,
    Questionnaire,
)
from priorauth.formats.fhir import VERBATIM, FhirFaults, Json
from priorauth.formats.fhir_questionnaires import questionnaire_resource, questionnaires_of
from priorauth.formats.fhir_responses import answers_of, response_resource
from priorauth.formats.payers import payer_of
from priorauth.sandbox import catalog
from priorauth.store.documents import decode, encode
from tests.factories.answers import answer, question, said, when
from tests.factories.questionnaires import answer_trees, questionnaires

URL = "https://clinic.example/questionnaire"
OFTEN = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])


def exported(sets: tuple[Questionnaire, ...]) -> Json:
    """The resource, as it is after a way over the wire."""
    resource = questionnaire_resource(sets, url=URL, version="1", title="Questions", name="Questions")
    found: Json = json.loads(json.dumps(resource))
    return found


def responded(sets: tuple[Questionnaire, ...], answers: tuple[AnswerItem, ...]) -> Json:
    """The response, as it is after a way over the wire."""
    resource = response_resource(
        sets,
        answers,
        questionnaire_url=URL,
        identifier="auth_1",
        complete=True,
        authored=datetime(2026, 5, 1, tzinfo=UTC),
    )
    found: Json = json.loads(json.dumps(resource))
    return found


@OFTEN
@given(sets=questionnaires())
def test_importing_an_export_is_the_identity(sets: tuple[Questionnaire, ...]) -> None:
    resource = exported(sets)

    assert questionnaires_of(resource) == sets
    FhirQuestionnaire.model_validate(resource)


@OFTEN
@given(data=st.data())
def test_answers_come_back_unchanged(data: st.DataObject) -> None:
    sets = data.draw(questionnaires())
    answers = data.draw(answer_trees(tuple(item for each in sets for item in each.item)))
    resource = responded(sets, answers)

    assert answers_of(resource, questionnaire_url=URL) == answers
    FhirResponse.model_validate(resource)


@pytest.mark.parametrize("payer", catalog.payers(), ids=lambda payer: str(payer["id"]))
def test_every_questionnaire_of_the_sandbox_is_fhir(payer: dict[str, Any]) -> None:
    known = payer_of(payer)
    for rules in known.services:
        sets = tuple(each for each in known.questionnaires if each.id in rules.questionnaires)
        resource = exported(sets)

        assert questionnaires_of(resource) == sets
        FhirQuestionnaire.model_validate(resource)


# --- conditions, said in FHIR's words --------------------------------------------------------------------------------

GATE = question("gate", ItemType.CHOICE, options=(Option("a", "A"), Option("b", "B"), Option("c", "C")))
NUMBER = question("number", ItemType.INTEGER)


def foreign(*items: object) -> Json:
    return {"resourceType": "Questionnaire", "id": "foreign", "title": "Foreign", "item": list(items)}


def hidden_in(condition: Condition | None, *answers: AnswerItem) -> bool:
    assert condition is not None
    return AnswerSet(answers).satisfies(condition)


CASES = [(), (said("gate", Coding("a")),), (said("gate", Coding("b")),), (said("gate", Coding("c")),)]


@pytest.mark.parametrize(
    ("behavior", "comparisons", "shown_for"),
    [
        ("all", [("=", "a")], [False, True, False, False]),
        ("all", [("!=", "a")], [True, False, True, True]),
        ("any", [("=", "a"), ("=", "b")], [False, True, True, False]),
        ("all", [("!=", "a"), ("!=", "b")], [True, False, False, True]),
        ("any", [("!=", "a"), ("!=", "b")], [True, True, True, True]),
        ("all", [("exists", True)], [False, True, True, True]),
        ("all", [("exists", False)], [True, False, False, False]),
    ],
)
def test_a_foreign_condition_shows_the_item_when_fhir_would(
    behavior: str, comparisons: list[tuple[str, Any]], shown_for: list[bool]
) -> None:
    enable = [
        {"question": "gate", "operator": operator}
        | ({"answerBoolean": value} if operator == "exists" else {"answerCoding": {"code": value}})
        for operator, value in comparisons
    ]
    gate = {"linkId": "gate", "type": "choice", "answerOption": [{"valueCoding": {"code": code}} for code in "abc"]}
    item = {"linkId": "more", "type": "string", "enableWhen": enable, "enableBehavior": behavior}

    (imported,) = questionnaires_of(foreign(gate, item))

    condition = imported.item[1].not_allowed_when
    assert [not hidden_in(condition, *answers) for answers in CASES] == shown_for


def test_a_hidden_item_is_disabled_in_fhirs_words_where_there_are_such() -> None:
    hidden = Condition(
        EnableBehavior.ANY,
        (
            *when("number", Operator.EXISTS, False).enable_when,
            *when("gate", Operator.NOT_EQUAL, Coding("a")).enable_when,
        ),
    )
    sets = (Questionnaire("one", "One", (GATE, question("more", not_allowed_when=hidden), NUMBER)),)

    more = exported(sets)["item"][0]["item"][1]

    assert more["enableBehavior"] == "all"
    assert more["enableWhen"] == [
        {"question": "number", "operator": "exists", "answerBoolean": True},
        {"question": "gate", "operator": "=", "answerCoding": {"code": "a"}},
    ]


def test_a_condition_that_fhir_cannot_say_is_carried_by_its_extension_alone() -> None:
    hidden = Condition(
        EnableBehavior.ANY,
        (
            *when("gate", Operator.EQUAL, Coding("a")).enable_when,
            *when("number", Operator.GREATER, 3).enable_when,
        ),
    )
    sets = (Questionnaire("one", "One", (GATE, NUMBER, question("more", not_allowed_when=hidden))),)

    resource = exported(sets)

    assert "enableWhen" not in resource["item"][0]["item"][2]
    assert questionnaires_of(resource) == sets


# --- foreign resources -----------------------------------------------------------------------------------------------


def test_a_foreign_questionnaire_is_taken_when_we_could_ask_it() -> None:
    resource = foreign(
        {
            "linkId": "phq",
            "type": "group",
            "text": "Over the last two weeks",
            "item": [
                {
                    "linkId": "phq.1",
                    "type": "choice",
                    "text": "Little interest",
                    "required": True,
                    "code": [{"system": "http://loinc.org", "code": "44250-9"}],
                    "answerOption": [
                        {"valueCoding": {"system": "http://loinc.org", "code": "LA6568-5", "display": "Not at all"}},
                        {"valueCoding": {"system": "http://loinc.org", "code": "LA6569-3", "display": "Several days"}},
                    ],
                },
                {"linkId": "phq.score", "type": "integer", "extension": [{"url": MIN_VALUE, "valueInteger": 0}]},
                {"linkId": "phq.note", "type": "display", "text": "Ask again after two weeks."},
            ],
        },
        {"linkId": "weight", "type": "decimal", "initial": [{"valueDecimal": 70.5}], "repeats": False},
    )

    (imported,) = questionnaires_of(resource)

    assert (imported.id, imported.title) == ("foreign", "Foreign")
    group, weight = imported.item
    assert [option.display for option in group.item[0].options] == ["Not at all", "Several days"]
    assert group.item[1].min == Decimal(0)
    assert weight.default_value == answer(Decimal("70.5"))


MIN_VALUE = "http://hl7.org/fhir/StructureDefinition/minValue"


def test_what_cannot_be_taken_is_named_all_at_once_with_its_path() -> None:
    resource = foreign(
        {"linkId": "a", "type": "quantity"},
        {"linkId": "b", "type": "choice", "answerValueSet": "http://hl7.org/fhir/ValueSet/yesnodontknow"},
        {
            "linkId": "c",
            "type": "group",
            "item": [{"linkId": "a", "type": "string"}, {"type": "reference", "modifierExtension": []}],
        },
        {"linkId": "d", "type": "choice", "answerOption": [{"valueString": "Yes"}, {"valueReference": {}}]},
        {"linkId": "e", "type": "date", "extension": [{"url": MIN_VALUE, "valueDate": "2026-01-01"}]},
        {"linkId": "f", "type": "string", "initial": [{"valueBoolean": True}], "repeats": "yes"},
        "g",
    )

    with pytest.raises(FhirFaults) as caught:
        questionnaires_of(resource)

    paths = {fault.path for fault in caught.value.faults}
    assert {
        "item[0].type",
        "item[1].answerValueSet",
        "item[2].item[0].linkId",
        "item[2].item[1].linkId",
        "item[2].item[1].type",
        "item[2].item[1].modifierExtension",
        "item[3].answerOption[0]",
        "item[3].answerOption[1].valueReference",
        f"item[4].extension({MIN_VALUE})",
        "item[5].initial[0]",
        "item[5].repeats",
        "item[6]",
    } <= paths
    assert all(fault.message.endswith((".", "display.")) for fault in caught.value.faults)


def test_a_condition_that_has_no_opposite_is_refused_with_its_path() -> None:
    enable = [
        {"question": "gate", "operator": "=", "answerString": "a"},
        {"question": "number", "operator": ">", "answerInteger": 3},
    ]
    item = {"linkId": "more", "type": "string", "enableWhen": enable, "enableBehavior": "any"}

    with pytest.raises(FhirFaults, match=r"item\[2\]\.enableWhen"):
        questionnaires_of(foreign({"linkId": "gate", "type": "string"}, {"linkId": "number", "type": "integer"}, item))


@pytest.mark.parametrize(
    ("enable", "path"),
    [
        ([{"question": "nobody", "operator": "exists", "answerBoolean": True}], "item[0].enableWhen[0].question"),
        ([{"question": "more", "operator": "~", "answerBoolean": True}], "item[0].enableWhen[0].operator"),
        ([{"question": "more", "operator": "="}], "item[0].enableWhen[0]"),
        ([{"question": "more", "operator": "exists", "answerBoolean": True}] * 2, "item[0].enableBehavior"),
    ],
)
def test_a_faulty_condition_is_named(enable: list[Json], path: str) -> None:
    with pytest.raises(FhirFaults) as caught:
        questionnaires_of(foreign({"linkId": "more", "type": "string", "enableWhen": enable}))

    assert [fault.path for fault in caught.value.faults] == [path]


@pytest.mark.parametrize("resource", [None, [], {}, {"resourceType": "Patient"}, {"resourceType": "Questionnaire"}])
def test_what_is_no_questionnaire_is_refused(resource: object) -> None:
    with pytest.raises(FhirFaults):
        questionnaires_of(resource)


def test_a_response_names_values_that_are_not_supported() -> None:
    resource = {
        "resourceType": "QuestionnaireResponse",
        "questionnaire": "https://elsewhere.example/q|2",
        "item": [
            {"linkId": "a", "answer": [{"valueQuantity": {"value": 1}}, {}]},
            {"linkId": "b", "answer": [{"valueDate": "2026"}]},
            {"answer": []},
        ],
    }

    with pytest.raises(FhirFaults) as caught:
        answers_of(resource, questionnaire_url=URL)

    assert [fault.path for fault in caught.value.faults] == [
        "questionnaire",
        "item[0].answer[0].valueQuantity",
        "item[0].answer[1]",
        "item[1].answer[0].valueDate",
        "item[2].linkId",
    ]


def test_what_lies_below_a_question_lies_below_its_answer() -> None:
    sets = (Questionnaire("one", "One", (question("a", item=(question("a.1"),)),)),)
    answers = (AnswerItem("a", (answer("yes"),), (said("a.1", "more"),)),)

    resource = responded(sets, answers)

    assert resource["item"][0]["item"][0]["answer"][0]["item"] == [
        {"linkId": "a.1", "answer": [{"valueString": "more"}]}
    ]
    assert answers_of(resource, questionnaire_url=URL) == answers


def test_an_item_without_words_has_none_in_fhir() -> None:
    sets = (Questionnaire("one", "One", (Item(link_id="a", text="", type=ItemType.STRING),)),)

    assert "text" not in exported(sets)["item"][0]["item"][0]
    assert questionnaires_of(exported(sets)) == sets


# --- whatever is sent ------------------------------------------------------------------------------------------------

SDC = "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-"
HL7 = "http://hl7.org/fhir/StructureDefinition/"
Read = TypeVar("Read")
WRONG: tuple[object, ...] = (
    None,
    5,
    1.5,
    True,
    "x",
    "",
    "a\0",
    "\ud800",
    [],
    {},
    [None],
    [[]],
    ["x"],
    [{}],
    {"url": None},
    {"x": None},
    # Our own texts are JSON within JSON.
    [{"url": VERBATIM, "valueString": "[" * 50_000}],
)


def places(value: Any, way: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Every place in a resource."""
    if way:
        yield way
    below = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, each in below:
        yield from places(each, (*way, step))


def changed(resource: Json, way: tuple[str | int, ...], value: Any) -> Json:
    """The resource with another value at a place."""
    copy: Any = json.loads(json.dumps(resource))
    holder = copy
    for step in way[:-1]:
        holder = holder[step]
    holder[way[-1]] = value
    found: Json = copy
    return found


def read(reading: Callable[[Json], tuple[Read, ...]], resource: Json) -> tuple[Read, ...]:
    """What is read of a resource; nothing where it is refused with paths."""
    try:
        return reading(resource)
    except FhirFaults as found:
        faults = found.faults
    assert faults
    assert all(fault.path for fault in faults)
    return ()


@pytest.mark.parametrize("wrong", WRONG, ids=repr)
def test_an_ill_typed_element_of_a_questionnaire_is_a_fault_with_a_path(wrong: object) -> None:
    resource = exported((EVERYTHING,))
    assert questionnaires_of(resource) == (EVERYTHING,)
    for way in places(resource):
        taken = read(questionnaires_of, changed(resource, way, wrong))
        assert decode(encode(taken), tuple[Questionnaire, ...]) == taken


@pytest.mark.parametrize("wrong", WRONG, ids=repr)
def test_an_ill_typed_element_of_a_response_is_a_fault_with_a_path(wrong: object) -> None:
    given = (said("gate", Coding("a")), said("text", "  "), said("number", 3), said("when", date(2026, 5, 1)))
    resource = responded((EVERYTHING,), given)
    assert answers_of(resource, questionnaire_url=URL) == given
    for way in places(resource):
        read(lambda sent: answers_of(sent, questionnaire_url=URL), changed(resource, way, wrong))


@pytest.mark.parametrize(
    ("extension", "place"),
    [
        ({"url": f"{SDC}subQuestionnaire", "valueCanonical": "http://example.org/Questionnaire/patient"}, "item"),
        ({"url": f"{SDC}assemble-expectation", "valueCode": "assemble-root"}, "resource"),
        ({"url": f"{HL7}targetConstraint", "extension": []}, "resource"),
        ({"url": f"{HL7}questionnaire-constraint", "extension": []}, "item"),
        ({"url": f"{HL7}questionnaire-maxOccurs", "valueInteger": "3"}, "item"),
        ({"url": f"{HL7}minLength", "valueInteger": True}, "item"),
    ],
)
def test_what_would_make_another_questionnaire_is_refused_by_its_name(extension: Json, place: str) -> None:
    item = {"linkId": "a", "type": "string", "repeats": True}
    holder = item if place == "item" else {}
    holder["extension"] = [extension]

    with pytest.raises(FhirFaults, match=extension["url"].rpartition("/")[2]):
        questionnaires_of({**foreign(item), **(holder if place == "resource" else {})})


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"valueDate": "1984-06"}, "whole date"),
        ({"valueCoding": {"display": "None"}}, "a code"),
        ({"valueInteger": "3"}, "without quotes"),
        ({"extension": None, "valueString": "A"}, "no null"),
        ({"extension": 5, "valueString": "A"}, "list of objects"),
    ],
)
def test_an_answer_that_is_not_taken_says_what_to_write(answer: Json, words: str) -> None:
    response = {"resourceType": "QuestionnaireResponse", "item": [{"linkId": "a", "answer": [answer]}]}

    with pytest.raises(FhirFaults, match=words):
        answers_of(response, questionnaire_url=URL)


EVERYTHING = Questionnaire(
    "all",
    "All",
    (
        replace(GATE, required=True, default_value=answer(Coding("a"))),
        question("text", min_length=2, max_length=9, pattern="[a-z ]+", error_message="Small letters."),
        question("number", ItemType.DECIMAL, min=Decimal(1), max=Decimal("2.5"), max_decimal_places=1),
        question("when", ItemType.DATE, required_when=when("gate", Operator.EQUAL, Coding("b"))),
        question(
            "more", repeats=True, min_occurs=1, max_occurs=3, not_allowed_when=when("text", Operator.EXISTS, False)
        ),
        question(
            "narrow",
            ItemType.CHOICE,
            options=GATE.options,
            values_when=(NarrowedOptions(when("gate", Operator.NOT_EQUAL, Coding("c")), GATE.options[:2]),),
            text_when=(AlternativeText(when("gate", Operator.EQUAL, Coding("a")), "Another wording"),),
        ),
    ),
)


def test_a_modifier_extension_anywhere_is_refused_as_it_could_change_an_answers_meaning() -> None:
    modifier = {"modifierExtension": [{"url": "http://example.org/not", "valueBoolean": True}]}
    given = responded((EVERYTHING,), (said("number", 3),))
    answer = {**given["item"][0]["item"][0]["answer"][0], **modifier}
    option = {"linkId": "q", "type": "choice", "answerOption": [{"valueCoding": {"code": "a"}, **modifier}]}

    with pytest.raises(FhirFaults, match=r"item\[0\]\.item\[0\]\.answer\[0\]\.modifierExtension"):
        answers_of(changed(given, ("item", 0, "item", 0, "answer", 0), answer), questionnaire_url=URL)
    with pytest.raises(FhirFaults, match=r"item\[0\]\.answerOption\[0\]\.modifierExtension"):
        questionnaires_of({"resourceType": "Questionnaire", "item": [option]})
