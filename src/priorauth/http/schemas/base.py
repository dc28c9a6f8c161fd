"""What all wire shapes share: camelCase, no unknown fields, times in whole seconds of UTC."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, Generic, TypeVar

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, StringConstraints
from pydantic.alias_generators import to_camel

from priorauth.domain.errors import Severity
from priorauth.queries.pages import CURSOR

_RFC3339 = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2})(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)


# Bodies and queries are filled by what clients send, so that only aliases fill them and never the fields' names.
class Body(BaseModel):
    """A request's body: read strictly, unknown fields refused."""

    model_config = ConfigDict(  # type: ignore[pydantic-alias]
        alias_generator=to_camel, extra="forbid", strict=True, frozen=True
    )


class Query(BaseModel):
    """A request's query parameters: text that is read leniently, unknown ones refused."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", frozen=True)  # type: ignore[pydantic-alias]


def _moment(value: object) -> object:
    found = _RFC3339.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError("Write the time as RFC 3339 has it, with its offset: 2026-05-22T18:30:00Z.")
    try:
        return datetime.fromisoformat(found[1].upper() + (found[2] or "")[:7] + found[3].upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("There is no such time: check the month, the day, the hour and the offset.") from None


def _digits(value: object) -> object:
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,18}", value) is None:
        raise ValueError("Write a whole number, in digits alone.")
    return value


def demanding(*names: str) -> Callable[[dict[str, Any]], None]:
    """Return what describes fields as required that are read as optional: without them a code of its own is given.

    For `json_schema_extra` of a body. `names` as they go over the wire.
    """

    def demand(schema: dict[str, Any]) -> None:
        properties = schema["properties"]
        for name in names:
            kinds = properties[name].pop("anyOf")
            properties[name].pop("default", None)
            properties[name] |= next(kind for kind in kinds if kind != {"type": "null"})
        schema["required"] = [name for name in properties if name in (*schema.get("required", ()), *names)]

    return demand


# It stands last, behind an integer's bounds: else the document would not name them.
IN_DIGITS = BeforeValidator(_digits)
QueryMoment = Annotated[AwareDatetime, BeforeValidator(_moment), Field(examples=["2026-05-22T18:30:00Z"])]


class NoQuery(Query):
    """No query parameters."""


class NoBody(Body):
    """Nothing: send no body, or an empty object."""


class PageQuery(Query):
    """The parameters of a list."""

    limit: Annotated[int, Field(ge=1, le=100), IN_DIGITS] = Field(
        default=25, description="How many entries a page has at most."
    )
    cursor: str | None = Field(
        default=None,
        json_schema_extra={"pattern": CURSOR},
        description="Where the page begins: `pagination.nextCursor` of the page before, unchanged.",
    )


class View(BaseModel):
    """An answer's shape, filled from domain values by attribute."""

    model_config = ConfigDict(
        alias_generator=to_camel, from_attributes=True, validate_by_name=True, serialize_by_alias=True, frozen=True
    )


def _rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _plain(number: Decimal) -> int | float:
    exponent = number.as_tuple().exponent
    return int(number) if isinstance(exponent, int) and exponent >= 0 else float(number)


Timestamp = Annotated[
    AwareDatetime,
    PlainSerializer(_rfc3339, return_type=str, when_used="json"),
    Field(
        description="RFC 3339, UTC, whole seconds.",
        examples=["2026-05-22T18:30:00Z"],
        json_schema_extra={"format": "date-time"},
    ),
]
Number = Annotated[Decimal, PlainSerializer(_plain, return_type=int | float, when_used="json")]
# No database stores the character NUL.
NO_NUL = r"^[^\x00]*$"
Text = Annotated[str, StringConstraints(min_length=1, max_length=2000, pattern=NO_NUL)]
ShortText = Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=NO_NUL)]

Entry = TypeVar("Entry")


class Pagination(View):
    """Where the next page begins."""

    next_cursor: str | None = Field(description="Send it as `cursor` to get the next page; null on the last one.")


class ListView(View, Generic[Entry]):
    """One page of a list."""

    data: list[Entry] = Field(description="The entries of this page, in the list's order.")
    pagination: Pagination = Field(description="Where the next page begins.")


class IssueView(View):
    """One fault of one field."""

    code: str = Field(description="What is wrong, for machines.", examples=["unknown_field"])
    message: str = Field(description="What is wrong and what to do about it, for people.")
    field: str | None = Field(
        description="Where: a linkId with the entries that it lies in, a dotted path into the body, the name of a "
        "query parameter; null when it is the whole.",
        examples=["request.serviceCode.code"],
    )
    severity: Severity = Field(description="`error`: it stands in the way. `warning`: worth a look.")


class ErrorBody(View):
    """What went wrong. Clients match `code`, and show `message`."""

    code: str = Field(description="What went wrong, for machines: one of the table of codes.", examples=["bad_request"])
    message: str = Field(description="A sentence for people that says what to do next.")
    retryable: bool = Field(description="Whether the same request can succeed later, unchanged.")
    details: dict[str, object] = Field(
        description="What a client can act on, by the code: `version_conflict` has expectedVersion and actualVersion, "
        "`insufficient_permissions` requiredScope, `live_session_not_available` reason. Often empty."
    )
    issues: list[IssueView] = Field(description="Every fault of a request by its field; empty when it is no field's.")


class ErrorEnvelope(View):
    """The one shape of every refusal and every fault."""

    error: ErrorBody = Field(description="What went wrong.")
    request_id: str = Field(
        description="The id of this request, as in the header Request-Id: quote it to the server's operator.",
        examples=["req_1k10tv2hm387r116vfmqgm6z77s"],
    )
