"""Every error that a client can meet, declared once: its code, its kind, whether a retry can help, what it means.

The tree is drawn by the kinds below. The kinds speak of the request, not of HTTP: the edge maps them to status codes,
and OpenAPI and the documentation's table of codes are generated from `every_error()`. An error never carries SQL, a
path, a secret, or another organization's data; whoever raises it puts only what the caller may read into `details`.
"""

import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar


class Kind(StrEnum):
    """What sort of refusal an error is."""

    INVALID = "invalid"
    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    CONFLICT = "conflict"
    TIMED_OUT = "timed_out"
    TOO_LARGE = "too_large"
    HEAD_TOO_LARGE = "head_too_large"
    UNSUPPORTED_MEDIA = "unsupported_media"
    RATE_LIMITED = "rate_limited"
    INTERNAL = "internal"
    UNAVAILABLE = "unavailable"


class Severity(StrEnum):
    """How much an issue weighs: an `error` blocks the case, a `warning` informs."""

    ERROR = "error"
    WARNING = "warning"


class UserFault(Exception):
    """What an operator typed, set or put there cannot be used. No client meets it; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Issue:
    """One fault of one field. `field` is a linkId, a dotted path into the request's body, or None for the whole."""

    code: str
    message: str
    field: str | None = None
    severity: Severity = Severity.ERROR


class PriorAuthError(Exception):
    """The root of the tree. `message` tells the reader what to do next."""

    code: ClassVar[str]
    kind: ClassVar[Kind]
    meaning: ClassVar[str]
    retryable: ClassVar[bool] = False

    def __init__(
        self,
        message: str | None = None,
        *,
        details: Mapping[str, object] | None = None,
        issues: tuple[Issue, ...] = (),
    ) -> None:
        self.message = message or self.meaning
        self.details = dict(details or {})
        self.issues = issues
        super().__init__(self.message)


def every_error() -> Iterator[type[PriorAuthError]]:
    """Yield each concrete error class once, in the order of declaration."""
    pending = list(PriorAuthError.__subclasses__())
    while pending:
        cls = pending.pop(0)
        if "code" in cls.__dict__:
            yield cls
        pending[:0] = cls.__subclasses__()


def whereabouts(error: BaseException) -> dict[str, object]:
    """Return what a log may say of an unforeseen error: its type and where it was raised, innermost last.

    Never what it says: the text of an error may quote a page, a statement, or a patient's record.
    """
    frames = traceback.extract_tb(error.__traceback__)[-6:]
    return {"error": type(error).__name__, "frames": [f"{frame.name}:{frame.lineno}" for frame in frames]}


class InvalidError(PriorAuthError):
    """The request is malformed; sending it again unchanged fails again."""

    kind = Kind.INVALID


class BadRequest(InvalidError):
    code = "bad_request"
    meaning = "The request is malformed. Correct what each issue names, and send it again."


class FinalSubmissionPolicyRequired(InvalidError):
    code = "final_submission_policy_required"
    meaning = (
        "Say in policy.finalSubmission whether the service may submit by itself (automatic) or pauses for "
        "an approval (requires_confirmation)."
    )


class FinalSubmissionPolicyNotAllowed(InvalidError):
    code = "final_submission_policy_not_allowed"
    meaning = "This server's operator does not allow policy.finalSubmission = automatic. Use requires_confirmation."


class IdempotencyKeyRequired(InvalidError):
    code = "idempotency_key_required"
    meaning = (
        "Send an Idempotency-Key header (1 to 255 printable ASCII characters), so that a repeated create "
        "makes one case."
    )


class UnauthenticatedError(PriorAuthError):
    """Nobody is known behind the request."""

    kind = Kind.UNAUTHENTICATED


class Unauthorized(UnauthenticatedError):
    code = "unauthorized"
    meaning = "Send a valid API key of this environment as Authorization: Bearer <key>."


class ForbiddenError(PriorAuthError):
    """The caller is known and may not do this."""

    kind = Kind.FORBIDDEN


class InsufficientPermissions(ForbiddenError):
    code = "insufficient_permissions"
    meaning = (
        "The API key lacks the scope in details.requiredScope. Use a key that has it, or ask the operator of this "
        "server for one."
    )


class NotFoundError(PriorAuthError):
    """There is no such thing, or none that the caller may see."""

    kind = Kind.NOT_FOUND


class PathNotFound(NotFoundError):
    code = "not_found"
    meaning = "There is nothing at this path. GET /openapi.json, or /docs, lists every path; none ends with a slash."


