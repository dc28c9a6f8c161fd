"""What all wire shapes share: camelCase, no unknown fields, times in whole seconds of UTC."""

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Generic, TypeVar

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, StringConstraints
from pydantic.alias_generators import to_camel

from priorauth.domain.errors import Severity

_RFC3339 = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})")


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
    if not isinstance(value, str) or _RFC3339.fullmatch(value) is None:
        raise ValueError("write a time as RFC 3339 has it, such as 2026-05-22T18:30:00Z")
    try:
        return datetime.fromisoformat(value).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("there is no such time") from None


QueryMoment = Annotated[AwareDatetime, BeforeValidator(_moment)]


class NoQuery(Query):
    """No query parameters."""


class PageQuery(Query):
    """The parameters of a list."""

    limit: Annotated[int, Field(ge=1, le=100, description="How many entries a page has at most.")] = 25
    cursor: Annotated[str | None, Field(min_length=1, description="The nextCursor of the page before.")] = None


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
    Field(description="RFC 3339, UTC, whole seconds.", examples=["2026-05-22T18:30:00Z"]),
]
Number = Annotated[Decimal, PlainSerializer(_plain, return_type=int | float, when_used="json")]
Text = Annotated[str, StringConstraints(min_length=1, max_length=2000)]
ShortText = Annotated[str, StringConstraints(min_length=1, max_length=255)]

Entry = TypeVar("Entry")


class Pagination(View):
    """Where the next page begins."""

    next_cursor: str | None = Field(description="Send it as cursor to get the next page; null on the last one.")


class ListView(View, Generic[Entry]):
    """One page of a list, newest first."""

    data: list[Entry]
    pagination: Pagination


class IssueView(View):
    """One fault of one field."""

    code: str
    message: str
    field: str | None = Field(description="A linkId, a path into the body, or null for the whole.")
    severity: Severity


class ErrorBody(View):
    """What went wrong. Clients match `code`."""

    code: str
    message: str = Field(description="A sentence for people that says what to do next.")
    retryable: bool = Field(description="Whether the same request can succeed later.")
    details: dict[str, object]
    issues: list[IssueView]


class ErrorEnvelope(View):
    """The one shape of every error."""

    error: ErrorBody
    request_id: str
