"""Why a request of a person did not leave, in words for that person: it is no attack, and what to do next."""

from typing import Final

_NOT_SENT: Final = "This was not sent"
_OTHER: Final = f"{_NOT_SENT}: the service does not let this portal page do it. Go on with what is asked for above."
_WORDS: Final = {
    "foreign_host": f"{_NOT_SENT}: it leads out of the payer's portal. Only the portal itself can be used here.",
    "undeclared_write": f"{_NOT_SENT}: it would change something in the portal that this task does not need.",
    "upgrade": f"{_NOT_SENT}: the page asked for a kind of connection that cannot be checked.",
    "undeclared_read": f"{_NOT_SENT}: it opens a page of the portal that this task does not need.",
    "declared_refused": f"{_NOT_SENT}: the service does not let this portal page do it.",
    "writes_frozen": f"{_NOT_SENT}: the service is comparing the request with what was approved. Wait a moment.",
    "ambiguous": f"{_NOT_SENT}: the page wrote the request in a way that cannot be checked.",
    "too_large": f"{_NOT_SENT}: it is larger than the service can check. Try a smaller file.",
}
_FINAL: Final = f"{_NOT_SENT}: nothing can be submitted to the payer in this task."
_SECOND: Final = f"{_NOT_SENT} again: it was submitted already, and goes to the payer once."


def words_for(reason: str, *, final: bool, submitted: bool) -> str:
    """Return a sentence for the person whose request was refused.

    Args:
        reason: The guard's reason, as its code.
        final: Whether the request would have submitted something.
        submitted: Whether the session's final request has left before.
    """
    if final and reason not in _WORDS:
        return _SECOND if submitted else _FINAL
    return _WORDS.get(reason, _OTHER)
