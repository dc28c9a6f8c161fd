"""The wizard of a draft: service, clinical information, documents, review and submit.

Every accepted POST to `submit` makes a new request with a new reference number, however often a draft is submitted: who
sends twice has two requests at the plan, as with a real portal of this kind.
"""

from dataclasses import dataclass

from starlette.responses import Response
from starlette.routing import Route

from priorauth.sandbox.entities import Member, Upload
from priorauth.sandbox.fields import Field, Values, check_fields, rejected, us_date
from priorauth.sandbox.hostile.portal import takes_anything
from priorauth.sandbox.larkspur import forms
from priorauth.sandbox.larkspur.entities import Draft
from priorauth.sandbox.larkspur.pages import Interrupted, Visit, see_other, signed_in
from priorauth.sandbox.records import Package
from priorauth.sandbox.uploads import read_upload

STEPS = (
    ("service", "Service"),
    ("clinical", "Clinical information"),
    ("documents", "Documents"),
    ("review", "Review and submit"),
)


@dataclass(frozen=True, slots=True)
class _Work:
    draft: Draft
    member: Member

    @property
    def service(self) -> Values:
        return self.draft.service or {}

    @property
    def clinical(self) -> Values:
        return self.draft.clinical or {}

    @property
    def case_reference(self) -> str:
        return self.service.get("reference", "")

    def path(self, step: str) -> str:
        return f"/drafts/{self.draft.draft_id}/{step}"


def _work(visit: Visit, *, at: str) -> _Work:
    """The draft of the address; whoever skips a page is sent back to it."""
    draft = visit.portal.records.draft(visit.request.path_params["draft_id"])
    if draft is None:
        raise visit.missing()
    member = visit.portal.records.member(draft.member_id)
    if member is None:
        raise visit.missing()
    work = _Work(draft, member)
    if draft.service is None and at != "service":
        raise Interrupted(see_other(work.path("service")))
    if draft.clinical is None and at not in ("service", "clinical"):
        raise Interrupted(see_other(work.path("clinical")))
    return work


def _step_page(
    visit: Visit, work: _Work, *, step: str, values: Values, errors: Values, fields: tuple[Field, ...] = ()
) -> Response:
    return visit.page(
        "documents.html" if step == "documents" else "fields.html",
        status_code=422 if errors else 200,
        steps=STEPS,
        step=step,
        draft=work.draft,
        member=work.member,
        fields=fields,
        values=values,
        errors=errors,
        document_types=forms.DOCUMENT_TYPES,
    )


async def service(visit: Visit) -> Response:
    """What is requested, when and by whom."""
    work = _work(visit, at="service")
    if visit.request.method != "POST":
        values = work.service
        return _step_page(visit, work, step="service", values=values, errors={}, fields=forms.SERVICE_FIELDS)
    values, errors = forms.check_service(visit.entries)
    await visit.meet("service", member=work.member, case_reference=values["reference"])
    told = work.member.behaviour
    errors = errors or rejected(forms.SERVICE_FIELDS, values, told)
    if errors:
        return _step_page(visit, work, step="service", values=values, errors=errors, fields=forms.SERVICE_FIELDS)
    if "notRequired" in told:
        visit.portal.records.save_service(work.draft.draft_id, values, keep_clinical=False)
        return see_other(work.path("not-required"))
    before = work.draft.service
    same_questions = before is not None and forms.clinical_fields(before, told) == forms.clinical_fields(values, told)
    visit.portal.records.save_service(work.draft.draft_id, values, keep_clinical=same_questions)
    if takes_anything(visit.request) and "member_id" in visit.entries:
        visit.portal.records.move_draft(work.draft.draft_id, visit.entries["member_id"])
    return see_other(work.path("clinical"))


async def not_required(visit: Visit) -> Response:
    """The end of a draft whose service the plan does not review."""
    work = _work(visit, at="clinical")
    told = work.member.behaviour
    if "notRequired" not in told:
        raise Interrupted(see_other(work.path("clinical")))
    return visit.page("not_required.html", member=work.member, service=work.service, message=told["notRequired"])


