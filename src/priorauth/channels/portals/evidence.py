"""What a payer's page is evidence of: it counts only if it names what was sent, not our reference alone. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from priorauth.channels.contract import EvidenceMismatch, Job
from priorauth.domain.reviews import Difference, Package
from priorauth.domain.submissions import PayerReceipt


@dataclass(frozen=True, slots=True)
class ShownRequest:
    """A request that the payer has under our reference.

    Attributes:
        receipt: the payer's number and when it received the request.
        fields: what the page names, by the labels of the review page.
        documents: the page's documents as the review page words them; None where it shows none.
    """

    receipt: PayerReceipt
    fields: Mapping[str, str]
    documents: tuple[str, ...] | None = None


def compared(job: Job, shown: ShownRequest, *, package_of: Callable[[Job], Package]) -> PayerReceipt | EvidenceMismatch:
    """Return the receipt of a shown request, or where it names something else than what was sent.

    Every field counts that both have. What the payer adds, for example a decision, does not.

    Args:
        job: whose request it should be.
        shown: what the payer shows.
        package_of: words the package of a job as the portal does.
    """
    differences = tuple(
        each
        for each in _differences(job, shown, package_of=package_of)
        if (each.field, each.shown) not in job.accepted_evidence
    )
    if not differences:
        return shown.receipt
    return EvidenceMismatch(
        approved=tuple((each.field, each.expected) for each in differences),
        shown=tuple((each.field, each.shown) for each in differences),
        receipt=shown.receipt,
    )


def _differences(job: Job, shown: ShownRequest, *, package_of: Callable[[Job], Package]) -> tuple[Difference, ...]:
    if job.sent is not None:
        return job.sent.contradicted_by(shown.fields, shown.documents)
    if job.answers_sent is None and job.reply is None:
        return package_of(job).contradicted_by(shown.fields, shown.documents)
    # The payer has asked since: the documents of the job are those of a reply, and say nothing of the request.
    sent = package_of(job if job.answers_sent is None else replace(job, answers=job.answers_sent))
    return sent.contradicted_by(shown.fields, None)
