"""How a draft leaves: read on a clean page while nothing can rewrite it, compared, and sent under a permit of its own.

Promises: what leaves is the final request of the very draft that was read and found to be what was approved, whoever
sends it. Between the reading and the sending no write of the session reaches the portal. A foreign final request meets
no permit and ends the session. Must not depend on how a form is filled, nor on what an approval is.
"""

from dataclasses import dataclass, replace

import structlog
from playwright.async_api import Page

from priorauth import faultpoints
from priorauth.channels.contract import (
    AtBoundary,
    ChannelFault,
    Evidence,
    EvidenceMismatch,
    ForeignSubmission,
    HumanNeeded,
    Job,
    NotSent,
    ReviewPage,
    Submission,
    Unresolved,
)
from priorauth.channels.portals.adapter import DraftPage, PortalForm
from priorauth.channels.portals.entrance import Entrance, PortalAccess
from priorauth.channels.portals.guard import Barred, Boundary, HoldRefusal, PermittedRequest
from priorauth.channels.portals.outgoing import OutgoingRequest
from priorauth.channels.portals.pages import picture_of
from priorauth.channels.portals.session import PortalSession
from priorauth.channels.portals.sessions import SessionHost
from priorauth.channels.portals.turns import TurnOffer
from priorauth.domain.errors import whereabouts
from priorauth.domain.handoffs import OfferReason
from priorauth.domain.live_sessions import BoundaryState
from priorauth.domain.reviews import Difference, Package
from priorauth.faultpoints import Phase, Point

_log = structlog.get_logger(__name__)

_OWN_ACCOUNT = (
    "The content of this portal's final request cannot be compared with what was approved, so the service sends none. "
    "Submit it with an account of your own at the payer."
)
_NOT_READ = HoldRefusal("draft_not_read", "The payer's review page could not be read. Nothing was sent. Press again.")
_NOT_ALLOWED = HoldRefusal(
    "not_allowed", "Nothing was sent: this handoff may not submit any more, or has submitted before."
)


@dataclass(frozen=True, slots=True)
class ReadDraft:
    """A draft as it was read on a clean page, and compared with its job.

    `is_approved`: it shows what was approved, and the service may send it. `picture` was taken where it is not.
    """

    draft_id: str
    page: DraftPage
    differences: tuple[Difference, ...]
    is_approved: bool = False
    picture: bytes | None = None


