"""How much memory a browser may have: a cgroup of its own where one was delegated, else a sum over its processes."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

_ROOT: Final = Path("/sys/fs/cgroup")
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")
_MIB: Final = 1024 * 1024


def delegated_group(root: Path = _ROOT, *, membership: Path = Path("/proc/self/cgroup")) -> Path | None:
    """Return the cgroup (version 2) that was delegated to this service and can bound memory; None without one.

    systemd marks what it delegates. The server's own processes move to a leaf of it, since a cgroup with processes
    cannot hand its controllers on.
    """
    with suppress(OSError):
        own = next((line[3:] for line in membership.read_text().splitlines() if line.startswith("0::")), None)
        if own is None:
            return None
        group = root / own.strip("/")
        group = group.parent if group.name == "server" else group
        if os.getxattr(group, "user.delegate") != b"1" or "memory" not in _words(group / "cgroup.controllers"):
            return None
        if "memory" not in _words(group / "cgroup.subtree_control"):
            (group / "server").mkdir(exist_ok=True)
            for process in _words(group / "cgroup.procs"):
                (group / "server" / "cgroup.procs").write_text(process)
            (group / "cgroup.subtree_control").write_text("+memory")
        return group
    return None


def new_group(parent: Path, memory_mib: int) -> Path:
    """Make a cgroup below `parent` in which all ends together when it needs more than `memory_mib`."""
    group = parent / f"browser-{os.getpid()}-{secrets.token_hex(4)}"
    group.mkdir()
    for name, value in (("memory.max", memory_mib * _MIB), ("memory.swap.max", 0), ("memory.oom.group", 1)):
        with suppress(FileNotFoundError):  # a kernel without swap accounting has no memory.swap.max
            (group / name).write_text(str(value))
    return group


def was_exceeded(group: Path) -> bool:
    """Whether the kernel has killed in a cgroup that needed more than its memory; False for one that is gone."""
    with suppress(OSError):
        return any(line.startswith("oom_kill ") and line != "oom_kill 0" for line in _lines(group / "memory.events"))
    return False


def remove_group(group: Path, *, patience_seconds: float = 2.0) -> None:
    """Remove a cgroup whose processes have been killed. One that stays is empty and costs nothing."""
    until = time.monotonic() + patience_seconds
    while time.monotonic() < until:
        try:
            group.rmdir()
        except FileNotFoundError:
            return
        except OSError:
            time.sleep(0.02)
        else:
            return


def uses_more_than(memory_mib: int, *, process: int) -> bool:
    """Whether a process and all below it use more than this, shared pages counted by their share.

    For a share the kernel walks all page tables. So the resident sizes are asked first: they are never less.
    """
    tree = [process, *_below(process)]
    bound = memory_mib * _MIB
    return sum(map(_resident, tree)) > bound and sum(map(_share, tree)) > bound


def _below(process: int) -> Iterator[int]:
    for tasks in Path(f"/proc/{process}/task").glob("*/children"):
        with suppress(OSError):
            for child in tasks.read_text().split():
                yield int(child)
                yield from _below(int(child))


def _resident(process: int) -> int:
    try:
        return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * _PAGE
    except (OSError, IndexError):
        return 0


def _share(process: int) -> int:
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    except OSError:
        return _resident(process)
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))


def _lines(file: Path) -> list[str]:
    return file.read_text().splitlines()


def _words(file: Path) -> list[str]:
    return file.read_text().split()
