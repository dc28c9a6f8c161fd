"""What still stands between a case and its submission."""

from dataclasses import replace
from datetime import date

import pytest

from priorauth.domain.attachments import Attachment
from priorauth.domain.authorizations import Knowledge
from priorauth.domain.catalog import CodeVerdict, RequiredDocument
from priorauth.domain.errors import Issue, Severity
from priorauth.domain.questionnaires import AnswerItem, Coding, Concept, ItemType, Operator
from priorauth.domain.requirements import Finding, Requirements, assess, still_open
from priorauth.formats.icd10cm import icd10cm
from tests.factories import cases, payers
from tests.factories.answers import (
    DIAGNOSIS,
    MEMBER,
    TREATED,
    UNITS,
    WEEKS,
    answer,
    lumbar_answers,
    question,
    said,
    when,
)
from tests.factories.moments import START


def assessed(
    *given: AnswerItem,
    known: Knowledge = cases.LARKSPUR,
    attachments: tuple[Attachment, ...] = (),
    findings: tuple[Finding, ...] = (),
    previous: Requirements | None = None,
) -> Requirements:
    request = payers.request(known.payer)
    return assess(
        known.payer.questionnaires_for(request),
        documents=known.payer.rules_for(request).documents,
        document_types=known.payer.portal.document_types,
        answers=given,
        attachments=attachments,
        findings=findings,
        reply=None,
        diagnosis_codes=known.diagnosis_codes,
        patterns=known.patterns,
        today=known.today,
        previous=previous,
    )


def changed(*replacements: AnswerItem) -> tuple[AnswerItem, ...]:
    by_link = {item.link_id: item for item in (*lumbar_answers(), *replacements)}
    return tuple(item for item in by_link.values() if item.answer)


def asked(requirements: Requirements) -> list[str]:
    return [open_question.link_id for open_question in requirements.questions]


def codes(requirements: Requirements) -> list[tuple[str, str | None]]:
    return [(issue.code, issue.field) for issue in requirements.issues]


NOTES = Attachment("att_1", "file_1", ("clinical_notes",), "notes.pdf", None, START)


def test_required_questions_and_documents_are_open_until_they_are_given() -> None:
    empty = assessed()
    assert "patient.memberId" in asked(empty)
    assert WEEKS not in asked(empty)
    assert [document.type for document in empty.documents] == ["clinical_notes"]
    assert empty.is_blocked

    full = assessed(*lumbar_answers(), attachments=(NOTES,))
    assert (full.questions, full.documents, full.issues, full.is_blocked) == ((), (), (), False)


def test_a_document_of_another_type_does_not_help() -> None:
    assert assessed(*lumbar_answers(), attachments=(replace(NOTES, document_types=("lab_results",)),)).documents
    assert not assessed(
        *lumbar_answers(), attachments=(replace(NOTES, document_types=("lab_results", "clinical_notes")),)
    ).documents


def test_a_condition_makes_a_question_required() -> None:
    assert asked(assessed(*changed(said(WEEKS)))) == [WEEKS]
    assert asked(assessed(*changed(said(WEEKS), said(TREATED, False)))) == []


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("M54.16", []),
        ("M5416", []),
        ("M54.5", [("diagnosis_code_not_specific", DIAGNOSIS)]),
        ("M54", [("diagnosis_code_not_specific", DIAGNOSIS)]),
        ("ZZ9", [("diagnosis_code_unknown", DIAGNOSIS)]),
        ("M541.6", [("diagnosis_code_unknown", DIAGNOSIS)]),
        ("m54.16", [("diagnosis_code_unknown", DIAGNOSIS)]),
        ("M54.16XXXX", [("too_long", DIAGNOSIS)]),
    ],
)
def test_a_diagnosis_has_to_be_in_the_code_set_and_specific(code: str, expected: list[tuple[str, str]]) -> None:
    found = assessed(*changed(said(DIAGNOSIS, code)), attachments=(NOTES,))

    assert codes(found) == expected
    assert found.is_blocked is bool(expected)


@pytest.mark.parametrize(
    ("code", "verdict"),
    [
        ("A09", CodeVerdict.VALID),
        ("A09.", CodeVerdict.UNKNOWN),
        ("A0.9", CodeVerdict.UNKNOWN),
        (".A09", CodeVerdict.UNKNOWN),
        ("M54..16", CodeVerdict.UNKNOWN),
        ("S52.501A", CodeVerdict.VALID),
        ("S52.501", CodeVerdict.NOT_SPECIFIC),
        ("Z99.89", CodeVerdict.VALID),
        ("", CodeVerdict.UNKNOWN),
        ("A00-B99", CodeVerdict.UNKNOWN),
    ],
)
def test_the_code_set_knows_its_codes(code: str, verdict: CodeVerdict) -> None:
    assert icd10cm().judge(code) is verdict


