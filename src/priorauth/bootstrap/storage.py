"""The data of an installation, opened: its database, its files, and the keys that both are sealed with."""

import base64
import binascii
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from priorauth.domain.organizations import Environment
from priorauth.settings import Settings
from priorauth.store import data_folder
from priorauth.store.blobs import Blobs, folder_store, remote_store
from priorauth.store.claims.objects import ClaimObjects
from priorauth.store.claims.submission_claims import SubmissionClaims
from priorauth.store.database import Database
from priorauth.store.encryption import keys
from priorauth.store.encryption.keys import FaultyKey
from priorauth.store.encryption.sealing import Sealer
from priorauth.store.ids import present
from priorauth.store.keeping import moved
from priorauth.store.keeping.backups import DATABASE
from priorauth.store.transaction import Transaction


@contextmanager
def opened_database(settings: Settings, *, beside: bool = False) -> Iterator[Database]:
    """Open the installation's database; `beside` a server that may be running, which hears what is changed.

    Creates folder, schema and, in the sandbox, the catalog and its accounts where they are missing; a new version of
    the catalog is the server's to install. Raises DataFolderInUse while the key is exchanged, Moved.
    """
    if settings.database_url is not None:
        moved.require_moved(settings.data_dir)
    with data_folder.keys_held(settings.data_dir), database_of(settings, beside=beside) as database:
        if settings.environment is Environment.SANDBOX and not (beside and database.read_now(_is_furnished)):
            from priorauth.bootstrap import sandbox  # noqa: PLC0415 - its catalog is the largest import of a command

            sandbox.install_catalog(database)
        yield database


def _is_furnished(tx: Transaction) -> bool:
    """Say whether the sandbox has payers, and an account at each."""
    accounts = {each.payer_id for each in tx.credentials.all(Environment.SANDBOX) if each.is_for_everybody}
    payers = {each.id for each in tx.catalog.payers(Environment.SANDBOX)}
    return bool(payers) and payers <= accounts


@contextmanager
def database_of(settings: Settings, *, beside: bool = False) -> Iterator[Database]:
    """Open the database as it is, its schema brought up to date. Raises FaultyKey, Moved."""
    given, url = given_keys(settings), settings.database_url
    if url is None:
        moved.require_here(settings.data_dir)
    address = data_folder.prepare(
        settings.data_dir,
        given,
        database_url=url.get_secret_value() if url is not None else None,
        server_key=given_server_key(settings),
    )
    if url is not None and not (settings.data_dir / DATABASE).exists():
        moved.belong(settings.data_dir, to=destination_of(url.get_secret_value()))
    database = Database(address, sealer_of(settings), connections=settings.database_connections, beside=beside)
    try:
        yield database
    finally:
        database.close()


def destination_of(url: str) -> str:
    """Return a database's URL without password and options, to be shown."""
    return sa.make_url(url).set(query={}).render_as_string(hide_password=True)


def given_keys(settings: Settings) -> tuple[bytes, ...] | None:
    """Return the keys of the data that the settings give, if they do. Raises FaultyKey."""
    given = settings.encryption_keys
    return keys.parse(given.get_secret_value(), source="PRIORAUTH_ENCRYPTION_KEYS") if given else None


def given_server_key(settings: Settings) -> bytes | None:
    """Return the server's key that the settings give, if they do. Raises FaultyKey."""
    if settings.server_key is None:
        return None
    try:
        key = base64.b64decode(settings.server_key.get_secret_value(), validate=True)
    except binascii.Error:
        key = b""
    if len(key) != 32:
        raise FaultyKey("PRIORAUTH_SERVER_KEY is not 32 bytes in base64. Make one with `openssl rand -base64 32`.")
    return key


def server_key_of(settings: Settings) -> bytes:
    """Return the secret behind upload and grant addresses. Raises FaultyKey."""
    return given_server_key(settings) or data_folder.secret(settings.data_dir)


def sealer_of(settings: Settings) -> Sealer:
    """Return what seals the installation's data. Raises FaultyKey."""
    return data_folder.sealer(settings.data_dir, given_keys(settings), server_key=given_server_key(settings))


def blobs_of(settings: Settings) -> Blobs:
    """Return where the bytes of files lie."""
    store = remote_store(settings.files_url) if settings.files_url else folder_store(settings.data_dir / "files")
    return Blobs(store, sealer_of(settings))


def claims_of(settings: Settings, database: Database, *, worker: str = "") -> SubmissionClaims:
    """Return what claims submissions, in the file store that all nodes share."""
    return SubmissionClaims(database, ClaimObjects(blobs_of(settings)), present=present, worker=worker)
