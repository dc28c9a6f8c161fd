"""What trees of processes cost, by part, followed from outside: processor seconds and memory (PSS).

Of a process that ends between two looks, what it used since the last look is lost. (What the system accounts to whoever
waits for a process is less, not more: a browser does not wait for its own.)
"""

import os
import threading
from dataclasses import dataclass, field
from pathlib import Path

_LOOK_SECONDS = 0.15
_LOOKS_A_WEIGHING = 5
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Process:
    """One process at one moment."""

    parent: int
    started: int
    seconds: float
    kind: str


@dataclass
class Memory:
    """Megabytes of one part, as often as they were weighed."""

    weighed: list[float] = field(default_factory=list)

    @property
    def mean(self) -> float:
        return sum(self.weighed) / len(self.weighed) if self.weighed else 0.0

    @property
    def peak(self) -> float:
        return max(self.weighed, default=0.0)


class Follower:
    """Follows the trees of `roots`, by name, on a thread, until it is stopped."""

    def __init__(self) -> None:
        self.roots: dict[str, int] = {}
        self._used: dict[tuple[int, int], tuple[str, float]] = {}
        self._memory: dict[str, Memory] = {}
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join()

    def seconds(self) -> dict[str, float]:
        """Return the processor seconds that each part has used so far."""
        self._look(weigh=False)
        found: dict[str, float] = {}
        with self._lock:
            for part, used in self._used.values():
                found[part] = found.get(part, 0.0) + used
        return found

    def weighed(self) -> dict[str, Memory]:
        """Return what each part weighed since this was asked last."""
        with self._lock:
            found, self._memory = self._memory, {}
        return found

    def _follow(self) -> None:
        looks = 0
        while not self._stopped.wait(_LOOK_SECONDS):
            looks += 1
            self._look(weigh=looks % _LOOKS_A_WEIGHING == 0)

    def _look(self, *, weigh: bool) -> None:
        processes = running()
        parts = {pid: part for pid in processes if (part := self._part(pid, processes)) is not None}
        weights: dict[str, float] = {}
        browsers = 0
        for pid, part in parts.items() if weigh else ():
            weights[part] = weights.get(part, 0.0) + pss(pid)
            parent = processes.get(processes[pid].parent)
            browsers += processes[pid].kind == "browser" and (parent is None or parent.kind != "browser")
        with self._lock:
            for pid, part in parts.items():
                process = processes[pid]
                self._used[pid, process.started] = (part, process.seconds)
            for part, weight in weights.items():
                self._memory.setdefault(part, Memory()).weighed.append(weight)
            if browsers:
                each = sum(weight for part, weight in weights.items() if part.endswith("browser")) / browsers
                self._memory.setdefault("each browser", Memory()).weighed.append(each)

    def _part(self, pid: int, processes: dict[int, Process]) -> str | None:
        kind, above = processes[pid].kind, pid
        while above in processes:
            for name, root in self.roots.items():
                if above == root:
                    return name if kind == "other" else f"{name}: {kind}"
            above = processes[above].parent
        return None


def running() -> dict[int, Process]:
    """Return the processes of this machine."""
    found = {}
    for file in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = file.read_text().rpartition(")")[2].split()
            command = (file.parent / "cmdline").read_text()
        except OSError:
            continue
        program = command.partition("\0")[0].rpartition("/")[2]
        kind = "browser" if "chrom" in program or "headless" in program else "driver" if program == "node" else "other"
        used = (int(fields[11]) + int(fields[12])) / _TICKS
        found[int(file.parent.name)] = Process(int(fields[1]), int(fields[19]), used, kind)
    return found


def pss(pid: int) -> float:
    """Return the megabytes of a process, of what it shares its part; 0 for one that is gone."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("Pss:")), 0.0)
