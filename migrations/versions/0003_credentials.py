"""The service's accounts at payers' portals, and what their browsers keep between two sessions."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "credentials",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("environment", sa.String, nullable=False),
        sa.Column("payer_id", sa.String, nullable=False),
        sa.Column("organization_id", sa.String, sa.ForeignKey("organizations.id")),
        sa.Column("provider_npi", sa.String),
        sa.Column("document", sa.LargeBinary, nullable=False),
    )
    op.create_index("ix_credentials_payer", "credentials", ["environment", "payer_id"])
    op.create_table(
        "browser_states",
        sa.Column("id", sa.String, sa.ForeignKey("credentials.id"), primary_key=True),
        sa.Column("document", sa.LargeBinary, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("browser_states")
    op.drop_table("credentials")