class AuthorizationNotFound(NotFoundError):
    code = "prior_authorization_not_found"
    meaning = (
        "Your organization has no authorization with this id in this environment. Check the id; GET "
        "/v1/prior-authorizations lists those that there are."
    )


class ProviderNotFound(NotFoundError):
    code = "provider_not_found"
    meaning = "There is no provider with this NPI in the catalog. GET /v1/providers lists those that there are."


class PayerNotFound(NotFoundError):
    code = "payer_not_found"
    meaning = "There is no payer with this id in the catalog. GET /v1/payers lists those that there are."


class FileNotFound(NotFoundError):
    code = "file_not_found"
    meaning = (
        "Your organization has no file with this id in this environment. Check the id, or declare a new file with "
        "POST /v1/files."
    )


class ReviewImageNotFound(NotFoundError):
    code = "review_image_not_found"
    meaning = (
        "The authorization shows no review snapshot with this id, or it has no picture. Read the authorization again: "
        "submission.reviewSnapshot.reviewImageUrl is the path of the present picture."
    )


class AttachmentNotFound(NotFoundError):
    code = "attachment_not_found"
    meaning = (
        "The authorization has no attachment with this id. Its attachments, or GET …/attachments, list those that it "
        "has."
    )


class ManualHandoffNotFound(NotFoundError):
    code = "manual_handoff_not_found"
    meaning = "The authorization has no manual handoff with this id. GET …/manual-handoffs lists those that it has."


class ScenarioNotFound(NotFoundError):
    code = "scenario_not_found"
    meaning = "There is no scenario with this id. GET /v1/sandbox/scenarios lists them."


class AccessGrantNotFound(NotFoundError):
    code = "access_grant_not_found"
    meaning = "There is no such access grant. Create one for the live session, or for the active handoff."


class AccessGrantExpired(NotFoundError):
    code = "access_grant_expired"
    meaning = "The access grant has expired. Create a new one."


class AccessGrantRevoked(NotFoundError):
    code = "access_grant_revoked"
    meaning = (
        "The access grant was revoked, its handoff was closed, or the API key that created it has ended. Read the "
        "authorization: it says whose move it is now."
    )


class ChannelSessionLost(NotFoundError):
    code = "channel_session_lost"
    meaning = (
        "The live session behind this access grant has ended. Read the authorization and its live session before you "
        "create another grant."
    )


class WrongMethodError(PriorAuthError):
    """The path exists, the method does not."""

    kind = Kind.METHOD_NOT_ALLOWED


class MethodNotAllowed(WrongMethodError):
    code = "method_not_allowed"
    meaning = "This path does not take this method. The Allow header lists those that it takes."


class ConflictError(PriorAuthError):
    """The request is well formed, but the present state does not allow it. Read again before the next try."""

    kind = Kind.CONFLICT


class UnsupportedRoute(ConflictError):
    code = "unsupported_route"
    meaning = (
        "No route leads to this payer for this state, request type and code. `details.field` says which of them is the "
        "reason. GET /v1/prior-authorization-routes lists the routes, GET /v1/payers/{payerId}/services the codes."
    )


class ProviderAccessNotConfigured(ConflictError):
    code = "provider_access_not_configured"
    meaning = (
        "Your organization has no access to this provider at this payer. Ask the operator of this server to "
        "configure it."
    )


class IdempotencyKeyReused(ConflictError):
    code = "idempotency_key_reused"
    meaning = "This Idempotency-Key was used with another body. Use a new key for a new request."


class IdempotencyInProgress(ConflictError):
    code = "idempotency_in_progress"
    meaning = "The first request with this Idempotency-Key is still running. Repeat it in a moment."
    retryable = True


class VersionConflict(ConflictError):
    code = "version_conflict"
    meaning = "The authorization has changed since the version in If-Match. Read it again and decide anew."


class NotMutable(ConflictError):
    code = "prior_authorization_not_mutable"
    meaning = (
        "In its present status the authorization takes no such change. Read it again: status and nextAction say what "
        "it takes."
    )


class NotConfirmable(ConflictError):
    code = "prior_authorization_not_confirmable"
    meaning = (
        "There is nothing to confirm: the service or the payer has the case, or it is over. Read the authorization "
        "until it shows a nextAction."
    )


class NextActionRequired(ConflictError):
    code = "next_action_required"
    meaning = "Send nextActionId: the nextAction.id of the authorization as you have read it."


