"""What the engine asks of a channel, and what it gets back: a frozen job in, observations out.

A channel promises that nothing crosses the payer's final boundary but inside `submit`, after the engine's `intend` has
said yes, and then once. Whatever it cannot do it raises as a `ChannelFault`; whether that is tried again is the
engine's to decide. It may not know the store, the lifecycle's rules, or who its caller is.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from priorauth.domain.catalog import PortalAuthMode, PortalSettings, Provider, ServiceRequest
from priorauth.domain.credentials import Credential
from priorauth.domain.errors import Issue
from priorauth.domain.handoffs import OfferReason
from priorauth.domain.live_sessions import SessionClaim
from priorauth.domain.questionnaires import AnswerItem, Item, Questionnaire
from priorauth.domain.replies import Inquiry
from priorauth.domain.reviews import Difference, Package
from priorauth.domain.submissions import Decision, PayerReceipt


@dataclass(frozen=True, slots=True)
class JobDocument:
    """One document of the package. `stored_as` names its bytes for the channel's `DocumentSource`."""

    stored_as: str
    file_name: str
    content_type: str
    size_bytes: int
    document_types: tuple[str, ...]
    sha256: str


@dataclass(frozen=True, slots=True)
class ReplyTo:
    """The payer's message that a job answers: where it is at the payer, and the text of the answer."""

    reference_number: str
    inquiry: str
    subject: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """All that a channel needs to know of a case.

    With a `reply` the payer has the case, and the job is to answer a message: `documents` are those that go along.
    `credential_id` names the account that signs in: None where the customer does in person, and where there is none.
    `faults` are the tries in a row that failed. `approved` is the package of the current review snapshot, as the
    payer's form words it: what may be sent; None where none was read or approved. `sent` is the approved content of
    the request that the payer may have, which evidence must name; None where the service sent what `answers_sent`
    say, or `answers` where that is None too. `accepted_evidence` is what the payer may name otherwise, since a person
    has accepted it. `needs_person`: the portal answered the final request with a success, and its search did not know
    the case: where another search is in vain too, a person has to look.
    """

    authorization_id: str
    case_reference: str
    run: int
    portal: PortalSettings
    provider: Provider
    request: ServiceRequest
    questionnaires: tuple[Questionnaire, ...]
    answers: tuple[AnswerItem, ...]
    documents: tuple[JobDocument, ...]
    reply: ReplyTo | None = None
    portal_auth_mode: PortalAuthMode = PortalAuthMode.AUTOMATED
    credential_id: str | None = None
    faults: int = 0
    approved: Package | None = None
    sent: Package | None = None
    answers_sent: tuple[AnswerItem, ...] | None = None
    accepted_evidence: tuple[tuple[str, str], ...] = ()
    needs_person: bool = False


@dataclass(frozen=True, slots=True)
class ReviewPage:
    """The payer's review page as it was read: its content in the payer's words, and a picture (PNG) of all of it."""

    package: Package
    picture: bytes | None = None


@dataclass(frozen=True, slots=True)
class AtBoundary:
    """The payer's form is filled, and one request away from being submitted."""

    differences: tuple[Difference, ...]
    page: ReviewPage | None = None


@dataclass(frozen=True, slots=True)
class Rejected:
    """The payer does not take these values."""

    issues: tuple[Issue, ...]


@dataclass(frozen=True, slots=True)
class Refused:
    """The payer will not take the case at all."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Discovered:
    """The payer asks more than the case was asked: what it asks, as items."""

    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class NotRequired:
    """The payer wants no authorization for this service. Nothing was submitted."""

    message: str


@dataclass(frozen=True, slots=True)
class HumanNeeded:
    """Only a human can go on: why, and where. The session stays up, and automation has stopped in it."""

    reason: OfferReason
    message: str
    differences: tuple[Difference, ...] = ()
    page: ReviewPage | None = None


@dataclass(frozen=True, slots=True)
class Withheld:
    """`intend` said no: nothing was sent."""


@dataclass(frozen=True, slots=True)
class NotSent:
    """`intend` said yes, and then the final request provably never left."""


@dataclass(frozen=True, slots=True)
class ForeignSubmission:
    """While a permit existed, the session tried to send another final request. The permit was withdrawn unused.

    The session has ended. The attempt provably never left.
    """


@dataclass(frozen=True, slots=True)
class EvidenceMismatch:
    """The payer's evidence carries our reference but names something else than what was sent."""

    approved: tuple[tuple[str, str], ...]
    shown: tuple[tuple[str, str], ...]
    receipt: PayerReceipt


