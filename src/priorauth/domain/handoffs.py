"""Manual handoffs: when only a human can go on at the payer, and what becomes of it."""

from enum import StrEnum


class OfferReason(StrEnum):
    """Why only a human can go on."""

    SIGN_IN = "sign_in"
    UNKNOWN_PAGE = "unknown_page"
    SUBMISSION_UNRESOLVED = "submission_unresolved"
    FINAL_SUBMIT = "final_submit"
