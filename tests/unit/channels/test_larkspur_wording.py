"""How a job is worded for Larkspur: what is entered and uploaded, and what the review page should show."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from priorauth.channels.contract import Job, JobDocument
from priorauth.channels.portals.larkspur.wording import Wording
from priorauth.channels.portals.wording import Entry, document_line
from priorauth.domain.catalog import CodeSystem
from priorauth.domain.questionnaires import AnswerItem, Coding, ItemType, Option, Questionnaire, Value
from priorauth.domain.reviews import Package
from tests.factories.answers import question, said
from tests.factories.jobs import job_of
from tests.factories.payers import larkspur, request

SUMMARY = "clinical.summary"


def document(*types: str, name: str = "notes.pdf") -> JobDocument:
    content = name.encode()
    return JobDocument(
        stored_as=name,
        file_name=name,
        content_type="application/pdf",
        size_bytes=len(content),
        document_types=types,
        sha256=hashlib.sha256(content).hexdigest(),
    )


def line(kind: str, each: JobDocument) -> str:
    return document_line(kind, each.file_name, str(each.size_bytes), each.sha256[:12])


def job(*documents: JobDocument, answers: tuple[AnswerItem, ...] = ()) -> Job:
    """The lumbar job with these documents, and with these answers put in or replaced."""
    basis = job_of("approved_after_review", case="auth_1")
    named = {each.link_id for each in answers}
    kept = (each for each in basis.answers if each.link_id not in named)
    return replace(basis, documents=documents, answers=(*kept, *answers))


def sleep_job(**said_of: Value) -> Job:
    """The job of a sleep apnea device; answers by the last part of their linkId."""
    payer = larkspur()
    service = request(payer, code="E0601", system=CodeSystem.HCPCS)
    answers = {
        "sleepStudyDate": date(2026, 1, 9),
        "apneaHypopneaIndex": Decimal("31.5"),
        "symptom": Coding("sleepiness"),
        **said_of,
    }
    clinical = tuple(said(f"clinical.{name}", value) for name, value in answers.items())
    basis = job(answers=clinical)
    return replace(basis, request=service, questionnaires=payer.questionnaires_for(service))


def asking_more(basis: Job, *items: tuple[str, Value], **rules: object) -> Job:
    """The job of a payer that asks more than its portal has fields for."""
    more = Questionnaire("more", "More", tuple(question(link_id, **rules) for link_id, _ in items))  # type: ignore[arg-type]
    answers = tuple(said(link_id, value) for link_id, value in items)
    return replace(basis, questionnaires=(*basis.questionnaires, more), answers=(*basis.answers, *answers))


def entry(wording: Wording, label: str) -> Entry:
    (found,) = (each for each in (*wording.service_page(), *wording.clinical_page()) if each.label == label)
    return found


def as_the_portal_shows_it(wording: Wording) -> Package:
    """What a faithful portal shows: what was entered and uploaded, and nothing else."""
    package, entered = wording.package(), (*wording.service_page(), *wording.clinical_page())
    member = package.fields[:3]
    fields = tuple((each.label, each.reviewed) for each in entered)
    return Package((*member, *fields), tuple(line(kind, each) for kind, each in wording.documents()))


# --- documents -------------------------------------------------------------------------------------------------------


def test_each_mapped_type_of_a_document_is_an_upload_and_a_line() -> None:
    both = document("imaging_report", "clinical_notes")
    wording = Wording(job(both))

    assert wording.documents() == (("Imaging report", both), ("Clinical notes", both))
    assert wording.package().documents == (line("Imaging report", both), line("Clinical notes", both))
    assert wording.package().differences(as_the_portal_shows_it(wording)) == ()


def test_documents_stand_in_the_cases_order_and_a_portal_may_show_them_in_another() -> None:
    one, other = document("lab_results", name="a.pdf"), document("letter_of_medical_necessity", name="b.pdf")
    wording = Wording(job(one, other))

    assert [kind for kind, _ in wording.documents()] == ["Laboratory results", "Letter of medical necessity"]
    shown = as_the_portal_shows_it(wording)
    assert wording.package().differences(replace(shown, documents=shown.documents[::-1])) == ()


def test_a_type_without_a_word_goes_up_as_another_document() -> None:
    odd = document("growth_chart", "lab_results", "consent")
    wording = Wording(job(odd))

    assert [kind for kind, _ in wording.documents()] == ["Other document", "Laboratory results"]
    assert wording.package().differences(as_the_portal_shows_it(wording)) == ()


# --- answers ---------------------------------------------------------------------------------------------------------


def test_a_job_that_the_portal_has_words_for_is_shown_as_it_is() -> None:
    for known in (job(document("clinical_notes")), sleep_job()):
        wording = Wording(known)
        assert wording.package().differences(as_the_portal_shows_it(wording)) == ()


@pytest.mark.parametrize(
    ("kind", "value", "shown"),
    [
        (ItemType.STRING, "Left side", "Left side"),
        (ItemType.BOOLEAN, False, "No"),
        (ItemType.DATE, date(2026, 2, 3), "2026-02-03"),
        (ItemType.INTEGER, 0, "0"),
        (ItemType.DECIMAL, Decimal("1E+1"), "10"),
        (ItemType.CHOICE, Coding("left"), "On the left"),
    ],
)
def test_an_answer_without_a_field_goes_into_the_free_text(kind: ItemType, value: Value, shown: str) -> None:
    wording = Wording(asking_more(job(), ("clinical.side", value), kind=kind, options=(Option("left", "On the left"),)))

    further = entry(wording, "Additional clinical information")
    assert further.entered == further.reviewed == f"About clinical.side? {shown}"
    assert wording.package().differences(as_the_portal_shows_it(wording)) == ()


def test_answers_without_a_field_are_a_line_each() -> None:
    wording = Wording(asking_more(job(), ("clinical.side", "left"), ("clinical.level", "L4")))

    further = entry(wording, "Additional clinical information")
    assert further.entered == "About clinical.side? left\nAbout clinical.level? L4"


def test_what_the_portal_itself_asked_goes_into_its_own_field() -> None:
    wording = Wording(asking_more(job(), ("payer.side-of-pain", "left")))

    assert entry(wording, "About payer.side-of-pain?").link_id == "payer.side-of-pain"
    assert "About payer.side-of-pain?" in wording.labels()
    assert all(each.label != "Additional clinical information" for each in wording.clinical_page())


def test_an_item_without_a_field_that_nobody_answered_is_none() -> None:
    basis = job()
    asked = Questionnaire("more", "More", (question("clinical.side"),))
    wording = Wording(replace(basis, questionnaires=(*basis.questionnaires, asked)))

    assert wording.package() == Wording(basis).package()


# --- what browsers do to text ----------------------------------------------------------------------------------------


def browser_keeps(text: str) -> str:
    """What a text area gives back (HTML: line breaks become LF), and the page's reader trims."""
    return text.replace("\r\n", "\n").replace("\r", "\n").strip()


