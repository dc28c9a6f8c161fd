"""The one request that a permit lets out, and why one that is held is not sent. Pure values."""

from dataclasses import dataclass

from priorauth.channels.portals.submit_guard.boundary import Format


@dataclass(frozen=True)
class FinalRequest:
    """A final request as every server reads it. `variable`: fields that its rule lets have any value."""

    origin: str
    method: str
    path: str
    query: str
    format: Format
    fields: tuple[tuple[str, str], ...]
    variable: frozenset[str]

    @property
    def named(self) -> tuple[tuple[str, str], ...]:
        """The fields that may not vary, in order of their names."""
        return tuple(sorted(pair for pair in self.fields if pair[0] not in self.variable))

    def is_same_as(self, other: "FinalRequest") -> bool:
        """Return whether the other one asks for the same, fields that may vary aside."""
        return self.essence == other.essence

    @property
    def essence(self) -> tuple[object, ...]:
        """All that counts of it."""
        return (self.origin, self.method, self.path, self.query, self.format, self.named)


@dataclass(frozen=True)
class PermittedRequest:
    """What a permit is for.

    Attributes:
        origin: scheme://host:port.
        method: in capitals.
        path: as sent, percent-encoding included.
        query: as sent, without the question mark; empty for none.
        fields: name and value of each body field. Values of a JSON body are JSON texts, such as `true` or `"text"`.
        variable: names of fields that may be there beside, with any value.
    """

    origin: str
    method: str
    path: str
    query: str = ""
    fields: tuple[tuple[str, str], ...] = ()
    variable: frozenset[str] = frozenset()

    def permits(self, request: FinalRequest) -> bool:
        """Return whether `request` is the one, in every byte that counts."""
        names = [name for name, _ in request.fields]
        here = (self.origin, self.method, self.path, self.query)
        named = tuple(sorted(pair for pair in request.fields if pair[0] not in self.variable))
        return (
            here == (request.origin, request.method, request.path, request.query)
            and len(names) == len(set(names))
            and named == tuple(sorted(self.fields))
        )


@dataclass(frozen=True)
class HoldRefusal:
    """Why a held request is not sent.

    Attributes:
        code: for the timeline and metrics, such as `package_differs`.
        words: shown to the person who pressed the button.
    """

    code: str
    words: str
