"""Guides as a reader meets them: their blocks in order, and one who does what each block says against a server.

What a block is: ```http a request, or an answer that begins with `HTTP/1.1`; ```json after a request or a command: what
a success answered; ```sh commands; ```text a drawing. `<!-- run: name -->` calls what the tests know by that name; a
block that follows at once is its argument. Whatever else stands in a fence is not understood, and fails.
"""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx

from priorauth.sandbox import catalog
from tests.factories.guide_answers import Names, match
from tests.factories.humans import Human, human
from tests.factories.servers import ServerProcess

HOST = "http://127.0.0.1:8080"
_STEP = re.compile(r"^<!-- run: (?P<hook>.+?) -->\n|^```(?P<kind>[^\n]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_FENCE = re.compile(r"^ *(?:```|~~~)", re.MULTILINE)
_SECONDS = 60


@dataclass(frozen=True)
class Step:
    """One block, one call of a hook, or both; `line` is where it stands."""

    line: int
    kind: str
    text: str
    hook: str | None = None


def steps_of(guide: str) -> list[Step]:
    """Return what a guide tells its reader to do, in order."""
    found: list[Step] = []
    named: tuple[str, int, int] | None = None
    for part in _STEP.finditer(guide):
        line = guide.count("\n", 0, part.start()) + 1
        hook = named[0] if named and named[2] == part.start() else None
        if named and hook is None:
            found.append(Step(named[1], "", "", named[0]))
        named = (part["hook"], line, part.end()) if part["hook"] else None
        if part["hook"] is None:
            found.append(Step(line, part["kind"], part["text"], hook))
    if named:
        found.append(Step(named[1], "", "", named[0]))
    blocks = len(_STEP.findall(guide)) - guide.count("<!-- run: ")
    assert len(_FENCE.findall(guide)) == 2 * blocks, "write fences as ```kind, at the beginning of a line"
    return found


_END = Step(0, "", "")
Hook = Callable[["Reader", str], None]


class Reader:
    """Somebody who reads a guide, does what it says, and compares what happens with what it shows."""

    def __init__(self, server: ServerProcess, key: str, folder: Path, *, hooks: dict[str, Hook]) -> None:
        self.server = server
        self.key = key
        self.folder = folder
        self.names = Names({HOST: server.url})
        self.files = {"notes.pdf": catalog.sample_document()}
        self.executed = 0
        self.at_the_end = ExitStack()
        self._human: Human | None = None
        self._hooks = hooks
        self._answer: httpx.Response | str | None = None
        self._unread: int | None = None
        self._client = httpx.Client(base_url=server.url, trust_env=False, timeout=2 * _SECONDS)
        self._state = folder / ".state"
        self._state.write_text("")
        (folder / ".venv").mkdir()
        (folder / ".venv" / "bin").symlink_to(Path(sys.executable).parent)

    def read(self, guide: str) -> None:
        """Do everything that the guide says; name the line where something else happened."""
        with self._client, self.at_the_end:
            for step in [*steps_of(guide), _END]:
                try:
                    self._do(step)
                except (AssertionError, ValueError) as failure:
                    raise AssertionError(f"line {step.line}: {failure}") from failure

    def human(self) -> Human:
        """Return the one who acts in a browser, until the guide has been read."""
        if self._human is None:
            self._human = self.at_the_end.enter_context(human())
        return self._human

    def call(self, method: str, target: str, *, headers: dict[str, str], body: bytes = b"") -> httpx.Response:
        """Send a request as it is, with the key where it goes to the API; a wait whose time is up is repeated."""
        if target.startswith("/"):
            headers = {"Authorization": f"Bearer {self.key}", **headers}
        deadline = time.monotonic() + _SECONDS
        while True:
            answer = self._client.request(method, target, headers=headers, content=body)
            if answer.status_code != 304 or "waitSeconds" not in target or time.monotonic() > deadline:
                return answer

    def _do(self, step: Step) -> None:
        if step is _END:
            self._leave()
        elif step.hook is not None:
            self._leave()
            assert step.hook in self._hooks, f"nothing is registered as {step.hook!r}"
            self._hooks[step.hook](self, step.text)
        elif step.kind == "http" and step.text.startswith("HTTP/1.1 "):
            self._compare_answer(step.text)
        elif step.kind == "http":
            self._leave()
            self._request(step)
        elif step.kind == "sh":
            self._leave()
            self._answer = self._shell(step.text)
            self.executed += 1
        elif step.kind == "json":
            self._compare_body(step.text)
        else:
            assert step.kind == "text", f"nothing runs a block of kind {step.kind!r}"

    def _request(self, step: Step) -> None:
        head, _, body = self.names.resolved(step.text).partition("\n\n")
        first, *rest = head.splitlines()
        method, target = first.split(" ", 1)
        headers = dict(line.split(": ", 1) for line in rest)
        content = self.files[body[2:].strip()] if body.startswith("< ") else body.strip().encode()
        self._answer = self.call(method, target, headers=headers, body=content)
        self._unread = step.line
        self.executed += 1

    def _leave(self) -> None:
        """Go on to the next example: an answer that was not shown has to have been a success."""
        if self._unread is not None and isinstance(self._answer, httpx.Response):
            assert self._answer.is_success, f"the request of line {self._unread} got {_told(self._answer)}"
        self._answer, self._unread = None, None

    def _compare_answer(self, text: str) -> None:
        answer = self._answer
        assert isinstance(answer, httpx.Response), "this answer follows no request"
        head, _, body = text.partition("\n\n")
        status, *headers = head.splitlines()
        assert answer.status_code == int(status.split()[1]), _told(answer)
        for name, value in (line.split(": ", 1) for line in headers):
            match(value, answer.headers.get(name), names=self.names, where=name)
        if body:
            match(json.loads(body), answer.json(), names=self.names)
        self._answer, self._unread = None, None

    def _compare_body(self, text: str) -> None:
        answer = self._answer
        assert answer is not None, "this answer follows no request and no command"
        if isinstance(answer, httpx.Response):
            assert answer.is_success, _told(answer)
            match(json.loads(text), answer.json(), names=self.names)
        else:
            match(json.loads(text), json.loads(answer), names=self.names)
        self._answer, self._unread = None, None

    def _shell(self, text: str) -> str:
        """Run commands where the ones before have left off; return what the last of them printed."""
        script = f"set -euo pipefail\n. {self._state}\n{self.names.resolved(text)}\nexport -p > {self._state}\n"
        environment = {"PATH": os.environ["PATH"], "PRIORAUTH_DATA_DIR": str(self.server.data_dir)}
        done = subprocess.run(
            ["bash", "-c", script], cwd=self.folder, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"exit status {done.returncode}: {done.stderr or done.stdout}"
        return done.stdout


def _told(answer: httpx.Response) -> str:
    return f"{answer.status_code} {answer.text[:2000]}"
