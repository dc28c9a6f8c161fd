"""The marks of a data folder whose data are in a PostgreSQL, so that nobody serves from its SQLite by mistake.

Without them a setting that is forgotten once would begin an empty installation, beside the one that has the cases.
"""

from pathlib import Path

from priorauth.domain.errors import UserFault
from priorauth.store.encryption.keys import store_secret
from priorauth.store.keeping.backups import DATABASE

# Of a folder that had a database, and of one that never had.
_MARK, _BELONGS = "MOVED", "POSTGRESQL"


class Moved(UserFault):
    """The folder's contents live elsewhere. The message says where."""


def mark(folder: Path, *, to: str) -> None:
    """Mark the folder: its contents are at `to` now, which names no password."""
    store_secret(folder / _MARK, f"{to}\n".encode())


def moved_to(folder: Path) -> str | None:
    """Return where the folder's contents went, if they did."""
    path = folder / _MARK
    return path.read_text().strip() if path.is_file() else None


def belong(folder: Path, *, to: str) -> None:
    """Mark a folder without a database of its own: its data are at `to`, which names no password."""
    if belongs_to(folder) != to:
        store_secret(folder / _BELONGS, f"{to}\n".encode())


def belongs_to(folder: Path) -> str | None:
    """Return where the data are of a folder that never had a database of its own."""
    path = folder / _BELONGS
    return path.read_text().strip() if path.is_file() else None


def elsewhere(folder: Path) -> str | None:
    """Return where the folder's data are, if they are not in it."""
    return belongs_to(folder) or moved_to(folder)


def require_moved(folder: Path) -> None:
    """Raise Moved when the folder has a database of its own whose contents were never moved."""
    if (folder / DATABASE).is_file() and moved_to(folder) is None:
        raise Moved(
            f"PRIORAUTH_DATABASE_URL names a PostgreSQL, and {folder} has a database of its own. `priorauth move` "
            "moves its contents there; for an installation of its own name another folder with --data-dir."
        )


def require_here(folder: Path) -> None:
    """Raise Moved when the folder's data live elsewhere."""
    database = belongs_to(folder)
    if database is not None:
        raise Moved(
            f"{folder} belongs to {database}, and PRIORAUTH_DATABASE_URL is not set. Set it, in this shell too. An "
            "installation of its own needs another folder: --data-dir."
        )
    destination = moved_to(folder)
    if destination is not None:
        raise Moved(
            f"What was in {folder} has moved to {destination}. Set PRIORAUTH_DATABASE_URL to it. To give that up and "
            f"go on from {folder} as it was then, delete its file {_MARK} and run `priorauth mark-restored`."
        )