@dataclass(frozen=True, slots=True)
class Unresolved:
    """The final request went out, or may have; what the payer made of it is not known."""


@dataclass(frozen=True, slots=True)
class Absent:
    """The payer's search works and knows no such case; of a reply: its message has no answer."""


@dataclass(frozen=True, slots=True)
class NothingFound:
    """After a human's turn the payer shows nothing of the case that is new.

    `searched`: the payer was asked for the case. `unsent`: a person's turn was begun, and none left in it.
    """

    searched: bool
    unsent: bool


@dataclass(frozen=True, slots=True)
class Answered:
    """The payer's message has an answer, this reply or another one: no more is to be sent to it."""


@dataclass(frozen=True, slots=True)
class Pending:
    """The payer has the case and has not decided."""


# What keeps a job from the boundary; the last three only a reply.
Obstacle = Rejected | Refused | Discovered | NotRequired | HumanNeeded | Decision | Answered | EvidenceMismatch
Preparation = AtBoundary | Obstacle
# What proves that the payer has what was sent.
Evidence = PayerReceipt | Answered
Submission = PayerReceipt | AtBoundary | Obstacle | Withheld | NotSent | ForeignSubmission | Unresolved


class ChannelFault(Exception):
    """The payer cannot be reached or read now. `code` names it for the timeline; it holds no patient's data."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class PayerOutOfReach(ChannelFault):
    """The payer's side is down: nothing of the case is to blame, and only waiting helps. `code` names the cause."""

    def __init__(
        self,
        code: str = "portal_unavailable",
        message: str = "The payer's portal is down or cannot be reached.",
    ) -> None:
        super().__init__(code, message)


class AccountInUse(ChannelFault):
    """The account has as many sessions as it may, or another one is signing in with it: its turn comes."""

    def __init__(self) -> None:
        super().__init__("account_in_use", "The account at the payer's portal is in use by other sessions.")


class SignInRefused(ChannelFault):
    """The portal has refused the credential's user name, password or account, in words that its adapter knows."""

    def __init__(self) -> None:
        super().__init__("sign_in_refused", "The portal did not accept the service's credentials.")


class CredentialSuspended(ChannelFault):
    """The portal has refused the credential before: it is not offered again until an operator has acted."""

    def __init__(self) -> None:
        super().__init__("credential_suspended", "The portal has refused the service's credentials, which rest now.")


class SignInsExhausted(ChannelFault):
    """The account was tried as often as it may be within an hour, and has not signed in."""

    def __init__(self) -> None:
        super().__init__("sign_ins_exhausted", "Signing in has failed as often as it may be tried within an hour.")


Intend = Callable[[], Awaitable[bool]]


class Channel(Protocol):
    """One way to payers."""

    async def prepare(self, job: Job) -> Preparation:
        """Bring the job to the payer's final boundary and stop there.

        Its session stays up at the boundary, and where a human is needed.
        """
        ...

    async def submit(self, job: Job, *, allowed: tuple[Difference, ...], intend: Intend) -> Submission:
        """Cross the boundary, if what the payer shows differs from the job in `allowed` alone and `intend` says yes.

        Otherwise return what stands in the way: `AtBoundary` with other differences, `Withheld`, and so on.
        """
        ...

    async def find(self, job: Job) -> Evidence | EvidenceMismatch | Absent | HumanNeeded:
        """Look for the case at the payer by the case's own reference, or for the answer to its message. Only reads.

        Where nothing is found of a job that `needs_person`, one is needed: never `Absent`.
        """
        ...

    async def read_status(
        self, job: Job, *, reference_number: str
    ) -> Decision | Inquiry | Pending | EvidenceMismatch | HumanNeeded:
        """Read what the payer has decided, or what it asks for before it decides. Only reads."""
        ...

    async def reconcile(
        self, job: Job, *, reference_number: str | None
    ) -> Evidence | EvidenceMismatch | NotRequired | NothingFound | HumanNeeded:
        """Take the session back from a human and find out what is true at the payer. Only reads.

        What the human left open is evidence; a `reference_number` that was reported is looked up, and never believed.
        """
        ...

    def sessions(self) -> tuple[str, ...]:
        """Return the cases that have a session at the payer now."""
        ...

    def take_back(self, authorization_id: str) -> None:
        """End a human's turn in the case's session at once, if one has it: nothing final leaves in it any more."""
        ...

    async def let_go(self, authorization_id: str) -> None:
        """End the case's session at the payer, if there is one."""
        ...


