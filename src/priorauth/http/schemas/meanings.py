"""What the values of the enums mean, as clients are told; an enum's own docstring says what it is about."""

from collections.abc import Mapping
from enum import StrEnum

from priorauth.domain.authorizations import ActionType, FinalSubmission
from priorauth.domain.catalog import CodeSystem, PortalAuthMode, RequestType
from priorauth.domain.errors import Severity
from priorauth.domain.events import ActorType
from priorauth.domain.files import FileStatus
from priorauth.domain.handoffs import HandoffResult, HandoffState, ReportedOutcome, UnableReason
from priorauth.domain.lifecycle import Status
from priorauth.domain.live_sessions import AccessMode, BoundaryState, HandoffAvailability, HandoffReason
from priorauth.domain.questionnaires import EnableBehavior, ItemType, Operator
from priorauth.domain.reviews import SnapshotKind, SnapshotStatus
from priorauth.domain.submissions import Outcome

MEANINGS: Mapping[type[StrEnum], Mapping[StrEnum, str]] = {
    Status: {
        Status.REQUIRES_INPUT: "Something is open: answer the questions and attach the documents in `requirements`.",
        Status.REQUIRES_CONFIRMATION: "Nothing is open: confirm `nextAction`.",
        Status.REQUIRES_ACTION: "Only a human can go on in the payer's channel.",
        Status.PROCESSING: "The service works on the case.",
        Status.WAITING_ON_PAYER: "The payer has the case; `submission.payerReceipt` proves it.",
        Status.COMPLETED: "The case is over; `outcome` says how.",
        Status.CANCELED: "You canceled the case. Evidence of a submission under way may still appear in `submission`.",
    },
    ActionType: {
        ActionType.PROVIDE_REQUIREMENTS: "Clear `requirements`, by answers and attachments.",
        ActionType.ADVANCE_CASE: "Confirm, so that the service goes on.",
        ActionType.APPROVE_SUBMISSION: "Review `submission.reviewSnapshot`, then confirm: the service submits it.",
        ActionType.COMPLETE_PAYER_INTERACTION: "A human acts in the payer's channel.",
    },
    Outcome: {
        Outcome.APPROVED: "The payer approved what was asked for.",
        Outcome.DENIED: "The payer denied it; `submission.decision.denialReason` says why.",
        Outcome.MODIFIED: "The payer approved something else than was asked for.",
        Outcome.NOT_REQUIRED: "The payer wants no authorization for this service.",
        Outcome.FAILED: "The service could not bring the case to an end; `statusReason` says why.",
    },
    FinalSubmission: {
        FinalSubmission.AUTOMATIC: "The service submits as soon as nothing is open.",
        FinalSubmission.REQUIRES_CONFIRMATION: "The service pauses before the payer's final boundary for an approval.",
    },
    PortalAuthMode: {
        PortalAuthMode.AUTOMATED: "The service, with credentials that the operator keeps.",
        PortalAuthMode.CUSTOMER_LOGIN: "A human of the customer's, in person.",
    },
    RequestType: {
        RequestType.INPATIENT: "With a stay in a hospital.",
        RequestType.OUTPATIENT: "Without one.",
        RequestType.DRUG: "A drug.",
    },
    CodeSystem: {
        CodeSystem.HCPCS: "HCPCS Level II: a letter and four digits.",
        CodeSystem.CPT: "CPT: five characters.",
        CodeSystem.NDC: "National Drug Code: ten to twelve digits, with or without hyphens.",
    },
    SnapshotStatus: {
        SnapshotStatus.CURRENT: "It can be approved.",
        SnapshotStatus.STALE: "Something has changed since: it cannot be approved any more.",
    },
    SnapshotKind: {SnapshotKind.FINAL_SUBMISSION: "Before the request that submits the case to the payer."},
    FileStatus: {
        FileStatus.PENDING_UPLOAD: "It waits for its bytes.",
        FileStatus.UPLOADED: "It has its bytes; complete it.",
        FileStatus.READY: "It can be attached.",
        FileStatus.FAILED: "It cannot be used; `failure` says why.",
    },
    ActorType: {
        ActorType.CUSTOMER: "Somebody with your API key.",
        ActorType.SERVICE: "The service itself.",
        ActorType.PAYER: "The payer, as far as the service observed it.",
    },
    Severity: {
        Severity.ERROR: "It stands in the way.",
        Severity.WARNING: "Worth a look; it blocks nothing.",
    },
    BoundaryState: {
        BoundaryState.UNKNOWN: "No session is up that would know.",
        BoundaryState.NOT_REACHED: "The form is being filled.",
        BoundaryState.AT_BOUNDARY: "One request away from the submission.",
        BoundaryState.CROSSED: "Submitted.",
    },
    HandoffAvailability: {
        HandoffAvailability.UNAVAILABLE: "No human is wanted.",
        HandoffAvailability.OFFERED: "A human can take the session.",
        HandoffAvailability.ACTIVE: "A human has it.",
    },
    HandoffReason: {
        HandoffReason.AUTOMATION_OWNS_PROCESSING: "The service works on the case.",
        HandoffReason.HANDOFF_OFFERED: "A human is wanted.",
        HandoffReason.HANDOFF_ACTIVE: "A human acts.",
        HandoffReason.CUSTOMER_OWNS_CASE: "The next move is yours, and needs no session.",
        HandoffReason.PAYER_OWNS_CASE: "The payer has the case.",
        HandoffReason.CASE_CLOSED: "The case is over.",
    },
    HandoffState: {
        HandoffState.OFFERED: "It can be created.",
        HandoffState.ACTIVE: "The interaction with the payer is the human's.",
        HandoffState.CLOSING: "The human is done; the service reads what is true at the payer.",
        HandoffState.CLOSED: "It is over.",
    },
    HandoffResult: {
        HandoffResult.COMPLETED_REPORTED: "Its human reported what was done, or seen.",
        HandoffResult.UNABLE_TO_COMPLETE: "Its human could not finish.",
        HandoffResult.EXPIRED: "Nobody created access to its session for a long while.",
        HandoffResult.REVOKED: "It was taken away.",
        HandoffResult.INTERACTION_LOST_UNRECOVERABLE: "The session was lost.",
        HandoffResult.CANCELED: "The case was canceled.",
    },
    ReportedOutcome: {
        ReportedOutcome.SUBMITTED: "The case was submitted in the payer's portal.",
        ReportedOutcome.DECISION_OBSERVED: "The payer has decided.",
        ReportedOutcome.NOT_REQUIRED_OBSERVED: "The payer wants no authorization.",
        ReportedOutcome.FOLLOW_UP_REQUIRED_OBSERVED: "The payer wants more.",
        ReportedOutcome.SIGNED_IN: "The portal is signed in.",
    },
    UnableReason: {
        UnableReason.CHANNEL_BLOCKED: "The portal does not let one go on.",
        UnableReason.MISSING_INFORMATION: "Something is asked that nobody knows.",
        UnableReason.CREDENTIAL_OR_MFA_ISSUE: "Signing in does not work.",
        UnableReason.CHANNEL_OUTAGE: "The portal is down.",
        UnableReason.OPERATOR_ABANDONED_CASE: "The case was given up.",
        UnableReason.WRONG_ROUTE: "The case belongs elsewhere.",
        UnableReason.OTHER: "Something else; say what in `operatorNotes`.",
    },
    AccessMode: {
        AccessMode.READ_ONLY: "To watch.",
        AccessMode.INTERACTIVE: "To act.",
    },
    ItemType: {
        ItemType.GROUP: "No answer of its own: it holds other items.",
        ItemType.DISPLAY: "No answer: a text to show.",
        ItemType.STRING: "A line of text.",
        ItemType.TEXT: "Text of several lines.",
        ItemType.BOOLEAN: "Yes or no.",
        ItemType.DATE: "A day.",
        ItemType.INTEGER: "A whole number.",
        ItemType.DECIMAL: "A number.",
        ItemType.CHOICE: "One of `options`.",
        ItemType.OPEN_CHOICE: "One of `options`, or a text.",
    },
    Operator: {
        Operator.EXISTS: "There is an answer, or there is none.",
        Operator.EQUAL: "Some answer is the same.",
        Operator.NOT_EQUAL: "Some answer is another.",
        Operator.GREATER: "Some answer is greater, or later.",
        Operator.LESS: "Some answer is less, or earlier.",
        Operator.GREATER_OR_EQUAL: "Some answer is at least this.",
        Operator.LESS_OR_EQUAL: "Some answer is at most this.",
    },
    EnableBehavior: {
        EnableBehavior.ALL: "All comparisons must hold.",
        EnableBehavior.ANY: "One comparison is enough.",
    },
}
