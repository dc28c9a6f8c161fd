"""Matches patterns that backtrack, in a child process that ends when a text takes too long.

For payers that were installed before such patterns were refused; `payers check` and `payers add` refuse them now.
"""

import json
import subprocess
import sys
import threading
import time
from select import POLLIN, poll
from typing import Final

# Processor time, so that a busy machine changes nothing. SIGPROF ends the child even within `re`.
_SECONDS: Final = 0.2
_CHILD: Final = f"""
import json, re, signal, sys
for line in sys.stdin:
    pattern, text = json.loads(line)
    signal.setitimer(signal.ITIMER_PROF, {_SECONDS})
    found = re.fullmatch(pattern, text) is not None
    signal.setitimer(signal.ITIMER_PROF, 0)
    print(int(found), flush=True)
"""
# Bounds what is not processor time: a child that is stopped, or cannot be started.
_LONGEST: Final = 5.0
# Texts are matched while others wait to write: after one that took too long, a pattern is not matched for a while.
_REST: Final = 10.0


class BoundedPatterns:
    """Matches in one child process, which it starts when it is needed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self._rests_until: dict[str, float] = {}

    def match(self, pattern: str, text: str) -> bool | None:
        """Say whether the whole text matches the pattern.

        Returns:
            None where matching took more than 0.2 s of processor time, and for the 10 s after that.
        """
        with self._lock:
            if time.monotonic() < self._rests_until.get(pattern, 0.0):
                return None
            verdict = self._ask(json.dumps([pattern, text]).encode() + b"\n")
            if verdict not in (b"0\n", b"1\n"):
                self.close()
                self._rests_until[pattern] = time.monotonic() + _REST
                return None
            return verdict == b"1\n"

    def close(self) -> None:
        """End the child process, if there is one."""
        child, self._child = self._child, None
        if child is not None:
            child.kill()
            child.communicate()

    def _ask(self, question: bytes) -> bytes:
        try:
            if self._child is None:
                self._child = subprocess.Popen(
                    [sys.executable, "-I", "-S", "-c", _CHILD],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    env={},
                )
            asked, answered = self._child.stdin, self._child.stdout
            assert asked is not None and answered is not None  # noqa: S101, PT018 - both are pipes
            asked.write(question)
            asked.flush()
            # Unlike `select`, it takes descriptors beyond 1024.
            waiting = poll()
            waiting.register(answered, POLLIN)
            return answered.readline() if waiting.poll(_LONGEST * 1000) else b""
        except OSError:
            return b""
