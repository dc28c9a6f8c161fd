"""What surrounds a browser, as values: what an operator wants, and what one launch does about it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

IsolationMode = Literal["auto", "required"]

# systemd's table of user ids leaves 60578 to 61183 to nobody, and they exist inside containers too.
FIRST_UID = 60600
UIDS = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class IsolationSettings:
    """What an operator wants.

    `hidden` are folders that no browser may open. `first_uid`: the first of 512 user ids for browsers of a server that
    was started as root; 0 starts them as root. `memory_mib` bounds each browser with all of its processes.
    """

    mode: IsolationMode = "auto"
    hidden: tuple[Path, ...] = ()
    first_uid: int = FIRST_UID
    memory_mib: int = 1500


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What one launch does.

    `network`: a network namespace of its own, made with the server's rights (`own`) or in a user namespace (`user`).
    `own_user`: a user id of its own. `files`: Landlock leaves of the file system what a browser needs. `hides`: the
    launch fails where a folder to hide can be opened. `cgroup`: the delegated cgroup below which its memory is bounded.
    """

    network: Literal["own", "user"] | None
    own_user: bool
    files: bool
    hides: bool
    sandbox: bool
    cgroup: Path | None
