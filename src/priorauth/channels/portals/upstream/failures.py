"""Why a portal could not be reached or gave no answer, in words for logs, health and the timeline.

Must not depend on sockets, rules or pages. No text comes from the portal: it may quote a patient's data.
"""

import socket
import ssl
from enum import StrEnum
from typing import Final


class Cause(StrEnum):
    """Why a request has no answer. The values are public: they are logged and shown as a portal's last fault."""

    NAME_NOT_FOUND = "name_not_found"
    NAME_TIMEOUT = "name_timeout"
    CONNECTION_REFUSED = "connection_refused"
    NETWORK_UNREACHABLE = "network_unreachable"
    CONNECT_TIMEOUT = "connect_timeout"
    TLS_TIMEOUT = "tls_timeout"
    TLS_FAILED = "tls_failed"
    CERTIFICATE_REFUSED = "certificate_refused"
    REQUEST_TIMEOUT = "request_timeout"
    ANSWER_TIMEOUT = "answer_timeout"
    CONNECTION_LOST = "connection_lost"
    NOT_HTTP = "not_http"
    ANSWER_TOO_LARGE = "answer_too_large"
    SERVER_ERROR = "server_error"
    EGRESS_FAILED = "egress_proxy_failed"
    EGRESS_REFUSED = "egress_proxy_refused"


_WORDS: Final = {
    Cause.NAME_NOT_FOUND: "The portal's name was not found",
    Cause.NAME_TIMEOUT: "The portal's name was not resolved in time",
    Cause.CONNECTION_REFUSED: "The portal's server refused the connection",
    Cause.NETWORK_UNREACHABLE: "No way through the network leads to the portal",
    Cause.CONNECT_TIMEOUT: "The portal's server did not accept a connection in time",
    Cause.TLS_TIMEOUT: "The portal's server did not finish the TLS handshake in time",
    Cause.TLS_FAILED: "TLS with the portal's server failed",
    Cause.CERTIFICATE_REFUSED: "The certificate of the portal's server is not trusted",
    Cause.REQUEST_TIMEOUT: "The portal did not take the whole request in time",
    Cause.ANSWER_TIMEOUT: "The portal did not answer in time",
    Cause.CONNECTION_LOST: "The portal's server closed the connection before its answer was complete",
    Cause.NOT_HTTP: "The answer of the portal's server is not HTTP that a browser could read",
    Cause.ANSWER_TOO_LARGE: "The portal's answer is too large",
    Cause.SERVER_ERROR: "The portal's server says that it is down",
    Cause.EGRESS_FAILED: "The organization's outgoing proxy cannot be reached",
    Cause.EGRESS_REFUSED: "The organization's outgoing proxy does not connect to the portal",
}


class UpstreamFailed(Exception):
    """The portal cannot be reached, broke off, said nothing for too long or answered something that is not HTTP."""

    def __init__(self, cause: Cause, detail: str = "") -> None:
        """Name the cause.

        Args:
            cause: one of the closed list.
            detail: more about it in words of the TLS library or of this program, for example of the verifier; may be
                empty. Never text of the portal.
        """
        super().__init__(cause.value)
        self.cause = cause
        self.detail = detail

    @property
    def words(self) -> str:
        """One sentence for a person."""
        return f"{_WORDS[self.cause]}: {self.detail}." if self.detail else f"{_WORDS[self.cause]}."


def connecting_failed(error: OSError) -> UpstreamFailed:
    """Return why a connection could not be opened, from what the system or the TLS library has raised."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return UpstreamFailed(Cause.CERTIFICATE_REFUSED, error.verify_message)
    if isinstance(error, ssl.SSLError):
        return UpstreamFailed(Cause.TLS_FAILED, (error.reason or "").replace("_", " ").lower())
    if isinstance(error, socket.gaierror):
        return UpstreamFailed(Cause.NAME_NOT_FOUND)
    if isinstance(error, ConnectionRefusedError):
        return UpstreamFailed(Cause.CONNECTION_REFUSED)
    if isinstance(error, TimeoutError):
        # The system gave up before this program did.
        return UpstreamFailed(Cause.CONNECT_TIMEOUT)
    if isinstance(error, ConnectionError):
        return UpstreamFailed(Cause.CONNECTION_LOST)
    return UpstreamFailed(Cause.NETWORK_UNREACHABLE)
