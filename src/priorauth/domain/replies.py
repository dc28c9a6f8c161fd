"""Replies: what a payer asks for after its receipt, and what goes back to it.

A reply carries what the customer gave since the payer asked, and nothing that the payer has already.
"""

from dataclasses import dataclass
from datetime import datetime

from priorauth.domain.answers import readable
from priorauth.domain.attachments import Attachment
from priorauth.domain.catalog import RequiredDocument
from priorauth.domain.errors import Issue
from priorauth.domain.questionnaires import AnswerItem, Questionnaire


@dataclass(frozen=True, slots=True, kw_only=True)
class Inquiry:
    """One message in which the payer asks for more; `number` is its name at the payer.

    `documents` are the types that it wants, as the API calls them. `answers` and `attachments` (by id) are what the
    case said and had when the message was first read.
    """

    number: str
    subject: str
    text: str
    documents: tuple[str, ...]
    asked_at: datetime
    answers: tuple[AnswerItem, ...] = ()
    attachments: tuple[str, ...] = ()
    is_answered: bool = False


@dataclass(frozen=True, slots=True)
class Reply:
    """What goes back to the payer: the documents that are new since its inquiry, and what is answered otherwise."""

    inquiry: Inquiry
    attachments: tuple[Attachment, ...]
    text: str

    @property
    def missing(self) -> tuple[RequiredDocument, ...]:
        """Return the documents that the payer wants and the reply does not have, in the payer's words."""
        given = {kind for attachment in self.attachments for kind in attachment.document_types}
        wanted = dict.fromkeys(self.inquiry.documents)
        return tuple(RequiredDocument(kind, self.inquiry.text) for kind in wanted if kind not in given)

    @property
    def issues(self) -> tuple[Issue, ...]:
        """Return the payer's message as a blocker while the reply is empty; wanted documents block by themselves."""
        if self.inquiry.documents or self.attachments or self.text:
            return ()
        return (Issue("payer_message", f"{self.inquiry.subject}: {self.inquiry.text}"),)


def reply_to(
    inquiry: Inquiry,
    *,
    questionnaires: tuple[Questionnaire, ...],
    answers: tuple[AnswerItem, ...],
    attachments: tuple[Attachment, ...],
) -> Reply:
    """Return the reply that a case with these answers and attachments gives."""
    before, now = readable(questionnaires, inquiry.answers), readable(questionnaires, answers)
    changed = (name for name in dict.fromkeys((*before, *now)) if before.get(name) != now.get(name))
    text = "\n".join(f"{name} {now.get(name, '(no longer answered)')}" for name in changed)
    return Reply(inquiry, tuple(each for each in attachments if each.id not in inquiry.attachments), text)