async def clinical(visit: Visit) -> Response:
    """Why: the diagnosis and what the procedure calls for."""
    work = _work(visit, at="clinical")
    fields = forms.clinical_fields(work.service, work.member.behaviour)
    if visit.request.method != "POST":
        return _step_page(visit, work, step="clinical", values=work.clinical, errors={}, fields=fields)
    await visit.meet("clinical", member=work.member, case_reference=work.case_reference)
    values, errors = check_fields(fields, visit.entries)
    errors = errors or rejected(fields, values, work.member.behaviour)
    if errors:
        return _step_page(visit, work, step="clinical", values=values, errors=errors, fields=fields)
    visit.portal.records.save_clinical(work.draft.draft_id, values)
    return see_other(work.path("documents"))


async def documents(visit: Visit) -> Response:
    """Upload, remove, go on."""
    work = _work(visit, at="documents")
    if visit.request.method != "POST":
        return _step_page(visit, work, step="documents", values={}, errors={})
    action = visit.entries.get("action")
    if action == "upload":
        return await _upload(visit, work)
    if action == "remove":
        number = visit.entries.get("document", "")
        if number.isascii() and number.isdigit():
            visit.portal.records.remove_document(work.draft.draft_id, int(number))
        return see_other(work.path("documents"))
    twists = await visit.meet("documents", member=work.member, case_reference=work.case_reference)
    for twist, document in zip(twists, reversed(work.draft.documents), strict=False):
        if twist.kind == "drop_document":
            visit.portal.records.remove_document(work.draft.draft_id, document.document_id)
    return see_other(work.path("review"))


async def _upload(visit: Visit, work: _Work) -> Response:
    await visit.meet("upload", member=work.member, case_reference=work.case_reference)
    upload = await read_upload(visit.form, document_types=forms.DOCUMENT_TYPES)
    if not isinstance(upload, Upload):
        values = {"document_type": visit.entries.get("document_type", "")}
        return _step_page(visit, work, step="documents", values=values, errors=upload)
    visit.portal.records.add_document(work.draft.draft_id, upload)
    return see_other(work.path("documents"))


async def review(visit: Visit) -> Response:
    """Show the whole package as it will be sent."""
    work = _work(visit, at="review")
    twists = await visit.meet("review", member=work.member, case_reference=work.case_reference)
    # What this page shows is what a submission sends, wrong or right, until the page is shown again.
    altered = {twist.field: twist.value for twist in twists if twist.kind == "change_value"}
    if altered != work.draft.altered:
        visit.portal.records.save_altered(work.draft.draft_id, altered)
    return visit.page(
        "review.html",
        steps=STEPS,
        step="review",
        draft=work.draft,
        member=work.member,
        rows=_package(work, altered=altered),
        person_required=work.member.behaviour.get("personRequired", False),
    )


async def submit(visit: Visit) -> Response:
    """The final request: what it commits cannot be taken back."""
    work = _work(visit, at="review")
    await visit.meet("submit", member=work.member, case_reference=work.case_reference)
    rows = _package(work, altered=work.draft.altered)
    facts = dict(rows)
    package = Package(
        draft_id=work.draft.draft_id,
        member_id=facts["Member ID"],
        case_reference=facts[forms.REFERENCE],
        service=f"{facts['Code system']} {facts['Procedure code']}",
        start_date=work.service["start_date"],
        rows=rows,
        documents=work.draft.documents,
    )
    reference = visit.portal.records.accept(package, member=work.member, now=visit.portal.clock())
    await visit.meet("submit_response", member=work.member, case_reference=work.case_reference)
    return see_other(f"/requests/{reference}/confirmation")


def _package(work: _Work, *, altered: Values) -> list[tuple[str, str]]:
    rows = [
        ("Member ID", work.member.member_id),
        ("Member name", work.member.name),
        ("Date of birth", us_date(work.member.birth_date)),
        *forms.review_rows(service=work.service, clinical=work.clinical, told=work.member.behaviour),
    ]
    return [(label, altered.get(label, value)) for label, value in rows]


ROUTES = [
    Route("/drafts/{draft_id:int}/service", signed_in(service), methods=["GET", "POST"]),
    Route("/drafts/{draft_id:int}/not-required", signed_in(not_required), methods=["GET"]),
    Route("/drafts/{draft_id:int}/clinical", signed_in(clinical), methods=["GET", "POST"]),
    Route("/drafts/{draft_id:int}/documents", signed_in(documents), methods=["GET", "POST"]),
    Route("/drafts/{draft_id:int}/review", signed_in(review), methods=["GET"]),
    Route("/drafts/{draft_id:int}/submit", signed_in(submit), methods=["POST"]),
]