class Submitting:
    """Reads drafts of sessions and sends those that were approved."""

    def __init__(self, *, host: SessionHost, entrance: Entrance) -> None:
        self._host = host
        self._entrance = entrance

    async def read(self, session: PortalSession, *, allowed: tuple[Difference, ...] | None = None) -> ReadDraft:
        """Read the draft whose review page is open in the session, and compare it with the job.

        Args:
            session: at its review page.
            allowed: the differences that were approved; None where nothing is to be sent now.

        Raises:
            ChannelFault: the draft cannot be read.
        """
        job, access = session.job, self._entrance.access(session.job)
        draft_id = access.adapter.draft_of(session.page.url)
        if draft_id is None:
            raise ChannelFault("unexpected_page", "The page that is open is not that of a draft.")
        if not session.guard.is_own(draft_id):
            # Another session may write to it, whatever is frozen here.
            raise ChannelFault("draft_of_another_case", "The draft that is open was not started in this session.")
        form = self._form(job)
        async with session.clean_page() as page:
            draft = await form.read_draft(page, draft_id)
            if draft.case_reference != job.case_reference:
                # The page says which draft is open, and a script can make it name another patient's. What that draft
                # shows must not reach this authorization's reviewer.
                raise ChannelFault("draft_of_another_case", "The draft that is open carries another reference.")
            differences = form.package().differences(draft.package)
            if access.may_submit and draft.person_required is None and _is_approved(job, draft, differences, allowed):
                return ReadDraft(draft_id, draft, differences, is_approved=True)
            picture = await picture_of(session.page if access.adapter.draws_by_script else page)
        return ReadDraft(draft_id, draft, differences, picture=picture)

    def boundary(self, session: PortalSession, read: ReadDraft) -> AtBoundary | HumanNeeded:
        """Return how the session stops at a draft that is not sent now, and offer the draft to a person."""
        if not self._entrance.access(session.job).may_submit:
            session.turn.offer = self.offer(session, OfferReason.UNKNOWN_PAGE)
            return HumanNeeded(OfferReason.UNKNOWN_PAGE, _OWN_ACCOUNT)
        accepted, wanted = read.page.package, read.page.person_required
        session.turn.offer = self.offer(session, OfferReason.FINAL_SUBMIT, accepted=accepted, draft_id=read.draft_id)
        shown = ReviewPage(accepted, read.picture)
        if wanted is not None:
            return HumanNeeded(OfferReason.FINAL_SUBMIT, wanted, read.differences, shown)
        return AtBoundary(read.differences, shown)

    async def cross(self, session: PortalSession, read: ReadDraft) -> Submission:
        """Release the draft's final request, press, and read what came of it. From here on nothing is known for sure.

        What the session's own page says counts for nothing: only whether the permit was used, and what the payer
        shows on a clean page.
        """
        access = self._entrance.access(session.job)
        if session.job.reply is None:
            # Evidence must name the draft that was read: it may differ from the answers, as far as that was approved.
            session.job = replace(session.job, sent=read.page.package)
        form = self._form(session.job)
        permitted = access.adapter.final_request(access.base_url, read.draft_id)
        await self._host.mark(session, BoundaryState.CROSSED)
        await faultpoints.passing(Point.GUARD_RELEASE, Phase.BEFORE)
        pressed = False
        try:
            session.release(permitted)
            await faultpoints.passing(Point.GUARD_RELEASE, Phase.AFTER)
            await form.press(session.page)
            pressed = True
        except Barred:
            _log.error("session_barred", authorization_id=session.job.authorization_id)
        except Exception as error:  # noqa: BLE001 - whatever went wrong, the request may have left
            _note(session, error)
        finally:
            # A permit that nothing has used must not lie around for a page's script.
            unused = session.guard.withdraw()
            session.thaw_writes()
        if not unused:
            # A page can leave its review page before the portal has answered: what it shows says nothing of that.
            await session.settled()
            await self._host.note_answer(session)
        if unused and session.guard.is_barred:
            await self._host.close(session.job.authorization_id)
            return ForeignSubmission()
        if unused and not pressed:
            return NotSent()
        evidence = await self._evidence(session, form, unused=unused)
        if evidence is None:
            return NotSent() if unused else Unresolved()
        await self._host.step(session, "receipt")
        return evidence

    def offer(
        self,
        session: PortalSession,
        reason: OfferReason,
        *,
        accepted: Package | None = None,
        draft_id: str | None = None,
        reference_number: str | None = None,
    ) -> TurnOffer:
        """Return what a person may do in the session, who is needed for `reason`.

        Args:
            session: the session that is offered.
            reason: why a person is needed.
            accepted: the content that a final request must have; None where nothing may be submitted.
            draft_id: the draft that was read.
            reference_number: the payer's reference, where there is one.
        """
        job, access = session.job, self._entrance.access(session.job)

        def boundary() -> Boundary:
            return access.adapter.handoff_boundary(
                access.base_url,
                reason,
                draft_id=draft_id,
                case_reference=job.case_reference,
                reference_number=reference_number or (job.reply.reference_number if job.reply else None),
                start_url=session.page.url,
                interstitials=job.portal.interstitials,
            )

        async def judge(request: OutgoingRequest) -> PermittedRequest | HoldRefusal:
            if accepted is None:
                return _NOT_ALLOWED
            return await self._judged(session, access, request, accepted=accepted)

        return TurnOffer(boundary, judge if accepted is not None else None)

    async def _judged(
        self, session: PortalSession, access: PortalAccess, request: OutgoingRequest, *, accepted: Package
    ) -> PermittedRequest | HoldRefusal:
        """Compare the draft of a held request with what its person has accepted, and commit the intent to send it."""
        draft_id = access.adapter.draft_of_request(request.url.path)
        if draft_id is None:
            return _NOT_ALLOWED
        permitted = None
        try:
            await session.freeze_writes()
            async with session.clean_page() as page:
                draft = await self._form(session.job).read_draft(page, draft_id)
            differences = accepted.differences(draft.package)
            if differences:
                return _differs(differences)
            if not await self._host.intend_for_person(session):
                return _NOT_ALLOWED
            permitted = access.adapter.final_request(access.base_url, draft_id)
            return permitted
        except ChannelFault as fault:
            _note(session, fault)
            return _NOT_READ
        finally:
            # Else they stay refused until the turn ends: nobody rewrites what is on its way.
            if permitted is None:
                session.thaw_writes()

    async def _evidence(
        self, session: PortalSession, form: PortalForm, *, unused: bool
    ) -> Evidence | EvidenceMismatch | None:
        """Read what the payer has, on a clean page: where its answer leads, where the session has come to, its search.

        A page that shows a receipt although the permit was not used may have invented it: then only the search counts.
        So does a script that leads the session elsewhere, after the portal has answered with a success.
        """
        try:
            async with session.clean_page() as page:
                found = None if unused else await evidence_left(session, form, page, session.page.url)
                if found is None and (unused or session.guard.is_answered_well):
                    found = await form.find(page)
            if found is not None:
                await faultpoints.passing(Point.CONFIRMATION_READ, Phase.AFTER)
        except Exception as error:  # noqa: BLE001 - the request may have left: it is looked for
            _note(session, error)
            return None
        return found

    def _form(self, job: Job) -> PortalForm:
        access = self._entrance.access(job)
        return access.adapter.form(job, base_url=access.base_url)


async def evidence_left(
    session: PortalSession, form: PortalForm, page: Page, shown: str
) -> Evidence | EvidenceMismatch | None:
    """Read on a clean page what the payer has where its answer to the final request leads, else at the page `shown`.

    A script chooses the page that is shown. Only what the boundary declares as a read is opened.
    """
    for address in dict.fromkeys((session.guard.answer_address, shown)):
        if address is None or not session.guard.is_read(address):
            continue
        found = await form.evidence_at(page, address)
        if found is not None:
            return found
    return None


def _is_approved(
    job: Job, draft: DraftPage, differences: tuple[Difference, ...], allowed: tuple[Difference, ...] | None
) -> bool:
    if allowed is None or differences != allowed:
        return False
    return job.approved is None or not job.approved.differences(draft.package)


def _differs(differences: tuple[Difference, ...]) -> HoldRefusal:
    # The labels alone: values are a patient's data, and the timeline keeps the refusal.
    labels = ", ".join(each.field for each in differences)
    return HoldRefusal(
        "draft_differs",
        f"Nothing was sent: the draft shows something else than what was accepted. Look at: {labels}.",
    )


def _note(session: PortalSession, error: Exception) -> None:
    code = error.code if isinstance(error, ChannelFault) else None
    _log.warning(
        "final_submit_unresolved", authorization_id=session.job.authorization_id, code=code, **whereabouts(error)
    )
