"""What may leave a browser at Larkspur Provider Connection: its pages, its forms, and the two requests that submit.

Derived from what the portal's own pages request. A draft is identified by the address of its pages; the form that
submits it carries the session's token alone, so the content of a submission is what the draft's review page shows.
"""

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Final
from urllib.parse import quote, urlsplit

from priorauth.channels.portals.guard import (
    Boundary,
    Content,
    FinalRule,
    Format,
    Parameter,
    PermittedRequest,
    ReadRule,
    Rule,
    StartRule,
)
from priorauth.channels.portals.outgoing import Url
from priorauth.channels.portals.submit_guard.boundary import interstitial_path
from priorauth.channels.portals.submit_guard.start_pages import start_page_reads, start_page_writes
from priorauth.domain.handoffs import OfferReason

_POST: Final = frozenset({"POST"})
_FORM: Final = frozenset({Format.FORM})
_FORM_OR_FILE: Final = frozenset({Format.FORM, Format.MULTIPART})
_TOKEN: Final = frozenset({"form_token"})
_DRAFT: Final = r"/drafts/[0-9]+"
_OWN_DRAFT: Final = r"/drafts/(?P<draft>[0-9]+)"
_NUMBER: Final = r"LHP-[0-9]{4}-[0-9]{1,12}"
_REQUEST: Final = rf"/requests/{_NUMBER}"
_MESSAGE: Final = rf"{_REQUEST}/messages/[0-9]+"
_OWN_MESSAGE: Final = rf"(?P<draft>{_MESSAGE})"
_STEPS: Final = "service|clinical|documents|review|not-required"
_SIGN_IN: Final = r"/login(?:/verify|/phone)?"
_STATIC: Final = (r"/static/[A-Za-z0-9_\-]+\.(?:css|js)", r"/favicon\.ico")
_DRAFT_PAGE: Final = re.compile(rf"/drafts/([0-9]+)/(?:{_STEPS})")
_SUBMITTED: Final = re.compile(rf"/drafts/([0-9]+)/submit|({_MESSAGE})/send")
_MESSAGE_PAGE: Final = re.compile(rf"({_MESSAGE})(?:/reply)?")


def _read(path: str, *query: Parameter) -> ReadRule:
    return ReadRule(path, query, destinations=frozenset({"document"}), repeatable=True)


def _final(path: str) -> FinalRule:
    return FinalRule(_POST, path, formats=_FORM, content=Content.DRAFT, variable=_TOKEN)


def portal_boundary(base_url: str) -> Boundary:
    """Return all that the service does at the portal."""
    return Boundary(
        origins=(Url.parse(base_url).origin,),
        reads=(
            _read(rf"/|{_SIGN_IN}|/home|/members|/requests"),
            _read(r"/requests", Parameter("q", r".{0,200}")),
            _read(rf"{_REQUEST}(?:/confirmation|/messages)?"),
            _read(rf"{_MESSAGE}(?:/reply|/received)?"),
            _read(rf"{_DRAFT}/(?:{_STEPS})"),
        ),
        writes=(
            Rule(_POST, rf"{_SIGN_IN}|/logout", formats=_FORM),
            Rule(_POST, r"/members/(?:search|verify)|/requests/start", formats=_FORM),
            Rule(_POST, rf"{_OWN_DRAFT}/(?:service|clinical)", formats=_FORM),
            Rule(_POST, rf"{_OWN_DRAFT}/documents", formats=_FORM_OR_FILE),
            Rule(_POST, rf"{_OWN_MESSAGE}/documents", formats=_FORM_OR_FILE),
            Rule(_POST, rf"{_OWN_MESSAGE}/reply", formats=_FORM),
            # Shows the message and throws away what its reply had so far.
            Rule(
                frozenset({"GET"}),
                _OWN_MESSAGE,
                formats=frozenset({Format.NONE}),
                query=(Parameter("fresh", "1", required=True),),
            ),
        ),
        final=(_final(rf"{_OWN_DRAFT}/submit"), _final(rf"{_OWN_MESSAGE}/send")),
        static=_STATIC,
        # The request that starts a draft is answered by a redirect to the draft's first page.
        starts=(StartRule(_POST, "/requests/start", location=rf"{_OWN_DRAFT}/service"),),
        sign_in=_SIGN_IN,
    )


