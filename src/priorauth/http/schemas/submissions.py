"""Receipts and decisions on the wire."""

from datetime import date

from priorauth.domain.submissions import Outcome
from priorauth.http.schemas.base import Timestamp, View


class PayerReceiptView(View):
    """The payer's proof that it has the case."""

    reference_number: str
    received_at: Timestamp
    channel: str


class DenialReasonView(View):
    """Why the payer said no."""

    code: str | None
    text: str


class DecisionView(View):
    """The payer's decision."""

    outcome: Outcome
    decided_at: Timestamp
    authorization_number: str | None
    effective_from: date | None
    effective_to: date | None
    approved_units: int | None
    denial_reason: DenialReasonView | None
    message: str | None
