"""What the plan asks after it has received a request, and when: told per member as `behaviour.inquiries`.

Each message is due some seconds after the receipt, or after the reply to the one before. Pure: the time is an argument.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from priorauth.sandbox.larkspur.entities import Message, Reply
from priorauth.sandbox.larkspur.forms import DOCUMENT_TYPES

UNDER_REVIEW = "Under review"
INFORMATION_NEEDED = "Information needed"
DECIDED = {
    "approved": "Approved",
    "modified": "Partially approved",
    "denied": "Denied",
    "not_required": "No authorization required",
}


def sent(
    told: Sequence[Mapping[str, Any]], *, received_at: datetime, replies: Mapping[int, Reply], now: datetime
) -> Iterator[Message]:
    """The messages that the plan has sent by now, oldest first; only the last one can be open."""
    due = received_at
    for number, inquiry in enumerate(told, start=1):
        due += timedelta(seconds=float(inquiry.get("afterSeconds", 0)))
        if now < due:
            return
        reply = replies.get(number)
        yield Message(
            number=number,
            subject=inquiry["subject"],
            text=inquiry["text"],
            wanted=tuple(dict(DOCUMENT_TYPES)[code] for code in inquiry.get("documents", ())),
            sent_at=due,
            reply=reply,
        )
        if reply is None:
            return
        due = reply.received_at


def check_inquiries(told: object) -> str | None:
    """What is wrong with the messages that the plan is told to send, if anything."""
    if not isinstance(told, list) or not all(isinstance(inquiry, dict) for inquiry in told):
        return "behaviour.inquiries must be a list of objects"
    for inquiry in told:
        if not all(isinstance(inquiry.get(name), str) and inquiry[name] for name in ("subject", "text")):
            return "an inquiry has a subject and a text"
        after = inquiry.get("afterSeconds", 0)
        if isinstance(after, bool) or not isinstance(after, int | float) or not 0 <= after <= 10**8:
            return "an inquiry's afterSeconds must be a number of seconds"
        documents = inquiry.get("documents", [])
        if not isinstance(documents, list) or not all(code in dict(DOCUMENT_TYPES) for code in documents):
            return f"an inquiry's documents are among {', '.join(dict(DOCUMENT_TYPES))}"
    return None
