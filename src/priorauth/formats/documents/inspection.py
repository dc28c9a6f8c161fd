"""Has documents judged aside, each in a process of its own, with bounds of memory, time and number."""

import asyncio
import atexit
import json
import os
import shlex
import signal
import subprocess
import sys
import threading
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import structlog

from priorauth.domain.errors import RateLimited, TemporarilyUnavailable
from priorauth.domain.files import FileFailure

_log = structlog.get_logger(__name__)

SECONDS = 40.0
"""Of the clock, for one document; the child ends by itself after half of that of the processor."""
AT_A_TIME = 2
WAITING_OF_AN_ORGANIZATION = 16
_REFUSED_BY_SCANNER = FileFailure("rejected_by_scanner", "The virus scanner of this server refuses the file.")
_TOO_COMPLEX = FileFailure("too_complex", "The document takes too much memory or time to read. Print it to a new PDF.")
_CLEAN, _INFECTED = 0, 1


@dataclass(frozen=True, slots=True)
class Inspected:
    """What was found: why a document cannot be used, what to look at, and the form in which it is sent if another."""

    failure: FileFailure | None = None
    warnings: tuple[FileFailure, ...] = ()
    sent: tuple[str, bytes] | None = None


class Inspection:
    """Judges documents: two at a time on a node, one of an organization.

    Args:
        refuses_active: whether scripts, launch actions and embedded files are a failure instead of a warning.
        scan_command: a virus scanner: a command that takes the bytes and ends with 0 for a clean file, 1 for another.
    """

    def __init__(self, *, refuses_active: bool = False, scan_command: str = "") -> None:
        self._refuses_active = refuses_active
        self._scan_command = shlex.split(scan_command)
        self._places = asyncio.Semaphore(AT_A_TIME)
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._waiting = Counter[str]()

    async def inspect(
        self, read: Callable[[], Awaitable[bytes]], *, content_type: str, organization_id: str
    ) -> Inspected:
        """Judge the bytes that `read` returns; they are read when it is their turn.

        Raises RateLimited when too many of the organization wait, TemporarilyUnavailable when a program does not work.
        """
        async with self._turn(organization_id):
            content = await read()
            if self._scan_command and not await self._is_clean(content):
                return Inspected(_REFUSED_BY_SCANNER)
            found = await asyncio.to_thread(_judged, content, content_type)
        if self._refuses_active and found.failure is None and found.warnings:
            return replace(found, failure=found.warnings[0], warnings=())
        return found

    @asynccontextmanager
    async def _turn(self, organization_id: str) -> AsyncIterator[None]:
        if self._waiting[organization_id] >= WAITING_OF_AN_ORGANIZATION:
            raise RateLimited(
                f"{WAITING_OF_AN_ORGANIZATION} files of this organization are being checked. Complete this one later.",
                details={"retryAfterSeconds": 5, "limit": WAITING_OF_AN_ORGANIZATION},
            )
        self._waiting[organization_id] += 1
        try:
            async with self._turns[organization_id], self._places:
                yield
        finally:
            self._waiting[organization_id] -= 1
            if not self._waiting[organization_id]:
                del self._waiting[organization_id], self._turns[organization_id]

    async def _is_clean(self, content: bytes) -> bool:
        status = await _scanned(self._scan_command, content)
        if status not in (_CLEAN, _INFECTED):
            _log.error("scanner_failed", status=status)
            raise TemporarilyUnavailable("The virus scanner of this server does not answer. Complete the file later.")
        return status == _CLEAN


class _Child:
    """A process that judges documents; see `child`."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-m", "priorauth.formats.documents.child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={"PATH": os.defpath},
            start_new_session=True,
        )

    def ask(self, content: bytes, content_type: str) -> Inspected | None:
        """Return what is found; None when the process was ended, or has ended the document's own at a bound."""
        asked, answered = self._process.stdin, self._process.stdout
        assert asked is not None and answered is not None  # noqa: S101, PT018 - both are pipes
        late = threading.Timer(SECONDS, self.end)
        late.start()
        try:
            asked.write(json.dumps({"type": content_type, "size": len(content)}).encode() + b"\n")
            asked.write(content)
            asked.flush()
            line = answered.readline()
            found = json.loads(line) if line.endswith(b"\n") else None
            sent = answered.read(found["size"]) if found else b""
        except OSError:
            found, sent = None, b""
        finally:
            late.cancel()
        if found is None:
            return None
        return Inspected(
            failure=FileFailure(*found["failure"]) if found["failure"] else None,
            warnings=tuple(FileFailure(*each) for each in found["warnings"]),
            sent=(found["sent"], sent) if found["sent"] else None,
        )

    @property
    def is_there(self) -> bool:
        """Whether it can be asked again."""
        return self._process.poll() is None

    def end(self) -> None:
        """End it, and what it has begun."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)

    def close(self) -> None:
        """End it while nobody asks it."""
        self._process.communicate()


# Those that nobody asks at the moment. They end with this process, whose pipe they read.
_resting: list[_Child] = []


@atexit.register
def close_resting() -> None:
    """End the processes that nobody asks at the moment; the next document begins another one."""
    while _resting:
        _resting.pop().close()


def _judged(content: bytes, content_type: str) -> Inspected:
    try:
        child = _resting.pop() if _resting else _Child()
    except OSError as error:
        _log.error("program_not_started", program="inspection", reason=error.strerror)
        raise TemporarilyUnavailable from None
    try:
        return child.ask(content, content_type) or Inspected(_TOO_COMPLEX)
    finally:
        if child.is_there:
            _resting.append(child)


async def _scanned(command: list[str], content: bytes) -> int | None:
    """Return a scanner's exit status; None when it took too long, or cannot be started. Our environment is not its."""
    try:
        child = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            env={"PATH": os.defpath},
            start_new_session=True,
        )
    except OSError:
        return None
    try:
        async with asyncio.timeout(SECONDS):
            await child.communicate(content)
    except TimeoutError:
        return None
    finally:
        if child.returncode is None:
            os.killpg(child.pid, signal.SIGKILL)
            await child.wait()
    return child.returncode
