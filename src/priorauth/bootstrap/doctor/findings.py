"""What a check finds, and how checks that cannot be carried out are told."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

Subject = TypeVar("Subject")


class Level(StrEnum):
    """How bad it is: a warning works, a fault does not, or not for long, or not safely."""

    OK = "ok"
    WARNING = "warning"
    FAULT = "fault"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check says: in a sentence, and what to do next."""

    level: Level
    said: str


Check = Callable[[Subject], Finding]


def ok(said: str) -> Finding:
    """Return a finding that asks for nothing."""
    return Finding(Level.OK, said)


def warning(said: str) -> Finding:
    """Return a finding to look at."""
    return Finding(Level.WARNING, said)


def fault(said: str) -> Finding:
    """Return a finding that must be mended."""
    return Finding(Level.FAULT, said)


def findings(checks: Mapping[str, Check[Subject]], subject: Subject) -> Iterator[tuple[str, Finding]]:
    """Carry the checks out, each whatever the others found."""
    for name, check in checks.items():
        try:
            yield name, check(subject)
        except Exception as error:  # noqa: BLE001 - an examination that ends at its first surprise hides the others
            yield name, fault(f"It could not be checked: {told(error)}.")


def told(error: Exception) -> str:
    """Return what an error says, in its first line: what a driver says after it may be a whole statement."""
    return str(getattr(error, "orig", None) or error).strip().split("\n")[0].rstrip(".") or type(error).__name__
