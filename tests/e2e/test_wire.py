"""Contract, section 3: whatever bytes arrive, the answer is in the one envelope and has a request id."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.factories.servers import ServerProcess

pytestmark = [pytest.mark.slow]

CASES = b"/v1/prior-authorizations"
NO_REQUESTS = {
    "another version": b"GET / HTTP/9.9\r\n\r\n",
    "another protocol": b"\x16\x03\x01hello\r\n\r\n",
    "a space in the path": b"GET /v1/a b HTTP/1.1\r\nHost: x\r\n\r\n",
    "too long a path": b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "two lengths": b"POST " + CASES + b" HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc",
    "two ways to end": b"POST "
    + CASES
    + b" HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
}


REFUSALS = {"too long a path": (b"431 Request Header Fields Too Large", "request_head_too_large")}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A real server, reached by a socket."""
    folder: Path = tmp_path_factory.mktemp("wire") / "data"
    server = ServerProcess(folder).start()
    yield server
    assert server.stop() == 0


@pytest.mark.parametrize("name", NO_REQUESTS)
def test_what_is_no_http_request_is_refused_in_the_envelope(server: ServerProcess, name: str) -> None:
    head, body = _answer_to(server, NO_REQUESTS[name])

    status, code = REFUSALS.get(name, (b"400 Bad Request", "bad_request"))
    assert head[0] == b"HTTP/1.1 " + status
    headers = {key.lower(): value for key, _, value in (line.partition(b": ") for line in head[1:])}
    envelope = json.loads(body)
    assert headers[b"content-type"] == b"application/json"
    assert headers[b"request-id"].decode() == envelope["requestId"]
    assert (envelope["error"]["code"], envelope["error"]["retryable"]) == (code, False)


def test_the_next_request_is_answered_as_ever(server: ServerProcess) -> None:
    head, _ = _answer_to(server, b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")

    assert head[0] == b"HTTP/1.1 200 OK"


def _answer_to(server: ServerProcess, sent: bytes) -> tuple[list[bytes], bytes]:
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(sent)
        with connection.makefile("rb") as stream:
            head, _, body = stream.read().partition(b"\r\n\r\n")
    return head.split(b"\r\n"), body
