"""What a payer's page is evidence of: it counts only if it names what was sent."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from priorauth.channels.contract import EvidenceMismatch, Job
from priorauth.channels.portals.evidence import ShownRequest, compared
from priorauth.channels.portals.larkspur.wording import Wording
from priorauth.domain.reviews import Package
from priorauth.domain.submissions import PayerReceipt
from tests.factories.answers import said
from tests.factories.jobs import job_of
from tests.factories.moments import START

RECEIPT = PayerReceipt("LK-2026-0001", START, "portal")
JOB = job_of("approved_after_review", case="auth_1")


def package_of(job: Job) -> Package:
    return Wording(job).package()


def seen(
    fields: Mapping[str, str], job: Job = JOB, *, documents: tuple[str, ...] | None = None
) -> PayerReceipt | EvidenceMismatch:
    """What a page that names these fields is evidence of."""
    return compared(job, ShownRequest(RECEIPT, fields, documents), package_of=package_of)


def test_page_that_names_nothing_of_it_is_a_receipt() -> None:
    assert seen({}) == RECEIPT


def test_page_that_names_what_was_sent_is_a_receipt() -> None:
    fields = {"Member ID": "lks100000003", "Units requested": " 1 "}

    assert seen(fields, documents=package_of(JOB).documents) == RECEIPT


def test_what_only_the_payer_shows_does_not_count() -> None:
    assert seen({"Status": "Approved", "Approved units": "9"}) == RECEIPT


@pytest.mark.parametrize(
    ("fields", "documents", "label"),
    [
        ({"Member ID": "LKS999999999"}, None, "Member ID"),
        ({"Units requested": "7"}, None, "Units requested"),
        ({"Requested start date": "01/01/2031"}, None, "Requested start date"),
        ({"Rendering provider NPI": "9999999999"}, None, "Rendering provider NPI"),
        ({}, (), "Documents"),
    ],
)
def test_page_that_names_something_else_is_a_mismatch(
    fields: dict[str, str], documents: tuple[str, ...] | None, label: str
) -> None:
    found = seen(fields, documents=documents)

    assert isinstance(found, EvidenceMismatch)
    assert [each for each, _ in found.approved] == [each for each, _ in found.shown] == [label]
    assert found.receipt == RECEIPT


def test_difference_that_a_person_accepted_is_none_any_more() -> None:
    accepting = replace(JOB, accepted_evidence=(("Units requested", "7"),))

    assert seen({"Units requested": "7"}, accepting) == RECEIPT
    assert isinstance(seen({"Units requested": "8"}, accepting), EvidenceMismatch)


def test_what_was_approved_counts_and_not_what_is_answered_now() -> None:
    rewritten = replace(JOB, sent=Package((("Units requested", "3"),), ()))

    assert seen({"Units requested": "3"}, rewritten) == RECEIPT
    assert isinstance(seen({"Units requested": "1"}, rewritten), EvidenceMismatch)


def test_answers_changed_since_the_payer_asked_do_not_count() -> None:
    later = tuple(said("service.units", 2) if each.link_id == "service.units" else each for each in JOB.answers)
    asked = replace(JOB, answers=later, answers_sent=JOB.answers, documents=())

    assert seen({"Units requested": "1"}, asked, documents=package_of(JOB).documents) == RECEIPT
