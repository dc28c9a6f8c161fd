"""A draft: the service, the clinical questions, documents, the review, and the submission.

Every accepted POST to `submission` makes a new request with a new number, however often a draft is submitted: who sends
twice has two requests at the plan.
"""

from dataclasses import asdict, dataclass

from starlette.responses import Response
from starlette.routing import Route

from priorauth.sandbox.entities import Document, Member, Upload
from priorauth.sandbox.fields import Values, check_fields, rejected
from priorauth.sandbox.hostile.portal import takes_anything
from priorauth.sandbox.juniper import questions, requests
from priorauth.sandbox.juniper.api import Refused, Visit, answer, signed_in, texts_of
from priorauth.sandbox.juniper.entities import Draft
from priorauth.sandbox.records import Package
from priorauth.sandbox.uploads import read_upload


@dataclass(frozen=True, slots=True)
class _Work:
    draft: Draft
    member: Member

    @property
    def clinical(self) -> Values:
        return self.draft.clinical or {}

    @property
    def case_reference(self) -> str:
        return self.draft.service.get("reference", "")


def _work(visit: Visit, *, complete: bool = False) -> _Work:
    draft = visit.portal.records.draft(visit.request.path_params["draft_id"])
    member = visit.portal.records.member(draft.member_id) if draft else None
    if draft is None or member is None:
        raise visit.missing()
    if complete and (not draft.service_saved or draft.clinical is None):
        raise Refused(409, "incomplete", "This request is not complete yet.")
    return _Work(draft, member)


async def start(visit: Visit) -> Response:
    """Open a draft for a member."""
    member = visit.portal.records.member(texts_of(await visit.body()).get("memberId", ""))
    if member is None:
        raise visit.missing()
    await visit.meet("start", member=member)
    return answer(
        {"id": visit.portal.records.create_draft(member.member_id, now=visit.portal.clock())},
        status=201,
    )


async def read(visit: Visit) -> Response:
    """Tell what there is of a draft."""
    work = _work(visit)
    # What the plan does not review it says of the service that was saved.
    needless = work.member.behaviour.get("notRequired") if work.draft.service_saved else None
    return answer(
        {
            "id": work.draft.draft_id,
            "member": {"memberId": work.member.member_id, "name": work.member.name, "plan": work.member.plan},
            "service": work.draft.service,
            "notRequired": needless,
            "serviceFields": [questions.as_json(field) for field in questions.SERVICE],
            "documents": [_document(each) for each in work.draft.documents],
            "documentTypes": [{"value": value, "text": text} for value, text in questions.DOCUMENT_TYPES],
        }
    )


async def note_service(visit: Visit) -> Response:
    """Keep what has been typed so far."""
    known = {field.name for field in questions.SERVICE}
    typed = {name: value for name, value in texts_of(await visit.body()).items() if name in known}
    # Read after the body: no other request comes between reading and writing.
    work = _work(visit)
    visit.portal.records.note_service(work.draft.draft_id, {**work.draft.service, **typed})
    return answer({"saved": True})


async def save_service(visit: Visit) -> Response:
    """Check the service and go on."""
    work = _work(visit)
    entered = texts_of(await visit.body())
    values, errors = questions.check_service(entered)
    await visit.meet("service", member=work.member, case_reference=values["reference"])
    told, before = work.member.behaviour, work.draft
    errors = errors or rejected(questions.SERVICE, values, told)
    if errors:
        raise _invalid(errors)
    if "notRequired" in told:
        visit.portal.records.save_service(before.draft_id, values, keep_clinical=False)
        service = {"memberId": work.member.member_id, "code": values["code"], "reference": values["reference"]}
        return answer({"next": "not-required", "message": told["notRequired"], "service": service})
    same_questions = before.service_saved and questions.clinical_fields(
        before.service, told
    ) == questions.clinical_fields(values, told)
    visit.portal.records.save_service(before.draft_id, values, keep_clinical=same_questions)
    if takes_anything(visit.request) and "memberId" in entered:
        visit.portal.records.move_draft(before.draft_id, entered["memberId"])
    return answer({"next": "clinical"})


async def read_clinical(visit: Visit) -> Response:
    """Tell which clinical questions there are, and what was answered."""
    work = _work(visit)
    if not work.draft.service_saved:
        raise Refused(409, "incomplete", "The service comes first.")
    fields = questions.clinical_fields(work.draft.service, work.member.behaviour)
    return answer({"fields": [questions.as_json(field) for field in fields], "values": work.clinical})


async def save_clinical(visit: Visit) -> Response:
    """Check the clinical answers."""
    work = _work(visit)
    if not work.draft.service_saved:
        raise Refused(409, "incomplete", "The service comes first.")
    await visit.meet("clinical", member=work.member, case_reference=work.case_reference)
    fields = questions.clinical_fields(work.draft.service, work.member.behaviour)
    values, errors = check_fields(fields, texts_of(await visit.body()))
    errors = errors or rejected(fields, values, work.member.behaviour)
    if errors:
        raise _invalid(errors)
    visit.portal.records.save_clinical(work.draft.draft_id, values)
    return answer({"saved": True})


