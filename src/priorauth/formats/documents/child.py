"""A process that has documents judged, each by a copy of itself that ends with it: nothing of one meets another.

It reads a line of JSON (`type`, `size`) with the document's bytes behind it, and writes a line (`failure`, `warnings`,
`sent`, `size`; or null where the copy was ended by a bound) with the bytes behind it of the form in which the document
is sent. It ends when its reader has gone.
"""

import json
import os
import resource
import sys
from typing import Any

from priorauth.formats.documents.judging import judge

_MEMORY_BYTES = 1 << 30
_PROCESSOR_SECONDS = 20


def main() -> None:
    """Answer until there is nothing to read any more."""
    asked, answered = sys.stdin.buffer, sys.stdout.buffer
    while line := asked.readline():
        request = json.loads(line)
        content = asked.read(request["size"])
        answered.write(_judged_apart(content, request["type"]))
        answered.flush()


def _judged_apart(content: bytes, content_type: str) -> bytes:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _judge_within_bounds(content, content_type, writing)
    os.close(writing)
    with os.fdopen(reading, "rb") as found:
        answer = found.read()
    _, status = os.waitpid(child, 0)
    return answer if status == 0 else b"null\n"


def _judge_within_bounds(content: bytes, content_type: str, writing: int) -> None:
    status = 1
    try:
        for kind, most in (
            (resource.RLIMIT_AS, _MEMORY_BYTES),
            (resource.RLIMIT_CPU, _PROCESSOR_SECONDS),
            (resource.RLIMIT_CORE, 0),
        ):
            resource.setrlimit(kind, (most, most))
        found = judge(content, content_type)
        sent_type, sent = found.sent or (None, b"")
        line: dict[str, Any] = {"failure": found.failure, "warnings": found.warnings, "sent": sent_type}
        with os.fdopen(writing, "wb") as answer:
            answer.write(json.dumps({**line, "size": len(sent)}).encode() + b"\n" + sent)
        status = 0
    finally:
        # Whatever happens, this copy does not go on to read the next document.
        os._exit(status)


if __name__ == "__main__":
    main()