def test_values_that_break_a_rule_are_issues_of_their_question() -> None:
    found = assessed(*changed(said(MEMBER, "12"), said(UNITS, 100)), attachments=(NOTES,))

    assert codes(found) == [("pattern_mismatch", MEMBER), ("above_maximum", UNITS)]
    assert found.issues[0].message == "A Larkspur member ID is LKS followed by nine digits."


def test_groups_are_never_asked_and_hidden_groups_ask_nothing() -> None:
    known = cases.knowing(
        payers.payer_asking(
            question("a", ItemType.BOOLEAN),
            question("note", ItemType.DISPLAY, required=True),
            question(
                "group",
                ItemType.GROUP,
                required=True,
                not_allowed_when=when("a", Operator.EQUAL, False),
                item=(question("group.a", required=True),),
            ),
        )
    )

    assert asked(assessed(known=known)) == ["group.a"]
    assert asked(assessed(said("a", False), known=known)) == []


def test_a_diagnosis_may_be_coded() -> None:
    known = cases.knowing(payers.payer_asking(question("dx", ItemType.CHOICE, concept=Concept.DIAGNOSIS)))

    assert codes(assessed(said("dx", Coding("M54.16")), known=known)) == []
    assert codes(assessed(said("dx", Coding("ZZ9")), known=known)) == [("diagnosis_code_unknown", "dx")]


def test_the_version_grows_when_something_else_is_open() -> None:
    known = cases.knowing(
        payers.payer_asking(question("a", required=True), documents=(RequiredDocument("notes", "Notes."),))
    )
    first = assessed(known=known)
    assert first.version == 1
    assert assessed(known=known, previous=first) == first

    second = assessed(said("a", "x"), known=known, previous=first)
    assert (second.version, asked(second)) == (2, [])
    assert assessed(said("a", "y"), known=known, previous=second) == second


def test_a_finding_blocks_until_the_answer_that_it_speaks_of_is_another() -> None:
    issue = Issue("rejected_by_payer", "Unknown member.", MEMBER)
    finding = Finding(issue, (answer("LKS100000003"),), (1, 1))
    assert codes(assessed(*lumbar_answers(), attachments=(NOTES,), findings=(finding,))) == [
        ("rejected_by_payer", MEMBER)
    ]

    assert still_open((finding,), lumbar_answers(), package=(2, 2)) == (finding,)
    assert still_open((finding,), changed(said(MEMBER, "LKS100000004")), package=(2, 1)) == ()
    assert still_open((finding,), changed(said(MEMBER)), package=(2, 1)) == ()


def test_a_finding_about_the_whole_blocks_until_the_package_is_another() -> None:
    finding = Finding(Issue("rejected_by_payer", "Please review your request."), (), (3, 2))

    assert still_open((finding,), lumbar_answers(), package=(3, 2)) == (finding,)
    assert still_open((finding,), lumbar_answers(), package=(4, 2)) == ()
    assert still_open((finding,), lumbar_answers(), package=(3, 3)) == ()


def test_a_document_type_that_the_payer_does_not_have_is_a_warning_that_names_those_it_has() -> None:
    odd = replace(NOTES, document_types=("clinical_notes", "growth_chart"))

    found = assessed(*lumbar_answers(), attachments=(odd,))

    (issue,) = found.issues
    assert (issue.code, issue.field, issue.severity) == ("document_type_unknown", "attachments", Severity.WARNING)
    assert "growth_chart" in issue.message
    assert "lab_results" in issue.message
    assert not found.is_blocked


@pytest.mark.parametrize(
    ("link_id", "day", "expected"),
    [
        ("patient.birthDate", date(2026, 3, 4), ["birth_date_in_future"]),
        ("patient.birthDate", date(2026, 3, 3), []),
        ("patient.birthDate", date(184, 6, 1), ["birth_date_too_early"]),
        ("service.startDate", date(2016, 3, 2), ["start_long_past"]),
        ("service.startDate", date(2025, 12, 1), []),
        ("service.startDate", date(2027, 1, 1), []),
    ],
)
def test_a_date_that_nobody_can_mean_is_an_issue(link_id: str, day: date, expected: list[str]) -> None:
    found = assessed(*changed(said(link_id, day)))

    assert [issue.code for issue in found.issues if issue.field == link_id] == expected