class NextActionMismatch(ConflictError):
    code = "next_action_mismatch"
    meaning = "This is not the current next action. Read the authorization again and confirm the action that it shows."


class NextActionNotConfirmable(ConflictError):
    code = "next_action_not_confirmable"
    meaning = (
        "The current next action is not resolved by a confirmation. Call what nextAction.resolution.endpoint names "
        "instead."
    )


class RequirementsNotSatisfied(ConflictError):
    code = "requirements_not_satisfied"
    meaning = "Requirements are still open. Answer the questions and attach the documents in requirements first."


class ReviewAcknowledgementRequired(ConflictError):
    code = "review_acknowledgement_required"
    meaning = "Send acceptedReviewSnapshotId: the action covers a review snapshot that a human must accept."


class ReviewStale(ConflictError):
    code = "review_stale"
    meaning = (
        "The review snapshot behind this approval is no longer current. Read the authorization again, "
        "review the new snapshot and confirm the current next action."
    )


class FileNotReady(ConflictError):
    code = "file_not_ready"
    meaning = "The file is not ready. Upload its bytes and complete it first."


class FileAlreadyCompleted(ConflictError):
    code = "file_already_completed"
    meaning = "The file has been completed and takes no more bytes. Declare a new file for other bytes."


class LiveSessionNotAvailable(ConflictError):
    code = "live_session_not_available"
    meaning = (
        "There is no live session that could be opened now; details.reason says why. Read the authorization and its "
        "live session again before the next try."
    )


class ManualHandoffNotAllowed(ConflictError):
    code = "manual_handoff_not_allowed"
    meaning = (
        "A manual handoff can be created only while the authorization asks for one (status requires_action). Read it "
        "again: status and nextAction say what it asks for now."
    )


class ManualHandoffNotActive(ConflictError):
    code = "manual_handoff_not_active"
    meaning = "The manual handoff is closed already. Read the authorization: it says how the case goes on."


class TimedOutError(PriorAuthError):
    """The client took too long to send its request."""

    kind = Kind.TIMED_OUT


class RequestTimeout(TimedOutError):
    code = "request_timeout"
    meaning = "The request took too long to arrive. Send it again, at once."
    retryable = True


class TooLargeError(PriorAuthError):
    """There are too many bytes."""

    kind = Kind.TOO_LARGE


class PayloadTooLarge(TooLargeError):
    code = "payload_too_large"
    meaning = "The body is too large; 1 MiB is the limit. Send documents through POST /v1/files."


class FileTooLarge(TooLargeError):
    code = "file_too_large"
    meaning = "The file is larger than this server takes. Declare a smaller one, or split the document."


class StorageQuotaExceeded(TooLargeError):
    code = "storage_quota_exceeded"
    meaning = (
        "Your organization has stored as many bytes as it may. Ask the operator of this server for more; files that "
        "are attached to nothing expire after a while."
    )


class HeadTooLargeError(PriorAuthError):
    """There is too much before the body."""

    kind = Kind.HEAD_TOO_LARGE


class RequestHeadTooLarge(HeadTooLargeError):
    code = "request_head_too_large"
    meaning = "The request's head is too large; 64 KiB and 100 header lines are the limit. Send fewer headers."


class UnsupportedMediaError(PriorAuthError):
    """The content type is another than the operation reads."""

    kind = Kind.UNSUPPORTED_MEDIA


class UnsupportedMediaType(UnsupportedMediaError):
    code = "unsupported_media_type"
    meaning = "Send the body as JSON, with the header Content-Type: application/json."


class LimitedError(PriorAuthError):
    """Too much at once."""

    kind = Kind.RATE_LIMITED


class RateLimited(LimitedError):
    code = "rate_limited"
    meaning = "Too many requests with this key. Wait for the seconds in Retry-After."
    retryable = True


class FaultError(PriorAuthError):
    """A fault of the service."""

    kind = Kind.INTERNAL


class InternalError(FaultError):
    code = "internal_error"
    meaning = (
        "The service has met an unforeseen fault. Repeat the request; tell the operator the request id if it stays."
    )
    retryable = True


class UnavailableError(PriorAuthError):
    """The service cannot answer now."""

    kind = Kind.UNAVAILABLE


class TemporarilyUnavailable(UnavailableError):
    code = "temporarily_unavailable"
    meaning = "The service cannot take the request at the moment. Repeat it later."
    retryable = True
