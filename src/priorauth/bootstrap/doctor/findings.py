"""What a check finds, and how checks that cannot be carried out are told."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from sqlalchemy.exc import SQLAlchemyError

from priorauth.channels.portals.chromium import ChromiumError
from priorauth.domain.errors import PriorAuthError
from priorauth.store.encryption.keys import FaultyKey
from priorauth.store.encryption.sealing import CannotOpen

Subject = TypeVar("Subject")

# What keeps a check from its end, and is a finding by itself.
_HINDRANCES = (OSError, SQLAlchemyError, PriorAuthError, FaultyKey, CannotOpen, ChromiumError)


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
        except _HINDRANCES as error:
            yield name, fault(f"It could not be checked: {_told(error)}.")


def _told(error: Exception) -> str:
    # The first line: what a driver says after it may be a whole statement.
    return str(getattr(error, "orig", None) or error).strip().split("\n")[0].rstrip(".") or type(error).__name__
