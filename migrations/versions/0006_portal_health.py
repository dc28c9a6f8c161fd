"""The health of payers' portals, as the results of all cases tell it."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_table(
        "portal_health",
        sa.Column("portal", sa.String, primary_key=True),
        sa.Column("address", sa.String, primary_key=True),
        sa.Column("last_success_at", sa.String),
        sa.Column("last_fault_at", sa.String),
        sa.Column("last_fault", sa.String),
        sa.Column("faults", sa.Integer, nullable=False),
        sa.Column("outages", sa.Integer, nullable=False),
        sa.Column("down_since", sa.String),
        sa.Column("next_try_at", sa.String),
    )


def downgrade() -> None:
    op.drop_table("portal_health")