async def upload(visit: Visit) -> Response:
    """Take a file."""
    work = _work(visit)
    await visit.meet("upload", member=work.member, case_reference=work.case_reference)
    async with visit.request.form(max_files=1, max_fields=8) as form:
        taken = await read_upload(form, document_types=questions.DOCUMENT_TYPES)
    if not isinstance(taken, Upload):
        raise _invalid(taken)
    return answer(_document(visit.portal.records.add_document(work.draft.draft_id, taken)), status=201)


async def remove_document(visit: Visit) -> Response:
    """Forget a file."""
    work = _work(visit)
    visit.portal.records.remove_document(work.draft.draft_id, visit.request.path_params["document_id"])
    return answer({"removed": True})


async def finish_documents(visit: Visit) -> Response:
    """Go on to the review."""
    work = _work(visit, complete=True)
    twists = await visit.meet("documents", member=work.member, case_reference=work.case_reference)
    for twist, document in zip(twists, reversed(work.draft.documents), strict=False):
        if twist.kind == "drop_document":
            visit.portal.records.remove_document(work.draft.draft_id, document.document_id)
    return answer({"next": "review"})


async def review(visit: Visit) -> Response:
    """Show the whole package as it will be sent."""
    work = _work(visit, complete=True)
    twists = await visit.meet("review", member=work.member, case_reference=work.case_reference)
    # What this shows is what a submission sends, wrong or right, until it is shown again.
    altered = {twist.field: twist.value for twist in twists if twist.kind == "change_value"}
    if altered != work.draft.altered:
        visit.portal.records.save_altered(work.draft.draft_id, altered)
    return answer(
        {
            "rows": [{"label": label, "value": value} for label, value in _rows(work, altered=altered)],
            "documents": [_document(each) for each in work.draft.documents],
            "personRequired": bool(work.member.behaviour.get("personRequired")),
        }
    )


async def submit(visit: Visit) -> Response:
    """The final request: what it commits cannot be taken back."""
    work = _work(visit, complete=True)
    if not takes_anything(visit.request) and (await visit.body()).get("attested") is not True:
        raise Refused(409, "not_attested", "The attestation is missing.")
    await visit.meet("submit", member=work.member, case_reference=work.case_reference)
    rows = _rows(work, altered=work.draft.altered)
    facts = dict(rows)
    package = Package(
        draft_id=work.draft.draft_id,
        member_id=facts["Member ID"],
        case_reference=facts[questions.REFERENCE],
        service=f"{facts['Code set']} {facts['Service code']}",
        start_date=work.draft.service["serviceDate"],
        rows=rows,
        documents=work.draft.documents,
    )
    now = visit.portal.clock()
    number = visit.portal.records.accept(package, member=work.member, now=now)
    await visit.meet("submit_response", member=work.member, case_reference=work.case_reference)
    submission = visit.portal.records.shown_submission(number)
    if submission is None:
        raise visit.missing()
    return answer({"request": requests.as_json(submission, now=now)}, status=201)


def _rows(work: _Work, *, altered: Values) -> list[tuple[str, str]]:
    rows = [
        ("Member ID", work.member.member_id),
        ("Patient", work.member.name),
        ("Date of birth", questions.long_date(work.member.birth_date)),
        *questions.review_rows(service=work.draft.service, clinical=work.clinical, told=work.member.behaviour),
    ]
    return [(label, altered.get(label, value)) for label, value in rows]


def _document(each: Document) -> dict[str, object]:
    kept = asdict(each)
    return {
        "id": kept["document_id"],
        "type": kept["type"],
        "name": kept["file_name"],
        "size": kept["size_bytes"],
        "sha256": kept["sha256"],
    }


def _invalid(errors: Values) -> Refused:
    return Refused(422, "invalid", "Please correct what is marked.", fields=errors)


_DRAFT = "/api/drafts/{draft_id:int}"
ROUTES = [
    Route("/api/drafts", signed_in(start), methods=["POST"]),
    Route(_DRAFT, signed_in(read), methods=["GET"]),
    Route(f"{_DRAFT}/service", signed_in(note_service), methods=["PATCH"]),
    Route(f"{_DRAFT}/service", signed_in(save_service), methods=["PUT"]),
    Route(f"{_DRAFT}/clinical", signed_in(read_clinical), methods=["GET"]),
    Route(f"{_DRAFT}/clinical", signed_in(save_clinical), methods=["PUT"]),
    Route(f"{_DRAFT}/documents", signed_in(upload), methods=["POST"]),
    Route(f"{_DRAFT}/documents", signed_in(finish_documents), methods=["PUT"]),
    Route(_DRAFT + "/documents/{document_id:int}", signed_in(remove_document), methods=["DELETE"]),
    Route(f"{_DRAFT}/review", signed_in(review), methods=["GET"]),
    Route(f"{_DRAFT}/submission", signed_in(submit), methods=["POST"]),
]
