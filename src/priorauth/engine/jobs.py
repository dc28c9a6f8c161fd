"""From a stored case to the frozen job that a channel gets."""

from priorauth.channels.contract import Job, JobDocument, ReplyTo
from priorauth.domain.attachments import Attachment
from priorauth.domain.authorizations import Authorization, questionnaires_of, reply_of
from priorauth.domain.catalog import PortalAuthMode
from priorauth.domain.credentials import most_specific
from priorauth.domain.files import SentAs
from priorauth.domain.processing import approved_package
from priorauth.domain.replies import Reply
from priorauth.store.transaction import Transaction


def job_of(tx: Transaction, case: Authorization) -> Job:
    """Return the job of a case as it is stored now."""
    payer = tx.catalog.payer_version(case.payer_version)
    reply, attempt = reply_of(case, payer), case.journal.open_attempt
    return Job(
        authorization_id=case.id,
        case_reference=case.id,
        run=case.journal.run,
        portal=payer.portal,
        provider=case.provider,
        request=case.request,
        questionnaires=questionnaires_of(case, payer),
        answers=case.answers,
        documents=tuple(_documents(tx, reply.attachments if reply else case.attachments)),
        reply=_reply_to(case, reply) if reply else None,
        portal_auth_mode=case.route.portal_auth_mode,
        credential_id=_credential_id(tx, case),
        faults=case.journal.faults,
        approved=approved_package(case),
        sent=case.journal.sent,
        answers_sent=case.journal.inquiries[0].answers if case.journal.inquiries else None,
        accepted_evidence=case.journal.accepted_evidence,
        needs_person=attempt is not None and attempt.needs_person,
    )


def _credential_id(tx: Transaction, case: Authorization) -> str | None:
    if case.route.portal_auth_mode is PortalAuthMode.CUSTOMER_LOGIN:
        return None
    credential = most_specific(
        tx.credentials.of_payer(case.environment, case.payer_id),
        organization_id=case.organization_id,
        provider_npi=case.provider.npi,
    )
    return credential.id if credential is not None else None


def _reply_to(case: Authorization, reply: Reply) -> ReplyTo:
    receipt = case.submission.payer_receipt
    if receipt is None:
        raise LookupError("a case that the payer asks about has no receipt")
    return ReplyTo(receipt.reference_number, reply.inquiry.number, reply.inquiry.subject, reply.text)


def _documents(tx: Transaction, attachments: tuple[Attachment, ...]) -> list[JobDocument]:
    documents = []
    for attachment in attachments:
        file = tx.files.get(attachment.file_id)
        if file is None or file.stored_as is None or file.size_bytes is None or file.sha256 is None:
            raise LookupError(f"the attached file {attachment.file_id} has no bytes")
        sent = file.sent_as or SentAs(file.content_type, file.file_name, file.size_bytes, file.stored_as, file.sha256)
        documents.append(
            JobDocument(
                stored_as=sent.stored_as,
                file_name=sent.file_name,
                content_type=sent.content_type,
                size_bytes=sent.size_bytes,
                document_types=attachment.document_types,
                sha256=sent.sha256,
            )
        )
    return documents
