"""Patients' data are sealed, and lists are quick: documents that lie in clear are sealed, filters get their indexes."""

import json

import sqlalchemy as sa
from alembic import context, op

revision = "0002"
down_revision = "0001"

_TENANT = ("organization_id", "environment")
_FILTERS = ("status", "outcome", "payer_id", "provider_npi", "external_case_id")


def upgrade() -> None:
    _seal()
    for name in _FILTERS:
        op.create_index(f"ix_authorizations_{name}", "authorizations", [*_TENANT, name, "id"])
    op.drop_index("ix_authorizations_tenant", "authorizations")
    op.create_index("ix_authorizations_tenant", "authorizations", [*_TENANT, "id", "created_at"])


def downgrade() -> None:
    for name in _FILTERS:
        op.drop_index(f"ix_authorizations_{name}", "authorizations")
    op.drop_index("ix_authorizations_tenant", "authorizations")
    op.create_index("ix_authorizations_tenant", "authorizations", [*_TENANT, "id"])


def _seal() -> None:
    connection, sealer = op.get_bind(), context.config.attributes.get("sealer")
    for table in ("authorizations", "timeline", "files"):
        for row in connection.execute(sa.text(f"SELECT id, document FROM {table}")).all():  # noqa: S608 - three names
            sealed = sealer.seal(row.document, f"{table}:{row.id}")
            values = {"id": row.id, "document": sealed}
            connection.execute(sa.text(f"UPDATE {table} SET document = :document WHERE id = :id"), values)  # noqa: S608
            external = json.loads(row.document).get("metadata", {}).get("externalCaseId")
            if table == "authorizations" and external is not None:
                update = sa.text("UPDATE authorizations SET external_case_id = :index WHERE id = :id")
                connection.execute(update, {"id": row.id, "index": sealer.index(external)})
    # Kept answers serve repetitions within days; after the exchange of the server they are forgotten.
    connection.execute(sa.text("DELETE FROM idempotency_records"))
