"""What an adapter declares about its portal: origins, reads, writes, and the requests that submit.

Responsible for the shape of a boundary and for how one rule covers one request. Nothing that is not listed passes, and
nothing that is not listed takes a permit. Must not depend on sockets, browsers or permits.
"""

import enum
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from priorauth.channels.portals.outgoing import Url

PASSIVE_DESTINATIONS: Final = frozenset({"image", "style", "font", "script", "audio", "video", "track", "manifest"})
"""Values of `Sec-Fetch-Dest` of what a page embeds. Such requests pass only at static paths."""

PAGE_DESTINATIONS: Final = frozenset({"document", "iframe", "frame", "empty"})
"""Values of `Sec-Fetch-Dest` of navigations and of `fetch`."""

READ_METHODS: Final = frozenset({"GET", "HEAD"})


DRAFT_GROUP: Final = "draft"
"""Name of the group of a path's pattern that is a draft's id."""


class Content(enum.Enum):
    """Where the content of a final request is."""

    REQUEST = "request"
    """The request's own fields are the package."""
    DRAFT = "draft"
    """The portal holds a draft, which one of its pages shows."""
    NONE = "none"
    """Neither: no permit is given for such a request."""


class Format(enum.Enum):
    """How the body of a write is written."""

    NONE = "none"
    FORM = "form"
    MULTIPART = "multipart"
    JSON = "json"


ANY_FORMAT: Final = frozenset(Format)


@dataclass(frozen=True)
class Parameter:
    """One parameter of a query string. `pattern` is matched in full against the decoded value."""

    name: str
    pattern: str
    required: bool = False

    def __post_init__(self) -> None:
        re.compile(self.pattern)


@dataclass(frozen=True)
class Rule:
    """Writes of a kind: any of the methods, to a path, with a body of a declared format.

    Attributes:
        methods: HTTP methods in capitals.
        path: pattern, matched in full against the path, percent-decoded once. `\\d` means 0-9. What its group
            `(?P<draft>...)` matches must be a draft of the session's own.
        body: pattern, searched in the fields of the body written as name=value&name=value. For portals that post every
            page to one address. In a final rule the query string counts as well.
        formats: accepted formats of the body.
        query: the whole query string; a parameter that is not listed, or comes twice, is refused.
        repeated: names of fields that may come more than once, such as a group of checkboxes.
    """

    methods: frozenset[str]
    path: str
    body: str | None = None
    formats: frozenset[Format] = ANY_FORMAT
    query: tuple[Parameter, ...] = ()
    repeated: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if not self.methods or any(method != method.upper() for method in self.methods):
            raise ValueError("a rule names its methods, in capitals")
        re.compile(self.path)
        re.compile(self.body or "")

    def covers_path(self, path: str) -> bool:
        """Return whether the rule is about this path, spelled exactly so."""
        return re.fullmatch(self.path, path, re.ASCII) is not None


@dataclass(frozen=True)
class FinalRule(Rule):
    """Requests that submit an authorization or a reply.

    Attributes:
        content: where the content of the submission is.
        fields: names of body fields whose values the permit fixes.
        variable: names of body fields that may have any value, such as a session's form token.
    """

    content: Content = Content.DRAFT
    fields: frozenset[str] = frozenset()
    variable: frozenset[str] = frozenset()


@dataclass(frozen=True)
class StartRule:
    """Writes that start a draft. The portal's answer names it; exactly one of the last two attributes is given.

    Attributes:
        methods: HTTP methods in capitals.
        path: pattern, matched in full against the path, percent-decoded once.
        location: pattern of the path that a redirect leads to; its group `(?P<draft>...)` is the draft's id.
        json_field: the member of a JSON object that is the draft's id, a number or a text.
    """

    methods: frozenset[str]
    path: str
    location: str | None = None
    json_field: str | None = None

    def __post_init__(self) -> None:
        if (self.location is None) == (self.json_field is None):
            raise ValueError("a start rule names either location or json_field")
        if self.location is not None and DRAFT_GROUP not in re.compile(self.location).groupindex:
            raise ValueError("the location of a start rule has a group (?P<draft>...)")

    def covers_path(self, path: str) -> bool:
        """Return whether the rule is about this path, spelled exactly so."""
        return re.fullmatch(self.path, path, re.ASCII) is not None


