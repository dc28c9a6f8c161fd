"""The mark of a data folder whose contents live elsewhere now, so that nobody serves from it by mistake."""

from pathlib import Path

from priorauth.domain.errors import UserFault
from priorauth.store.encryption.keys import store_secret

_MARK = "MOVED"


class Moved(UserFault):
    """The folder's contents live elsewhere. The message says where."""


def mark(folder: Path, *, to: str) -> None:
    """Mark the folder: its contents are at `to` now, which names no password."""
    store_secret(folder / _MARK, f"{to}\n".encode())


def moved_to(folder: Path) -> str | None:
    """Return where the folder's contents went, if they did."""
    path = folder / _MARK
    return path.read_text().strip() if path.is_file() else None


def require_here(folder: Path) -> None:
    """Raise Moved when the folder's contents live elsewhere."""
    destination = moved_to(folder)
    if destination is not None:
        raise Moved(
            f"What was in {folder} has moved to {destination}. Set PRIORAUTH_DATABASE_URL to it. To give that up and "
            f"go on from {folder} as it was then, delete its file {_MARK} and run `priorauth mark-restored`."
        )
