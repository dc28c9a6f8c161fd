"""Attaching files to a case and taking them off."""

from dataclasses import replace

from priorauth.commands.authorizations import customer
from priorauth.commands.record import knowledge, record
from priorauth.domain import authorizations
from priorauth.domain.attachments import Attachment
from priorauth.domain.authorizations import Authorization
from priorauth.domain.lifecycle import Event, next_status
from priorauth.domain.moment import Moment
from priorauth.domain.organizations import Caller
from priorauth.store.transaction import Transaction


def attach(
    tx: Transaction,
    caller: Caller,
    moment: Moment,
    *,
    authorization_id: str,
    expected_version: int | None,
    file_id: str,
    document_types: tuple[str, ...],
    description: str | None,
) -> Authorization:
    """Attach a ready file. Raises VersionConflict, NotMutable, FileNotFound or FileNotReady."""
    case = tx.authorizations.require(caller, authorization_id)
    case.require_version(expected_version)
    next_status(case.status, Event.CUSTOMER_WROTE)
    file = tx.files.require(caller, file_id)
    file.require_ready()
    if not file.attached:
        tx.files.save(replace(file, attached=True))
    attachment = Attachment(moment.new_id("att"), file.id, document_types, file.file_name, description, moment.now)
    changed = authorizations.attach(case, knowledge(tx, case, moment), moment, attachment=attachment)
    return record(tx, before=case, after=changed, moment=moment, actor=customer(caller), event="document_attached")


def detach(
    tx: Transaction,
    caller: Caller,
    moment: Moment,
    *,
    authorization_id: str,
    expected_version: int | None,
    attachment_id: str,
) -> Authorization:
    """Take an attachment off. Raises VersionConflict, NotMutable or AttachmentNotFound."""
    case = tx.authorizations.require(caller, authorization_id)
    case.require_version(expected_version)
    changed = authorizations.detach(case, knowledge(tx, case, moment), moment, attachment_id=attachment_id)
    return record(tx, before=case, after=changed, moment=moment, actor=customer(caller), event="document_detached")
