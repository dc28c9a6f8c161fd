"""The data of an installation, opened: its database, its files, and the keys that both are sealed with."""

from collections.abc import Iterator
from contextlib import contextmanager

from priorauth.bootstrap import sandbox
from priorauth.domain.organizations import Environment
from priorauth.settings import Settings
from priorauth.store import data_folder
from priorauth.store.blobs import Blobs, folder_store, remote_store
from priorauth.store.database import Database
from priorauth.store.encryption import keys
from priorauth.store.encryption.sealing import Sealer


@contextmanager
def opened_database(settings: Settings) -> Iterator[Database]:
    """Open the data folder's database.

    Creates folder, schema and, in the sandbox, the catalog and its accounts where they are missing. Raises
    DataFolderInUse while the key is exchanged.
    """
    with data_folder.keys_held(settings.data_dir), database_of(settings) as database:
        if settings.environment is Environment.SANDBOX:
            sandbox.install_catalog(database)
        yield database


@contextmanager
def database_of(settings: Settings) -> Iterator[Database]:
    """Open the database as it is, its schema brought up to date. Raises FaultyKey."""
    given = given_keys(settings)
    url = data_folder.prepare(settings.data_dir, given)
    database = Database(url, data_folder.sealer(settings.data_dir, given))
    try:
        yield database
    finally:
        database.close()


def given_keys(settings: Settings) -> tuple[bytes, ...] | None:
    """Return the keys of the data that the settings give, if they do. Raises FaultyKey."""
    given = settings.encryption_keys
    return keys.parse(given.get_secret_value(), source="PRIORAUTH_ENCRYPTION_KEYS") if given else None


def blobs_of(settings: Settings, sealer: Sealer) -> Blobs:
    """Return where the bytes of files lie."""
    store = remote_store(settings.files_url) if settings.files_url else folder_store(settings.data_dir / "files")
    return Blobs(store, sealer)
