"""File stores for a test, and the claims of submissions in them."""

from collections.abc import Callable
from pathlib import Path

from obstore.store import MemoryStore, ObjectStore

from priorauth.store.blobs import Blobs, folder_store
from priorauth.store.claims.objects import ClaimObjects
from priorauth.store.claims.submission_claims import SubmissionClaims
from priorauth.store.encryption.sealing import Sealer
from tests.factories.databases import Home

STORES: dict[str, Callable[[Path], ObjectStore]] = {
    "a folder": lambda folder: folder_store(folder / "files"),
    "an object store": lambda _: MemoryStore(),
}


def objects_in(store: ObjectStore) -> ClaimObjects:
    """The claims in a file store, sealed with a key of the tests' own."""
    return ClaimObjects(Blobs(store, Sealer([b"k" * 32], index_key=b"i" * 32)))


def claims_of(home: Home, store: ObjectStore | None = None, *, worker: str = "worker_1") -> SubmissionClaims:
    """What claims the submissions of a database, in a file store of its own unless another is given."""
    return SubmissionClaims(home.database, objects_in(store or MemoryStore()), present=home.clock.moment, worker=worker)