@dataclass(frozen=True)
class ReadRule:
    """Reads of a kind.

    Attributes:
        path: pattern, matched in full against the path, percent-decoded once. `\\d` means 0-9.
        query: the whole query string; a parameter that is not listed, or comes twice, is refused.
        methods: HTTP methods in capitals; GET and HEAD by default.
        destinations: accepted values of `Sec-Fetch-Dest`. They narrow the rule; a request without the header passes.
        repeatable: the proxy may send the read again where the portal fails at it.
    """

    path: str
    query: tuple[Parameter, ...] = ()
    methods: frozenset[str] = READ_METHODS
    destinations: frozenset[str] = PAGE_DESTINATIONS
    repeatable: bool = False

    def __post_init__(self) -> None:
        if not self.methods or any(method != method.upper() for method in self.methods):
            raise ValueError("a rule names its methods, in capitals")
        re.compile(self.path)

    def covers_path(self, path: str) -> bool:
        """Return whether the rule is about this path, spelled exactly so."""
        return re.fullmatch(self.path, path, re.ASCII) is not None


@dataclass(frozen=True)
class Boundary:
    """What may leave a browser session at a portal.

    Attributes:
        origins: scheme://host:port, in lower case.
        writes: requests that change something at the portal and submit nothing. A GET with a side effect is one.
        final: requests that submit. They win over reads and writes, in every spelling.
        reads: requests that change nothing.
        static: patterns of paths of style sheets, scripts, images and fonts; no query string.
        refuse: requests that never leave, whatever else is declared.
        headers: names of request headers that the portal's pages add, in lower case, such as `x-csrf-token`.
            `authorization` lets HTTP authentication through, and with it what a script puts there.
        path_parameters: names of parameters that paths may carry (`/a;jsessionid=1`); others are refused.
        starts: which of the writes start a draft, and where the portal's answer names it.
        sign_in: pattern of the paths of the sign-in page. A final request that is answered by a redirect to it was not
            taken, unlike one that is answered by any other success.
    """

    origins: tuple[str, ...]
    writes: tuple[Rule, ...]
    final: tuple[Rule, ...]
    reads: tuple[ReadRule, ...] = ()
    static: tuple[str, ...] = ()
    refuse: tuple[Rule, ...] = ()
    headers: tuple[str, ...] = ()
    path_parameters: tuple[str, ...] = ()
    starts: tuple[StartRule, ...] = ()
    sign_in: str | None = None

    def __post_init__(self) -> None:
        for origin in self.origins:
            if Url.parse(origin).origin != origin:
                raise ValueError(f"an origin is scheme://host:port in lower case, not {origin!r}")
        for pattern in self.static:
            re.compile(pattern)
        if self.sign_in is not None:
            re.compile(self.sign_in)
        if any(name != name.lower() for name in self.headers):
            raise ValueError("a boundary names headers in lower case")

    def within(self, base: "Boundary") -> "Boundary":
        """Return this boundary with what `base` forbids: its final requests take no permit here unless listed here."""
        known = {(rule.methods, rule.path) for rule in self.final}
        others = tuple(
            Rule(rule.methods, rule.path, rule.body) for rule in base.final if (rule.methods, rule.path) not in known
        )
        return replace(self, final=(*self.final, *others), refuse=(*self.refuse, *base.refuse))

    def showing(self, interstitials: Iterable[str]) -> "Boundary":
        """Return this boundary with the pages that the payer's file lists as interstitials, to be read."""
        return replace(self, reads=(*self.reads, *(ReadRule(interstitial_path(each)) for each in interstitials)))


def interstitial_path(listed: str) -> str:
    """Return the pattern of a path of a payer's file, in which `*` takes the place of one segment."""
    return re.escape(listed).replace(r"\*", r"[A-Za-z0-9._~\-]{1,100}")