@pytest.mark.parametrize(
    "text",
    [
        "Pain.\r\nNo relief.",
        "  Pain.\n",
        "\r\nPain.\r\n\r\nNo relief.\r\n",
        "\tPain. \u00a0",
        "Pain.\rNo relief.",
    ],
)
def test_line_breaks_and_surrounding_blanks_make_no_difference(text: str) -> None:
    wording = Wording(job(answers=(said(SUMMARY, text),)))
    expected = entry(wording, "Clinical justification")

    assert expected.entered == expected.reviewed == browser_keeps(text)
    shown = as_the_portal_shows_it(wording)
    fields = tuple((label, browser_keeps(value)) for label, value in shown.fields)
    assert wording.package().differences(replace(shown, fields=fields)) == ()


def test_blanks_inside_a_text_stay() -> None:
    wording = Wording(job(answers=(said(SUMMARY, " Pain.  No\r\n\r\n relief. "),)))
    assert entry(wording, "Clinical justification").reviewed == "Pain.  No\n\n relief."


@pytest.mark.parametrize("link_id", ["patient.memberId", "patient.firstName", "patient.lastName", "diagnosis.primary"])
def test_blanks_around_what_names_the_member_and_the_diagnosis_make_no_difference(link_id: str) -> None:
    plain = job()
    (value,) = (answer.value for each in plain.answers if each.link_id == link_id for answer in each.answer)
    padded = job(answers=(said(link_id, f"  {value} "),))

    assert Wording(padded).package() == Wording(plain).package()
    assert Wording(padded).member() == Wording(plain).member()


# --- numbers and dates -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "written"),
    [("1E+1", "10"), ("1E-3", "0.001"), ("31.50", "31.50"), ("0", "0"), ("2E2", "200"), ("31.5", "31.5")],
)
def test_decimals_are_written_plainly(value: str, written: str) -> None:
    index = entry(Wording(sleep_job(apneaHypopneaIndex=Decimal(value))), "Apnea-hypopnea index")
    assert (index.entered, index.reviewed) == (written, written)


@pytest.mark.parametrize(
    ("of", "label", "entered", "reviewed"),
    [
        (job, "Requested start date", "2026-12-03", "12/03/2026"),
        (sleep_job, "Date of sleep study", "2026-01-09", "01/09/2026"),
        (job, "Red flag finding", "Progressive neurologic deficit", "Progressive neurologic deficit"),
        (job, "Conservative treatment completed", "Yes", "Yes"),
    ],
)
def test_a_field_is_entered_as_the_form_wants_it_and_reviewed_as_the_page_shows_it(
    of: Callable[[], Job], label: str, entered: str, reviewed: str
) -> None:
    found = entry(Wording(of()), label)
    assert (found.entered, found.reviewed) == (entered, reviewed)


def test_a_remark_on_a_field_leads_to_its_item() -> None:
    wording = Wording(job())

    assert wording.link_of("Weeks of conservative treatment") == "clinical.conservativeTreatmentWeeks"
    assert wording.link_of("Units requested") == "service.units"
    assert wording.link_of("Your reference") is None
    assert wording.link_of("Nowhere") is None
