"""Whom a case can be sent to and what they want: providers, payers, routes, and the codes that name services.

A payer is a value made from data. A case pins one version of it at its creation, so that a later change of the
catalog never changes what an open case was asked.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol
from urllib.parse import urlsplit

from stdnum import luhn

from priorauth.domain.errors import UnsupportedRoute
from priorauth.domain.questionnaires import Questionnaire

_PORTS: Final = {"http": 80, "https": 443}


class RequestType(StrEnum):
    """The setting in which the service is given."""

    INPATIENT = "inpatient"
    OUTPATIENT = "outpatient"
    DRUG = "drug"


class CodeSystem(StrEnum):
    """The code systems that name a service or a drug."""

    HCPCS = "hcpcs"
    CPT = "cpt"
    NDC = "ndc"


class PortalAuthMode(StrEnum):
    """Who signs in to the payer's portal: the service, or the customer in person."""

    AUTOMATED = "automated"
    CUSTOMER_LOGIN = "customer_login"


# HCPCS Level II; CPT categories I, II (F), III (T), and its PLA (U), MAAA (M) and administrative (A) codes; NDC in its
# three hyphenated ten-digit forms, the eleven-digit form, and the twelve digits (6-4-2) that follow in 2033.
CODE_FORMS: Mapping[CodeSystem, re.Pattern[str]] = {
    CodeSystem.HCPCS: re.compile(r"[A-V][0-9]{4}"),
    CodeSystem.CPT: re.compile(r"[0-9]{4}[0-9AFMTU]"),
    CodeSystem.NDC: re.compile(
        r"[0-9]{4}-[0-9]{4}-[0-9]{2}|[0-9]{5}-[0-9]{3}-[0-9]{2}|[0-9]{5}-[0-9]{4}-[0-9]{1,2}"
        r"|[0-9]{6}-[0-9]{4}-[0-9]{2}|[0-9]{10,12}"
    ),
}


NPI_FORM = r"^[12][0-9]{9}$"


@dataclass(frozen=True, slots=True)
class ServiceCode:
    """A coded service, such as CPT 72148."""

    system: CodeSystem
    code: str

    @property
    def is_well_formed(self) -> bool:
        """True when the code has its system's form; whether the code exists is the payer's to judge."""
        return CODE_FORMS[self.system].fullmatch(self.code) is not None


_STATE = re.compile(
    "AL|AK|AZ|AR|CA|CO|CT|DE|FL|GA|HI|ID|IL|IN|IA|KS|KY|LA|ME|MD|MA|MI|MN|MS|MO|MT|NE|NV|NH|NJ|NM|NY|NC|ND|OH|OK|OR|PA"
    "|RI|SC|SD|TN|TX|UT|VT|VA|WA|WV|WI|WY|DC|AS|GU|MP|PR|VI"
)


def is_state(text: str) -> bool:
    """Say whether a text is the USPS code of a state, of the District of Columbia or of a territory, such as TX."""
    return _STATE.fullmatch(text) is not None


def is_npi(number: str) -> bool:
    """Say whether `number` is a National Provider Identifier: ten digits, first 1 or 2, with the Luhn check digit
    over the prefix 80840 (45 CFR 162.406).
    """
    return re.fullmatch(NPI_FORM, number) is not None and luhn.is_valid("80840" + number)


class CodeVerdict(StrEnum):
    """What a code set says of a code."""

    VALID = "valid"
    NOT_SPECIFIC = "not_specific"
    UNKNOWN = "unknown"


class Patterns(Protocol):
    """Matches the patterns of payers in a bounded time."""

    def match(self, pattern: str, text: str) -> bool | None:
        """Say whether the whole text matches; None where that could not be found out in time."""
        ...


class DiagnosisCodes(Protocol):
    """The ICD-10-CM code set of one release."""

    def judge(self, code: str) -> CodeVerdict:
        """Say whether `code` (with or without its dot) exists and is specific enough to be billed."""
        ...


@dataclass(frozen=True, slots=True)
class Provider:
    """A clinic or practitioner on whose behalf a case is sent."""

    npi: str
    name: str
    state: str | None = None


@dataclass(frozen=True, slots=True)
class ServiceRequest:
    """What is asked of whom: fixed at the case's creation."""

    payer_id: str
    coverage_state: str
    request_type: RequestType
    service_code: ServiceCode


@dataclass(frozen=True, slots=True)
class Route:
    """One way to a payer, for one state and request type."""

    coverage_state: str
    request_type: RequestType
    service_code_systems: tuple[CodeSystem, ...]
    channel: str
    portal_auth_modes: tuple[PortalAuthMode, ...]
    label: str


@dataclass(frozen=True, slots=True)
class ChosenRoute:
    """The route that a case has pinned."""

    channel: str
    portal_auth_mode: PortalAuthMode
    label: str


@dataclass(frozen=True, slots=True)
class RequiredDocument:
    """A document that a payer wants for a service."""

    type: str
    message: str


@dataclass(frozen=True, slots=True)
class ServiceRules:
    """What a payer wants for some services: which questionnaires, which documents. Without codes: for all others.

    `codes` are single codes (`72148`), ranges (`70551..70553`) and beginnings (`J01*`).
    """

    request_type: RequestType
    title: str
    questionnaires: tuple[str, ...]
    documents: tuple[RequiredDocument, ...] = ()
    system: CodeSystem | None = None
    codes: tuple[str, ...] = ()

    def includes(self, code: str) -> bool:
        """Say whether a code lies in a range, or under a beginning, of `codes`."""
        return any(_lies_in(code, family) for family in self.codes)


def _lies_in(code: str, family: str) -> bool:
    if family.endswith("*"):
        return code.startswith(family[:-1])
    first, dots, last = family.partition("..")
    return bool(dots) and len(code) == len(first) and first <= code <= last


