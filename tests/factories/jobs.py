"""Jobs as the engine hands them to a channel, made from the sandbox's scenarios."""

import hashlib
import json

from priorauth.channels.contract import Job, JobDocument
from priorauth.domain.questionnaires import AnswerItem
from priorauth.http.schemas.questionnaires import QuestionnaireResponseBody
from priorauth.sandbox import catalog
from tests.factories.payers import clinic, payer_named, request_of

NOTES = catalog.sample_document()
CREDENTIAL = "cred_000001"
ANOTHER_DOCUMENT = b"%PDF-1.4 another one"


class Documents:
    """A document source that holds its bytes."""

    async def get(self, name: str) -> bytes:
        """The bytes of a name that `job_of` gives."""
        return {"notes": NOTES, "another": ANOTHER_DOCUMENT}[name]


def answers_of(scenario_id: str) -> tuple[AnswerItem, ...]:
    """The answers with which a scenario's case is created, and those that resolve its blockers."""
    scenario = catalog.scenario(scenario_id)
    assert scenario is not None
    items = [*scenario.create["questionnaireResponse"]["item"], *scenario.resolves["questionnaireResponse"]["item"]]
    return QuestionnaireResponseBody.model_validate_json(json.dumps({"item": items})).to_domain()


def job_of(scenario_id: str, *, case: str, documents: bool = True) -> Job:
    """The job of a scenario, under a case reference of its own."""
    scenario = catalog.scenario(scenario_id)
    assert scenario is not None
    payer = payer_named(scenario.create["request"]["payerId"])
    service = request_of(scenario.create["request"])
    notes = JobDocument(
        stored_as="notes",
        file_name="clinical-notes.pdf",
        content_type="application/pdf",
        size_bytes=len(NOTES),
        document_types=tuple(scenario.resolves["documentTypes"][:1]) or ("clinical_notes",),
        sha256=hashlib.sha256(NOTES).hexdigest(),
    )
    return Job(
        authorization_id=case,
        case_reference=case,
        run=1,
        portal=payer.portal,
        provider=clinic(),
        request=service,
        questionnaires=payer.questionnaires_for(service),
        answers=answers_of(scenario_id),
        documents=(notes,) if documents else (),
        credential_id=CREDENTIAL,
    )
