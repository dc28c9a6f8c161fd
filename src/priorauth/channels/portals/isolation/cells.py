"""The surroundings of one browser: its folder, its user, its network, its end.

A cell gives Playwright the program and the environment to start, and takes over from the launcher what was made there:
the listening socket inside the browser's network namespace, and the process. It must know nothing of portals.
"""

from __future__ import annotations

import os
import random
import secrets
import select
import shutil
import signal
import socket
import struct
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Final

from priorauth.channels.portals.isolation import memory
from priorauth.channels.portals.isolation.plan import UIDS, IsolationSettings, Plan

_PREFIX: Final = "priorauth-browser-"
_PROGRAM: Final = Path(__file__).with_name("start-browser")
_PORT: Final = 3128
# What a browser may know of the server's environment, which also holds keys and passwords.
_ENVIRONMENT: Final = ("FONTCONFIG_FILE", "FONTCONFIG_PATH", "LANG", "LANGUAGE", "LD_LIBRARY_PATH", "PATH", "TZ")

uids_in_use: set[int] = set()


class Cell:
    """What one browser is started in."""

    program = _PROGRAM

    def __init__(self, plan: Plan, *, browser: Path, settings: IsolationSettings) -> None:
        """Make the browser's folder, user id and cgroup. Raises OSError where there is no room for them."""
        self.plan = plan
        self.process: int | None = None
        self._browser = browser
        self._settings = settings
        self._handle: int | None = None
        self.folder = _new_folder(Path(tempfile.gettempdir()))
        self.uid = _free_uid(settings.first_uid) if plan.own_user else None
        self._cgroup = memory.new_group(plan.cgroup, settings.memory_mib) if plan.cgroup is not None else None
        self._entrance = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._entrance.bind(str(self.folder / "launch"))
        self._entrance.listen(1)
        self._entrance.setblocking(False)
        # The browser owns these two, and not the folder around: it can put nothing else in their place.
        self.home, self.downloads = self.folder / "home", self.folder / "downloads"
        for each in (self.home, self.downloads):
            each.mkdir(mode=0o700)
            if self.uid is not None:
                os.chown(each, self.uid, self.uid)
        if self.uid is not None:
            self.folder.chmod(0o711)

    def address(self) -> tuple[str, int] | None:
        """Return where the proxy will listen inside the browser's network namespace; None when it has none."""
        if self.plan.network is None:
            return None
        # As without a namespace, no session's proxy has the address of another one's.
        return ".".join(["127", *(str(1 + secrets.randbelow(254)) for _ in range(3))]), _PORT

    def environment(self, *, proxy: tuple[str, int]) -> dict[str, str]:
        """Return the environment to start `program` with, for a browser whose proxy is at this address."""
        known = {name: value for name in _ENVIRONMENT if (value := os.environ.get(name)) is not None}
        told = {
            "PYTHON": sys.executable,
            "BROWSER": str(self._browser),
            "SOCKET": str(self.folder / "launch"),
            "FOLDERS": f"{self.home}:{self.downloads}",
            "LISTEN": f"{proxy[0]}:{proxy[1]}",
            "NETWORK": self.plan.network or "",
            "UID": "" if self.uid is None else str(self.uid),
            "FILES": "1" if self.plan.files else "",
            "HIDDEN": ":".join(str(each.resolve()) for each in self._settings.hidden if self.plan.hides),
            "CGROUP": "" if self._cgroup is None else str(self._cgroup),
        }
        own = {"HOME": str(self.home), "TMPDIR": str(self.home)}
        return {**known, **own, **{f"PRIORAUTH_LAUNCH_{name}": value for name, value in told.items()}}

    def take_over(self) -> socket.socket | None:
        """Take from the launcher, which has become the browser by now, its process and its listening socket.

        Raises:
            OSError: the browser was not started by this cell's program.
        """
        channel, _ = self._entrance.accept()
        self._entrance.close()
        (self.folder / "launch").unlink(missing_ok=True)
        with channel:
            peer = channel.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
            self.process = struct.unpack("3i", peer)[0]
            with suppress(ProcessLookupError):
                self._handle = os.pidfd_open(self.process)
            if self.plan.network is None:
                return None
            channel.settimeout(5)
            _, (descriptor,), _, _ = socket.recv_fds(channel, 1, 1)
        return socket.socket(fileno=descriptor)

    def exceeds_memory(self) -> bool:
        """Whether the browser's processes use more memory than they may."""
        if self.process is None or not self.runs():
            return False
        return memory.uses_more_than(self._settings.memory_mib, process=self.process)

    def was_out_of_memory(self) -> bool:
        """Whether the kernel has ended the browser's processes because they needed more memory than they may."""
        return self._cgroup is not None and memory.was_exceeded(self._cgroup)

    def runs(self) -> bool:
        """Whether the browser's first process has not ended."""
        return self._handle is not None and not select.select([self._handle], [], [], 0)[0]

    def kill(self) -> None:
        """End the browser at once, with all of its processes."""
        if self.process is not None and self.runs():
            # Playwright starts each browser in a process group of its own.
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process, signal.SIGKILL)

    def close(self) -> None:
        """Give back what the cell had. The browser must have ended, or ends now."""
        self.kill()
        self._entrance.close()
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None
        shutil.rmtree(self.folder, ignore_errors=True)
        if self._cgroup is not None:
            memory.remove_group(self._cgroup)
        if self.uid is not None:
            uids_in_use.discard(self.uid)


def _new_folder(place: Path) -> Path:
    """Make a folder for a browser of this process, and remove those of processes that are no more."""
    for left in place.glob(f"{_PREFIX}*"):
        owner = left.name.removeprefix(_PREFIX).partition("-")[0]
        if owner.isdecimal() and not Path("/proc", owner).exists():
            # Another user's folder stays: it is not ours to remove.
            shutil.rmtree(left, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=place))


def _free_uid(first: int) -> int:
    """Choose a user id that no process has: two browsers of one user could reach into each other."""
    busy = set(uids_in_use)
    for process in Path("/proc").iterdir():
        if process.name.isdecimal():
            with suppress(OSError):
                busy.add(process.stat().st_uid)
    free = [uid for uid in range(first, first + UIDS) if uid not in busy]
    if not free:
        message = f"All user ids from {first} to {first + UIDS - 1} are in use."
        raise OSError(message)
    uid = random.choice(free)  # noqa: S311 - no secret
    uids_in_use.add(uid)
    return uid
