"""The first schema: organizations and keys, the catalog, cases with their timelines, files, kept answers, claims."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    _create_tenants_and_catalog()
    _create_cases()


def _create_tenants_and_catalog() -> None:
    op.create_table(
        "organizations",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("name", sa.String, nullable=False, unique=True),
        sa.Column("created_at", sa.String, nullable=False),
    )
    op.create_table(
        "api_keys",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("organization_id", sa.String, sa.ForeignKey("organizations.id"), nullable=False),
        sa.Column("environment", sa.String, nullable=False),
        sa.Column("document", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "providers",
        sa.Column("environment", sa.String, primary_key=True),
        sa.Column("npi", sa.String, primary_key=True),
        sa.Column("document", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "payer_versions",
        sa.Column("version", sa.String, primary_key=True),
        sa.Column("document", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "payers",
        sa.Column("environment", sa.String, primary_key=True),
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("version", sa.String, sa.ForeignKey("payer_versions.version"), nullable=False),
    )
    op.create_table(
        "provider_access",
        sa.Column("organization_id", sa.String, sa.ForeignKey("organizations.id"), primary_key=True),
        sa.Column("environment", sa.String, primary_key=True),
        sa.Column("npi", sa.String, primary_key=True),
        sa.Column("payer_id", sa.String, primary_key=True),
    )


def _create_cases() -> None:
    op.create_table(
        "authorizations",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("organization_id", sa.String, sa.ForeignKey("organizations.id"), nullable=False),
        sa.Column("environment", sa.String, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("status", sa.String, nullable=False),
        sa.Column("outcome", sa.String),
        sa.Column("payer_id", sa.String, nullable=False),
        sa.Column("provider_npi", sa.String, nullable=False),
        sa.Column("external_case_id", sa.String),
        sa.Column("awaits_work", sa.Boolean, nullable=False),
        sa.Column("created_at", sa.String, nullable=False),
        sa.Column("document", sa.LargeBinary, nullable=False),
    )
    op.create_index("ix_authorizations_tenant", "authorizations", ["organization_id", "environment", "id"])
    op.create_index("ix_authorizations_awaits_work", "authorizations", ["awaits_work"])
    op.create_table(
        "timeline",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("authorization_id", sa.String, sa.ForeignKey("authorizations.id"), nullable=False),
        sa.Column("observation_id", sa.String),
        sa.Column("document", sa.LargeBinary, nullable=False),
        sa.UniqueConstraint("authorization_id", "observation_id", name="uq_timeline_observation"),
    )
    op.create_index("ix_timeline_authorization", "timeline", ["authorization_id", "id"])
    op.create_table(
        "files",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("organization_id", sa.String, sa.ForeignKey("organizations.id"), nullable=False),
        sa.Column("environment", sa.String, nullable=False),
        sa.Column("document", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "idempotency_records",
        sa.Column("organization_id", sa.String, primary_key=True),
        sa.Column("environment", sa.String, primary_key=True),
        sa.Column("method", sa.String, primary_key=True),
        sa.Column("path", sa.String, primary_key=True),
        sa.Column("key", sa.String, primary_key=True),
        sa.Column("body_hash", sa.String, nullable=False),
        sa.Column("status_code", sa.Integer, nullable=False),
        sa.Column("version", sa.Integer),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("created_at", sa.String, nullable=False),
    )
    op.create_index("ix_idempotency_records_created", "idempotency_records", ["created_at"])
    op.create_table(
        "session_claims",
        sa.Column("authorization_id", sa.String, sa.ForeignKey("authorizations.id"), primary_key=True),
        sa.Column("worker", sa.String, nullable=False),
        sa.Column("document", sa.LargeBinary, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("session_claims")
    op.drop_table("idempotency_records")
    op.drop_table("files")
    op.drop_table("timeline")
    op.drop_table("authorizations")
    op.drop_table("provider_access")
    op.drop_table("payers")
    op.drop_table("payer_versions")
    op.drop_table("providers")
    op.drop_table("api_keys")
    op.drop_table("organizations")
