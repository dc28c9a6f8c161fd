"""What is known of files; their bytes lie in the object store (`blobs`)."""

import sqlalchemy as sa

from priorauth.domain.errors import FileNotFound
from priorauth.domain.files import StoredFile
from priorauth.domain.organizations import Caller
from priorauth.store import tables
from priorauth.store.documents import decode, encode
from priorauth.store.encryption.sealing import Sealer

_table = tables.files


class Files:
    """The files of all organizations, within one transaction."""

    def __init__(self, connection: sa.Connection, sealer: Sealer) -> None:
        self._connection = connection
        self._sealer = sealer

    def add(self, file: StoredFile) -> None:
        """Store a newly declared file."""
        values = {"id": file.id, "organization_id": file.organization_id, "environment": file.environment}
        self._connection.execute(_table.insert().values(**values, document=self._sealed(file)))

    def save(self, file: StoredFile) -> None:
        """Store a changed file."""
        values = {"document": self._sealed(file), "stored_bytes": file.stored_bytes}
        self._connection.execute(_table.update().where(_table.c.id == file.id).values(**values))

    def stored_bytes(self, organization_id: str) -> int:
        """Return how many bytes an organization has stored, in all of its files."""
        query = sa.select(sa.func.coalesce(sa.func.sum(_table.c.stored_bytes), 0))
        return int(self._connection.execute(query.filter_by(organization_id=organization_id)).scalar_one())

    def get(self, file_id: str) -> StoredFile | None:
        """Return a file whoever owns it: for upload addresses, which carry their own proof, and for the engine."""
        return self._one(_table.c.id == file_id)

    def require(self, caller: Caller, file_id: str) -> StoredFile:
        """Return a file that the caller may see. Raises FileNotFound, whoever else may own it."""
        file = self._one(
            _table.c.id == file_id,
            _table.c.organization_id == caller.organization_id,
            _table.c.environment == caller.environment,
        )
        if file is None:
            raise FileNotFound
        return file

    def following(self, file_id: str, *, limit: int) -> list[StoredFile]:
        """Return the files that follow one in the order in which they were declared; after "" the first ones."""
        query = (
            sa.select(_table.c.id, _table.c.document).where(_table.c.id > file_id).order_by(_table.c.id).limit(limit)
        )
        return [self._opened(row.id, row.document) for row in self._connection.execute(query)]

    def forget(self, file_id: str) -> None:
        """Delete what is known of a file."""
        self._connection.execute(_table.delete().where(_table.c.id == file_id))

    def _opened(self, file_id: str, document: bytes) -> StoredFile:
        return decode(self._sealer.open(document, f"files:{file_id}"), StoredFile)

    def _sealed(self, file: StoredFile) -> bytes:
        return self._sealer.seal(encode(file), f"files:{file.id}")

    def _one(self, *clauses: sa.ColumnElement[bool]) -> StoredFile | None:
        query = sa.select(_table.c.id, _table.c.document).where(*clauses).with_for_update()
        row = self._connection.execute(query).first()
        return self._opened(row.id, row.document) if row is not None else None
