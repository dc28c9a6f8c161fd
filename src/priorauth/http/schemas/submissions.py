"""Receipts and decisions on the wire."""

from datetime import date

from pydantic import Field

from priorauth.domain.submissions import Outcome
from priorauth.http.schemas.base import Timestamp, View


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
