"""From a stored case to the frozen job that a channel gets."""

from priorauth.channels.contract import Job, JobDocument
from priorauth.domain.authorizations import Authorization, questionnaires_of
from priorauth.store.transaction import Transaction


def job_of(tx: Transaction, case: Authorization) -> Job:
    """Return the job of a case as it is stored now."""
    payer = tx.catalog.payer_version(case.payer_version)
    return Job(
        authorization_id=case.id,
        case_reference=case.id,
        run=case.journal.run,
        portal=payer.portal,
        provider=case.provider,
        request=case.request,
        questionnaires=questionnaires_of(case, payer),
        answers=case.answers,
        documents=tuple(_documents(tx, case)),
    )


def _documents(tx: Transaction, case: Authorization) -> list[JobDocument]:
    documents = []
    for attachment in case.attachments:
        file = tx.files.get(attachment.file_id)
        if file is None or file.stored_as is None or file.size_bytes is None or file.sha256 is None:
            raise LookupError(f"the attached file {attachment.file_id} has no bytes")
        documents.append(
            JobDocument(
                stored_as=file.stored_as,
                file_name=file.file_name,
                content_type=file.content_type,
                size_bytes=file.size_bytes,
                document_types=attachment.document_types,
                sha256=file.sha256,
            )
        )
    return documents