class DocumentSource(Protocol):
    """Where the bytes of a job's documents come from."""

    async def get(self, name: str) -> bytes:
        """Return the bytes of `JobDocument.stored_as`."""
        ...


class CredentialSource(Protocol):
    """Where the accounts of payers' portals come from, and where their browsers' signed-in state rests."""

    async def get(self, credential_id: str) -> Credential | None:
        """Return the credential of `Job.credential_id`; None when it was removed meanwhile."""
        ...

    async def state_of(self, credential: Credential) -> bytes | None:
        """Return what was kept of the credential's browser at its last sign-in."""
        ...

    async def needs_sign_in(self, credential: Credential) -> bool:
        """Say whether the credential's next session has to sign in: the portal knows no state that is kept."""
        ...

    async def signed_in(self, credential: Credential, *, state: bytes) -> None:
        """Note that the credential has signed in, and keep its browser's state for the next session.

        Ends the claim of its account and forgets its tries. A suspension stays.
        """
        ...

    async def claim_sign_in(
        self, credential: Credential, *, authorization_id: str, began_with: bytes | None, is_lost: bool
    ) -> None:
        """Claim the credential's account for the session that is to sign in, on this worker; again is no harm.

        Args:
            credential: What it signs in with.
            authorization_id: Whose session it is.
            began_with: The state with which its browser begins.
            is_lost: Whether the portal has shown that it no longer knows that state.

        Raises:
            AccountInUse: Another session signs in with the account, or the state was renewed meanwhile.
            CredentialSuspended: The credential is suspended.
            SignInsExhausted: The account was tried as often as it may be.
        """
        ...

    async def count_try(self, credential: Credential, *, authorization_id: str) -> None:
        """Count that secrets are about to be offered to the portal, before they are. Raises as `claim_sign_in` does."""
        ...

    async def end_claim(self, credential: Credential, *, authorization_id: str) -> None:
        """End the session's claim on the account, if it has it."""
        ...

    async def suspend(self, credential: Credential, *, authorization_id: str, reason: str) -> None:
        """Suspend the credential for all authorizations, since the portal has refused it in this one's session.

        Raises AccountInUse where it was replaced or removed meanwhile.
        """
        ...


class SessionLedger(Protocol):
    """Where a channel leaves word of its sessions: claims, and what happened in them."""

    async def claim(self, claim: SessionClaim) -> bool:
        """Take or renew the claim on a session; False while its account has as many sessions as it may."""
        ...

    async def release(self, *, authorization_id: str, session_id: str, cause: str | None = None) -> None:
        """Let the claim go; `cause` is why the service has ended the session before its time, where it has."""
        ...

    async def intend_for_person(self, authorization_id: str, *, session_id: str) -> bool:
        """Commit that the final request that a person's session holds is about to leave; False when it must not.

        Checks in one transaction that the handoff is active, that its approval is of the current snapshot, that the
        attempt is open and that the authorization's claim is on this very session, and claims the attempt in the file
        store.
        """
        ...

    async def note_answer(self, authorization_id: str) -> None:
        """Record that the portal answered the final request of the open attempt with a success."""
        ...

    async def note(
        self, authorization_id: str, event: str, details: Mapping[str, str], *, repeated: bool = False
    ) -> None:
        """Put a page reached, or a request refused, on the case's timeline.

        Args:
            authorization_id: Whose timeline.
            event: The event type.
            details: Codes; no patient's data. `times` says for how many of its kind the entry is; without it for one.
            repeated: A portal's page decides how often it happens. Then the note is written after the writes of
                others, and an authorization has a bounded number of such entries.
        """
        ...
