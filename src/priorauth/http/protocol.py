"""The outermost net: what is no HTTP request at all is refused in the one envelope too."""

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from priorauth.domain.errors import BadRequest
from priorauth.http.answers import error_response
from priorauth.store.ids import new_id

_NOT_HTTP = (
    "This is no HTTP/1.1 request that this server takes. Check the request line for spaces and characters that must be "
    "encoded, its length (64 KiB at most), and the headers that say how long the body is."
)


class EnvelopingProtocol(HttpToolsProtocol):
    """uvicorn's protocol, but for what it answers to bytes that it cannot read as a request."""

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - the parser's words help nobody
        """Refuse, and close: where another request would begin is not known any more."""
        request_id = new_id("req")
        headers = {"Request-Id": request_id, "Cache-Control": "no-store", "Connection": "close"}
        response = error_response(BadRequest(_NOT_HTTP), request_id=request_id, headers=headers)
        lines = [b"HTTP/1.1 400 Bad Request", *(b": ".join(pair) for pair in response.raw_headers), b"", b""]
        self.transport.write(b"\r\n".join(lines) + bytes(response.body))
        self.transport.close()
