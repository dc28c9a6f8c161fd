"""How a job is worded for Juniper: what is entered and added, and what the review should show."""

from dataclasses import replace

import pytest

from priorauth.channels.contract import Job, JobDocument
from priorauth.channels.portals.juniper.wording import Wording
from priorauth.channels.portals.wording import DISCOVERED
from priorauth.domain.catalog import CodeSystem, RequestType, ServiceCode, Widget
from priorauth.domain.questionnaires import ItemType, Questionnaire, Value
from tests.factories.answers import question, said
from tests.factories.jobs import job_of


def job(**changes: Value) -> Job:
    """The job of a knee, with these answers replaced."""
    basis = job_of("juniper_approved_after_review", case="auth_1")
    changed = {name.replace("_", "."): value for name, value in changes.items()}
    kept = (each for each in basis.answers if each.link_id not in changed)
    return replace(basis, answers=(*kept, *(said(link_id, value) for link_id, value in changed.items())))


def document(*types: str, name: str = "report.pdf") -> JobDocument:
    return JobDocument("stored", name, "application/pdf", 1234567, types, "ab" * 32)


def test_the_review_is_expected_as_the_plan_words_it() -> None:
    package = Wording(job()).package()

    assert package.fields == (
        ("Member ID", "JR100000001"),
        ("Patient", "Farrant, Isolde"),
        ("Date of birth", "April 8, 1959"),
        ("Care setting", "Outpatient hospital or clinic"),
        ("Code set", "CPT"),
        ("Service code", "27447"),
        ("Quantity", "1"),
        ("First date of service", "December 8, 2026"),
        ("Servicing provider NPI", "1234567893"),
        ("Your reference", "auth_1"),
        ("Principal diagnosis", "M17.11"),
        ("Laterality", "Right"),
        ("Kellgren-Lawrence grade", "4"),
        ("Body mass index", "29.4"),
        ("Physical therapy completed", "Yes"),
        ("Weeks of physical therapy", "14"),
        (
            "Functional limitations",
            "Walks less than one block, cannot climb stairs, wakes from pain every night.",
        ),
        ("Notes for the reviewer", "Planned implant Cemented, posterior stabilized"),
    )


def test_a_document_is_added_once_for_each_of_its_kinds_and_shown_with_size_and_digest() -> None:
    wording = Wording(replace(job(), documents=(document("imaging_report", "lab_results"), document("x-unknown"))))

    assert [kind for kind, _ in wording.documents()] == ["Imaging", "Labs", "Miscellaneous"]
    assert wording.package().documents[0] == f"Imaging · report.pdf · 1,234,567 bytes · {'ab' * 32}"


def test_a_name_is_expected_as_a_browser_sends_it() -> None:
    quoted = replace(job(), documents=(document("lab_results", name='"old" report.pdf'),))
    assert "%22old%22 report.pdf" in Wording(quoted).package().documents[0]


@pytest.mark.parametrize(
    ("label", "link"),
    [("Quantity", "service.units"), ("Principal diagnosis", "diagnosis.primary"), ("Laterality", "joint.side")],
)
def test_a_remark_beside_a_field_is_an_issue_of_its_answer(label: str, link: str) -> None:
    assert Wording(job()).link_of(label) == link
    assert Wording(job()).link_of("Service code") is None


def test_what_the_portal_has_asked_itself_goes_into_its_own_field_and_may_be_asked_no_more() -> None:
    smoker = replace(question(f"{DISCOVERED}smoker", ItemType.BOOLEAN), text="Smoker")
    basis = job()
    asked = replace(
        basis,
        questionnaires=(*basis.questionnaires, Questionnaire("payer", "Payer", (smoker,))),
        answers=(*basis.answers, said(smoker.link_id, False)),
    )
    wording = Wording(asked)

    (entry,) = (each for each in wording.clinical() if each.label == "Smoker")
    assert (entry.entered, entry.widget, entry.is_discovered) == ("No", Widget.RADIO, True)
    assert wording.package().optional == {"Smoker"}
    assert "Smoker" in wording.labels()


@pytest.mark.parametrize(
    ("request_type", "system", "offered"),
    [
        (RequestType.INPATIENT, CodeSystem.CPT, True),
        (RequestType.OUTPATIENT, CodeSystem.HCPCS, True),
        (RequestType.OUTPATIENT, CodeSystem.NDC, False),
        (RequestType.DRUG, CodeSystem.HCPCS, False),
    ],
)
def test_the_portal_has_no_words_for_drugs(request_type: RequestType, system: CodeSystem, offered: bool) -> None:
    basis = job()
    asked = replace(basis.request, request_type=request_type, service_code=ServiceCode(system, "E0601"))
    assert Wording(replace(basis, request=asked)).is_offered is offered
