"""Receipts, decisions and mismatches on the wire."""

from datetime import date

from pydantic import Field, model_validator

from priorauth.domain.submissions import Mismatch, Outcome
from priorauth.http.schemas.base import Timestamp, View


class LabeledValueView(View):
    """A field of the payer's form."""

    label: str = Field(description="What the payer's form calls it.", examples=["Units requested"])
    value: str = Field(description="What is in it, as the payer's page shows it.", examples=["2"])


class MismatchView(View):
    """Evidence of the payer that names something else than what was sent."""

    id: str = Field(
        description="Send it as `acceptedMismatchId` to let the payer's request count.", examples=["mism_123"]
    )
    approved: list[LabeledValueView] = Field(description="The fields that differ, as they were approved and sent.")
    shown: list[LabeledValueView] = Field(description="The same fields, as the payer shows them.")
    reference_number: str = Field(description="The payer's number of its request.", examples=["LK-2026-0001"])

    @model_validator(mode="before")
    @classmethod
    def _from_domain(cls, value: object) -> object:
        if not isinstance(value, Mismatch):
            return value
        return {
            "id": value.id,
            "approved": labeled(value.approved),
            "shown": labeled(value.shown),
            "reference_number": value.receipt.reference_number,
        }


def labeled(fields: tuple[tuple[str, str], ...]) -> list[LabeledValueView]:
    """Return fields of the payer's form as a client sees them."""
    return [LabeledValueView(label=label, value=value) for label, value in fields]


class PayerReceiptView(View):
    """The payer's proof that it has the case."""

    reference_number: str = Field(
        description="The payer's own reference: quote it when you call the payer.", examples=["LK-2026-0001"]
    )
    received_at: Timestamp = Field(description="When the payer received the case.")
    channel: str = Field(description="How the case reached the payer.", examples=["portal"])


class DenialReasonView(View):
    """Why the payer said no."""

    code: str | None = Field(description="The payer's own code; null when it gave none.", examples=["MN-204"])
    text: str = Field(description="The payer's own words.")


class DecisionView(View):
    """The payer's decision."""

    outcome: Outcome = Field(description="What was decided.")
    decided_at: Timestamp = Field(description="When the payer decided.")
    authorization_number: str | None = Field(
        description="The number under which the payer pays; null when there is none.", examples=["A-20260523-7"]
    )
    effective_from: date | None = Field(description="The first day on which it holds.")
    effective_to: date | None = Field(description="The last day on which it holds.")
    approved_units: int | None = Field(description="How many units were approved; null when the payer counts none.")
    denial_reason: DenialReasonView | None = Field(description="Why it was denied; else null.")
    message: str | None = Field(description="What else the payer said.")