def is_reference_number(text: str) -> bool:
    """Return whether the portal gives reference numbers of this form; pages of others are not opened."""
    return re.fullmatch(_NUMBER, text) is not None


def draft_of(url: str) -> str | None:
    """Return what identifies the draft whose page is open: the number of a draft, or the path of a message."""
    path = urlsplit(url).path
    if match := _DRAFT_PAGE.fullmatch(path):
        return match[1]
    match = _MESSAGE_PAGE.fullmatch(path)
    return match[1] if match else None


def draft_of_request(path: str) -> str | None:
    """Return what identifies the draft that a final request to this path submits; None for other paths."""
    match = _SUBMITTED.fullmatch(path)
    return (match[1] or match[2]) if match else None


def final_request(base_url: str, draft_id: str) -> PermittedRequest:
    """Return the request that submits a draft.

    Args:
        base_url: the portal's address.
        draft_id: the number of a draft, or `/requests/REFERENCE/messages/NUMBER` for the reply to a message.

    Raises:
        ValueError: `draft_id` is neither.
    """
    origin = Url.parse(base_url).origin
    if re.fullmatch("[0-9]+", draft_id):
        return PermittedRequest(origin, "POST", f"/drafts/{draft_id}/submit", variable=_TOKEN)
    if re.fullmatch(_MESSAGE, draft_id):
        return PermittedRequest(origin, "POST", f"{draft_id}/send", variable=_TOKEN)
    raise ValueError("a draft is identified by its number, a reply by the path of its message")


def handoff_boundary(
    base_url: str,
    reason: OfferReason,
    *,
    draft_id: str | None,
    case_reference: str,
    reference_number: str | None,
    start_url: str,
    interstitials: Iterable[str],
) -> Boundary:
    """Return what a person may do at the portal during a handoff.

    Args:
        base_url: the portal's address.
        reason: why the person acts.
        draft_id: what `draft_of` returned for the page that is open; None where there is no draft.
        case_reference: the authorization's own reference, as searched for at the portal.
        reference_number: the payer's reference, once there is one. Without it no request of the account is opened.
        start_url: the page that is open when the person starts.
        interstitials: paths from the payer's file, in which `*` takes the place of one segment.
    """
    whole = portal_boundary(base_url)
    nothing = replace(whole, reads=(), writes=(), final=())
    match reason:
        case OfferReason.SIGN_IN:
            # The portal asks for a code at the search for some members as well.
            reads = (_read(rf"/|{_SIGN_IN}|/home|/members"),)
            verify = Rule(_POST, r"/members/verify", formats=_FORM)
            return replace(nothing, reads=reads, writes=(whole.writes[0], verify))
        case OfferReason.FINAL_SUBMIT if draft_id is not None:
            return _draft(nothing, base_url, draft_id)
        case OfferReason.SUBMISSION_UNRESOLVED:
            searched = _read("/requests", Parameter("q", re.escape(case_reference), required=True))
            if reference_number is None:
                return replace(nothing, reads=(searched,))
            own = re.escape(f"/requests/{quote(reference_number, safe='')}")
            return replace(nothing, reads=(searched, _read(rf"{own}(?:/confirmation|/messages)?")))
        case _:
            opened = _open_page(whole, start_url, tuple(map(interstitial_path, interstitials)))
            pages = () if draft_id is None else _draft(nothing, base_url, draft_id).reads
            return replace(opened, reads=(*opened.reads, *pages))


def _draft(nothing: Boundary, base_url: str, draft_id: str) -> Boundary:
    permitted = final_request(base_url, draft_id)
    final = (_final(re.escape(permitted.path)),)
    if draft_id.startswith("/"):
        message = re.escape(draft_id)
        return replace(nothing, reads=(_read(rf"{message}(?:/reply|/received)?"),), final=final)
    return replace(nothing, reads=(_read(rf"/drafts/{draft_id}/(?:{_STEPS})"),), final=final)


def _open_page(whole: Boundary, start_url: str, patterns: tuple[str, ...]) -> Boundary:
    reads = (*start_page_reads(whole, start_url), *(_read(pattern) for pattern in patterns))
    forms = (Rule(_POST, pattern, formats=_FORM) for pattern in patterns)
    return replace(whole, reads=reads, writes=(*start_page_writes(whole, start_url), *forms), final=())