class Widget(StrEnum):
    """How a field of a portal's form is filled."""

    TEXT = "text"
    SELECT = "select"
    RADIO = "radio"


@dataclass(frozen=True, slots=True)
class PortalField:
    """The field of a portal's form that takes the answers of one item, by the label that a person sees."""

    link_id: str
    label: str
    widget: Widget = Widget.TEXT


@dataclass(frozen=True, slots=True)
class DocumentType:
    """A kind of document: its code in the API, and the words that the portal has for it."""

    code: str
    display: str


@dataclass(frozen=True, slots=True)
class PortalSettings:
    """Which portal a payer uses, and where the answers to the payer's own questions go in it.

    `submission_settles_after_seconds`: how long a submission whose answer was lost may still take to turn up in the
    portal's search. Only two looks that far apart, both in vain, prove that the payer never took it.
    `base_url` is where a real portal is; a simulated one is where the sandbox serves it.
    `interstitials`: paths of pages that the portal may show in between, such as new terms of use; `*` takes the place
    of one segment. The service reads them; a person to whom such a page is handed over may also send its form.
    """

    id: str
    submission_settles_after_seconds: float = 600.0
    base_url: str | None = None
    fields: tuple[PortalField, ...] = ()
    document_types: tuple[DocumentType, ...] = ()
    interstitials: tuple[str, ...] = ()

    @property
    def place(self) -> str:
        """Where user names are the portal's: an origin, whatever the path; a simulated portal's own id.

        Portals with the same place have the same accounts.
        """
        if self.base_url is None:
            return self.id
        url = urlsplit(self.base_url)
        return f"{url.scheme}://{url.hostname}:{url.port or _PORTS.get(url.scheme)}"


@dataclass(frozen=True, slots=True)
class StatusChecks:
    """How often a submitted case is looked at: the first delay, its growth per check, and its bound, in seconds."""

    first_after_seconds: float = 900.0
    growth: float = 1.5
    at_most_seconds: float = 14_400.0

    def delay(self, checks_done: int) -> float:
        """Return the seconds to wait after `checks_done` checks."""
        exponent = min(checks_done, 64)
        return float(min(self.first_after_seconds * self.growth**exponent, self.at_most_seconds))


# An error names so many; GET /v1/payers/{payerId}/services lists all codes.
_SHOWN = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Payer:
    """A health plan: what clients see of it, and what it wants."""

    id: str
    display_name: str
    aliases: tuple[str, ...] = ()
    status: str = "active"
    brand: str | None = None
    line_of_business: str | None = None
    supported_states: tuple[str, ...]
    supported_service_types: tuple[RequestType, ...]
    portal: PortalSettings
    status_checks: StatusChecks = StatusChecks()
    routes: tuple[Route, ...]
    services: tuple[ServiceRules, ...]
    questionnaires: tuple[Questionnaire, ...]

    def route_for(self, request: ServiceRequest, mode: PortalAuthMode) -> ChosenRoute:
        """Return the route that `request` takes with `mode`. Raises UnsupportedRoute when there is none."""
        route = self.option_for(request, mode)
        return ChosenRoute(route.channel, mode, route.label)

    def option_for(self, request: ServiceRequest, mode: PortalAuthMode | None) -> Route:
        """Return the first route that takes `request` with `mode`, or with any. Raises UnsupportedRoute."""
        left: Sequence[Route] = self.routes
        for field, wanted, offered in (
            ("request.coverageState", request.coverage_state, lambda route: [route.coverage_state]),
            ("request.requestType", request.request_type, lambda route: [route.request_type]),
            ("request.serviceCode.system", request.service_code.system, lambda route: route.service_code_systems),
            ("portalAuthMode", mode, lambda route: route.portal_auth_modes),
        ):
            fitting = [route for route in left if wanted is None or wanted in offered(route)]
            if not fitting:
                raise self._unsupported(field, sorted({str(each) for route in left for each in offered(route)}))
            left = fitting
        return left[0]

    def _unsupported(self, field: str, taken: Sequence[str]) -> UnsupportedRoute:
        """Return the error that names the first field at which no route goes on, and what would be taken there."""
        words = f"{self.display_name} takes no request with this {field}"
        if not taken:
            return UnsupportedRoute(f"{words}.", details={"field": field, "supported": []})
        shown = ", ".join(taken[:_SHOWN])
        more = f" and {len(taken) - _SHOWN} more" if len(taken) > _SHOWN else ""
        return UnsupportedRoute(
            f"{words}. It takes: {shown}{more}.", details={"field": field, "supported": list(taken[:_SHOWN])}
        )

    def rules_for(self, request: ServiceRequest) -> ServiceRules:
        """Return what is wanted for `request`: the rules that name its code, its family, else all other services.

        Raises UnsupportedRoute when the payer takes no such service.
        """
        code = request.service_code
        candidates = [rules for rules in self.services if rules.request_type is request.request_type]
        named = (rules for rules in candidates if rules.system is code.system and code.code in rules.codes)
        families = (rules for rules in candidates if rules.system is code.system and rules.includes(code.code))
        general = (rules for rules in candidates if not rules.codes)
        found = next(named, None) or next(families, None) or next(general, None)
        if found is None:
            codes = (f"{rules.system} {each}" for rules in candidates if rules.system for each in rules.codes)
            raise self._unsupported("request.serviceCode", tuple(codes))
        return found

    def questionnaires_for(self, request: ServiceRequest) -> tuple[Questionnaire, ...]:
        """Return the questionnaires of `request`, in the order in which they are asked."""
        by_id = {questionnaire.id: questionnaire for questionnaire in self.questionnaires}
        return tuple(by_id[name] for name in self.rules_for(request).questionnaires)
