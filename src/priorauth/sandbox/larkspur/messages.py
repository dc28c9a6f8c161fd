"""The message centre of a request: what the plan asks after its receipt, and the reply to it.

A reply is written on the message's page, shown once more, and sent; each message takes one reply and no second.
"""

from dataclasses import dataclass

from starlette.responses import Response
from starlette.routing import Route

from priorauth.sandbox.entities import Member, Submission, Upload
from priorauth.sandbox.fields import Values
from priorauth.sandbox.larkspur import forms
from priorauth.sandbox.larkspur.entities import Message
from priorauth.sandbox.larkspur.pages import Interrupted, Visit, see_other, signed_in
from priorauth.sandbox.uploads import read_upload

_REPLY_LENGTH = 8000


@dataclass(frozen=True, slots=True)
class _Work:
    submission: Submission
    member: Member
    message: Message

    @property
    def path(self) -> str:
        return f"/requests/{self.submission.reference}/messages/{self.message.number}"

    @property
    def key(self) -> tuple[str, int]:
        return self.submission.reference, self.message.number


def _submission(visit: Visit) -> tuple[Submission, Member]:
    submission = visit.portal.records.submission(visit.request.path_params["reference"])
    member = visit.portal.records.member(submission.member_id) if submission else None
    if submission is None or member is None:
        raise visit.missing()
    return submission, member


def _work(visit: Visit) -> _Work:
    submission, member = _submission(visit)
    sent = visit.portal.records.messages(submission, now=visit.portal.clock())
    message = next((each for each in sent if each.number == visit.request.path_params["number"]), None)
    if message is None:
        raise visit.missing()
    return _Work(submission, member, message)


def _open_work(visit: Visit) -> _Work:
    """The message that is to be answered; of an answered one, its page is all that is left."""
    work = _work(visit)
    if work.message.reply is not None:
        raise Interrupted(see_other(work.path))
    return work


async def messages(visit: Visit) -> Response:
    """List what the plan has sent about a request."""
    submission, _ = _submission(visit)
    sent = visit.portal.records.messages(submission, now=visit.portal.clock())
    return visit.page("messages.html", submission=submission, messages=sent)


async def message(visit: Visit) -> Response:
    """Show a message: an open one with the form of its reply, an answered one with what was sent."""
    work = _work(visit)
    await visit.meet("message", member=work.member, case_reference=work.submission.case_reference)
    if work.message.reply is None and visit.request.query_params.get("fresh") == "1":
        visit.portal.records.discard_reply(*work.key)
    return _page(visit, work, values={}, errors={})


def _page(visit: Visit, work: _Work, *, values: Values, errors: Values) -> Response:
    return visit.page(
        "inquiry.html",
        status_code=422 if errors else 200,
        submission=work.submission,
        message=work.message,
        path=work.path,
        reply=work.message.reply or visit.portal.records.reply_draft(*work.key),
        values=values,
        errors=errors,
        document_types=forms.DOCUMENT_TYPES,
    )


async def documents(visit: Visit) -> Response:
    """Upload a document of the reply, or remove one."""
    work = _open_work(visit)
    records = visit.portal.records
    if visit.entries.get("action") == "remove":
        number = visit.entries.get("document", "")
        if number.isascii() and number.isdigit():
            records.remove_reply_document(*work.key, int(number))
        return see_other(work.path)
    await visit.meet("upload", member=work.member, case_reference=work.submission.case_reference)
    upload = await read_upload(visit.form, document_types=forms.DOCUMENT_TYPES)
    if not isinstance(upload, Upload):
        values = {"document_type": visit.entries.get("document_type", "")}
        return _page(visit, work, values=values, errors=upload)
    records.add_reply_document(*work.key, upload)
    return see_other(work.path)


async def reply(visit: Visit) -> Response:
    """Keep the text of the reply, and show the whole of it before it is sent."""
    work = _open_work(visit)
    records = visit.portal.records
    if visit.request.method != "POST":
        draft = records.reply_draft(*work.key)
        return visit.page(
            "reply_review.html", submission=work.submission, message=work.message, path=work.path, reply=draft
        )
    text = visit.entries.get("reply", "").replace("\r\n", "\n").strip()
    errors: Values = {}
    if len(text) > _REPLY_LENGTH:
        errors["reply"] = f"Reply must have at most {_REPLY_LENGTH} characters."
    elif not text and not records.reply_draft(*work.key).documents:
        errors["reply"] = "Write a reply or upload a document."
    if errors:
        return _page(visit, work, values={"reply": text}, errors=errors)
    records.save_reply_text(*work.key, text)
    return see_other(f"{work.path}/reply")


async def send(visit: Visit) -> Response:
    """The final request: the plan takes the reply, and no second one."""
    work = _work(visit)
    case_reference = work.submission.case_reference
    await visit.meet("reply", member=work.member, case_reference=case_reference)
    taken = visit.portal.records.accept_reply(work.submission, work.message.number, now=visit.portal.clock())
    if not taken:
        text = "The plan has a reply to this message already. Nothing was changed."
        return visit.page("message.html", status_code=409, heading="This message was answered", text=text)
    await visit.meet("reply_response", member=work.member, case_reference=case_reference)
    return see_other(f"{work.path}/received")


async def received(visit: Visit) -> Response:
    """Tell that the plan has the reply."""
    work = _work(visit)
    if work.message.reply is None:
        raise visit.missing()
    return visit.page("reply_received.html", submission=work.submission, message=work.message)


_MESSAGE = "/requests/{reference}/messages/{number:int}"
ROUTES = [
    Route("/requests/{reference}/messages", signed_in(messages), methods=["GET"]),
    Route(_MESSAGE, signed_in(message), methods=["GET"]),
    Route(f"{_MESSAGE}/documents", signed_in(documents), methods=["POST"]),
    Route(f"{_MESSAGE}/reply", signed_in(reply), methods=["GET", "POST"]),
    Route(f"{_MESSAGE}/send", signed_in(send), methods=["POST"]),
    Route(f"{_MESSAGE}/received", signed_in(received), methods=["GET"]),
]
