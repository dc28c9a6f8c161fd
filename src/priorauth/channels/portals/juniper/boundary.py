"""What may leave a browser at Juniper Ridge Workspace: its one page, its JSON resources, and the one that submits.

Derived from what the portal's own scripts request. The page's addresses are all the same shell; what counts are the
resources under `/api`. The request that submits attests and names its draft in its path alone, so the content of a
submission is what the draft's resources hold.
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
from priorauth.channels.portals.submit_guard.start_pages import start_page_reads
from priorauth.domain.handoffs import OfferReason

_JSON: Final = frozenset({Format.JSON})
_ID: Final = r"[0-9]+"
_OWN_ID: Final = rf"(?P<draft>{_ID})"
_NUMBER: Final = r"JR[0-9]{4,20}"
_STEPS: Final = "service|clinical|documents|review|not-required"
_ATTESTED: Final = ("attested", "true")
_STATIC: Final = (r"/assets/(?:views/)?[A-Za-z0-9_\-]+\.(?:css|js)", r"/favicon\.ico")
_DRAFT_PAGE: Final = re.compile(rf"/drafts/({_ID})/(?:{_STEPS})")
_SUBMITTED: Final = re.compile(rf"/api/drafts/({_ID})/submission")
_SIGN_IN_VIEWS: Final = r"/sign-in(?:/code)?"
_SIGN_IN_PAGES: Final = rf"{_SIGN_IN_VIEWS}|/"


def _read(path: str, *query: Parameter) -> ReadRule:
    return ReadRule(path, query, destinations=frozenset({"document", "empty", "iframe"}), repeatable=True)


def _write(methods: str, path: str, *formats: Format) -> Rule:
    return Rule(frozenset(methods.split()), path, formats=frozenset(formats))


def _final(draft: str) -> FinalRule:
    return FinalRule(
        frozenset({"POST"}),
        rf"/api/drafts/{draft}/submission",
        formats=_JSON,
        content=Content.DRAFT,
        fields=frozenset({_ATTESTED[0]}),
    )


def _draft_reads(draft: str) -> tuple[ReadRule, ...]:
    return (
        _read(rf"/drafts/{draft}/(?:{_STEPS})"),
        _read(r"/frames/clinical|/windows/upload", Parameter("draft", draft, required=True)),
        _read(rf"/api/drafts/{draft}(?:/clinical|/review)?"),
    )


def _request_reads(number: str) -> tuple[ReadRule, ...]:
    return (_read(rf"/requests/{number}(?:/confirmation)?"), _read(rf"/api/requests/{number}"))


def _search_reads(searched: str, *, required: bool) -> tuple[ReadRule, ...]:
    return (_read(r"/requests|/api/requests", Parameter("q", searched, required=required)),)


_SIGN_IN: Final = (
    _write("POST", "/api/session", Format.JSON),
    _write("POST", "/api/session/code", Format.JSON),
    _write("DELETE", "/api/session", Format.NONE),
)


def portal_boundary(base_url: str) -> Boundary:
    """Return all that the service does at the portal."""
    draft = rf"/api/drafts/{_OWN_ID}"
    return Boundary(
        origins=(Url.parse(base_url).origin,),
        reads=(
            _read(rf"{_SIGN_IN_PAGES}|/patients|/api/session"),
            *_search_reads(r".{0,200}", required=False),
            *_request_reads(_NUMBER),
            *_draft_reads(_ID),
        ),
        writes=(
            *_SIGN_IN,
            _write("POST", r"/api/members/search|/api/drafts", Format.JSON),
            _write("PATCH PUT", rf"{draft}/service", Format.JSON),
            _write("PUT", rf"{draft}/clinical", Format.JSON),
            _write("PUT", rf"{draft}/documents", Format.JSON),
            _write("POST", rf"{draft}/documents", Format.MULTIPART),
            _write("DELETE", rf"{draft}/documents/{_ID}", Format.NONE),
        ),
        final=(_final(_OWN_ID),),
        static=_STATIC,
        headers=("x-csrf-token",),
        starts=(StartRule(frozenset({"POST"}), "/api/drafts", json_field="id"),),
        sign_in=_SIGN_IN_VIEWS,
    )


def is_reference_number(text: str) -> bool:
    """Return whether the portal gives reference numbers of this form; pages of others are not opened."""
    return re.fullmatch(_NUMBER, text) is not None


def draft_of(url: str) -> str | None:
    """Return the number of the draft whose page is open."""
    match = _DRAFT_PAGE.fullmatch(urlsplit(url).path)
    return match[1] if match else None


def draft_of_request(path: str) -> str | None:
    """Return what identifies the draft that a final request to this path submits; None for other paths."""
    match = _SUBMITTED.fullmatch(path)
    return match[1] if match else None


def final_request(base_url: str, draft_id: str) -> PermittedRequest:
    """Return the request that submits the draft of this number. Raises ValueError where it is no number."""
    if not re.fullmatch(_ID, draft_id):
        raise ValueError("a draft is identified by its number")
    path = f"/api/drafts/{draft_id}/submission"
    return PermittedRequest(Url.parse(base_url).origin, "POST", path, fields=(_ATTESTED,))


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
        draft_id: the number of the draft whose page is open; None where there is no draft.
        case_reference: the authorization's own reference, as searched for at the portal.
        reference_number: the payer's request number, once there is one. Without it no request of the account is opened.
        start_url: the page that is open when the person starts.
        interstitials: paths from the payer's file, in which `*` takes the place of one segment.
    """
    whole = portal_boundary(base_url)
    session = _read("/api/session")
    nothing = replace(whole, reads=(session,), writes=(), final=())
    match reason:
        case OfferReason.SIGN_IN:
            # The first page after the sign-in lists the latest requests.
            landing = _read(rf"{_SIGN_IN_PAGES}|/api/requests")
            return replace(nothing, reads=(session, landing), writes=_SIGN_IN)
        case OfferReason.FINAL_SUBMIT if draft_id is not None:
            # The view alone, which is the same for all: it draws the receipt from the answer to the final request.
            reads = (session, *_draft_reads(draft_id), _read(rf"/requests/{_NUMBER}/confirmation"))
            return replace(nothing, reads=reads, final=(_final(draft_id),))
        case OfferReason.SUBMISSION_UNRESOLVED:
            searched = (session, *_search_reads(re.escape(case_reference), required=True))
            if reference_number is None:
                return replace(nothing, reads=searched)
            return replace(nothing, reads=(*searched, *_request_reads(re.escape(quote(reference_number, safe="")))))
        case _:
            return _open_page(
                nothing, draft_id, start_page_reads(whole, start_url), tuple(map(interstitial_path, interstitials))
            )


def _open_page(
    nothing: Boundary, draft_id: str | None, start: tuple[ReadRule, ...], patterns: tuple[str, ...]
) -> Boundary:
    reads: tuple[ReadRule, ...] = (*nothing.reads, *start, *(_read(pattern) for pattern in patterns))
    writes = tuple(_write("POST", pattern, Format.FORM, Format.JSON) for pattern in patterns)
    if draft_id is not None:
        reads += _draft_reads(draft_id)
    return replace(nothing, reads=reads, writes=writes)
