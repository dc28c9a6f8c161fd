"""What a customer does with a case: create it, answer it, confirm it, cancel it."""

from collections.abc import Mapping

from priorauth.commands.catalog import resolve
from priorauth.commands.record import knowledge, record
from priorauth.domain import authorizations, processing
from priorauth.domain.authorizations import Authorization, FinalSubmission, Knowledge
from priorauth.domain.catalog import PortalAuthMode, ServiceRequest
from priorauth.domain.errors import (
    FinalSubmissionPolicyNotAllowed,
)
from priorauth.domain.events import Actor, ActorType
from priorauth.domain.moment import Moment
from priorauth.domain.organizations import Caller
from priorauth.domain.questionnaires import AnswerItem
from priorauth.formats.icd10cm import icd10cm
from priorauth.formats.patterns import payer_patterns
from priorauth.store.transaction import Transaction


def customer(caller: Caller) -> Actor:
    """Return the caller as the timeline names it: by its key's id."""
    return Actor(ActorType.CUSTOMER, caller.key_id)


def create(
    tx: Transaction,
    caller: Caller,
    moment: Moment,
    *,
    provider_npi: str,
    request: ServiceRequest,
    final_submission: FinalSubmission,
    portal_auth_mode: PortalAuthMode,
    answers: tuple[AnswerItem, ...],
    metadata: Mapping[str, str],
    automatic_allowed: bool,
) -> Authorization:
    """Create a case, pinning provider, payer, route and policy. Nothing is sent anywhere.

    Raises FinalSubmissionPolicyNotAllowed, ProviderNotFound, PayerNotFound, UnsupportedRoute,
    ProviderAccessNotConfigured, or BadRequest for malformed answers; nothing is created then.
    """
    if final_submission is FinalSubmission.AUTOMATIC and not automatic_allowed:
        raise FinalSubmissionPolicyNotAllowed
    resolved = resolve(tx, caller, provider_npi=provider_npi, request=request, portal_auth_mode=portal_auth_mode)
    case = authorizations.create(
        Knowledge(resolved.payer, icd10cm(), payer_patterns(), moment.now.date()),
        moment,
        organization_id=caller.organization_id,
        environment=caller.environment,
        provider=resolved.provider,
        payer_version=resolved.payer_version,
        request=request,
        route=resolved.payer.route_for(request, portal_auth_mode),
        final_submission=final_submission,
        answers=answers,
        metadata=metadata,
    )
    return record(tx, before=None, after=case, moment=moment, actor=customer(caller), event="created")


def answer(
    tx: Transaction,
    caller: Caller,
    moment: Moment,
    *,
    authorization_id: str,
    expected_version: int | None,
    patch: tuple[AnswerItem, ...],
) -> Authorization:
    """Merge answers into a case. Raises VersionConflict, NotMutable or BadRequest."""
    case = tx.authorizations.require(caller, authorization_id)
    case.require_version(expected_version)
    changed = authorizations.answer(case, knowledge(tx, case, moment), moment, patch=patch)
    return record(tx, before=case, after=changed, moment=moment, actor=customer(caller), event="answers_changed")


def confirm(
    tx: Transaction,
    caller: Caller,
    moment: Moment,
    *,
    authorization_id: str,
    expected_version: int | None,
    next_action_id: str,
) -> Authorization:
    """Confirm the current next action and hand the case to the service, which starts to work on it.

    Raises ReviewStale, VersionConflict, NextActionNotConfirmable, NotConfirmable, NextActionMismatch or
    RequirementsNotSatisfied, judged in this order.
    """
    case = tx.authorizations.require(caller, authorization_id)
    authorizations.require_current_approval(case, next_action_id)
    case.require_version(expected_version)
    changed = authorizations.confirm(case, moment, next_action_id=next_action_id)
    event = "submission_approved" if changed.journal.approval else "advance_confirmed"
    return record(tx, before=case, after=changed, moment=moment, actor=customer(caller), event=event)


def cancel(
    tx: Transaction,
    caller: Caller,
    moment: Moment,
    *,
    authorization_id: str,
    expected_version: int | None,
    reason: str | None,
) -> Authorization:
    """Cancel a case; what the payer already has stays with the payer. Raises VersionConflict or NotMutable."""
    case = tx.authorizations.require(caller, authorization_id)
    case.require_version(expected_version)
    # What a restored record does not know of is late evidence, if the payer has it.
    changed = authorizations.cancel(processing.begin_search(case, moment), moment, reason=reason)
    return record(tx, before=case, after=changed, moment=moment, actor=customer(caller), event="canceled")
