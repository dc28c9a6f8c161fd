"""Many workers: their leases, the chores that one of them does for all, and the proof that all have the same keys."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_table(
        "installation",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("server_key_proof", sa.String, nullable=False),
        sa.Column("document", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "workers",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("url", sa.String, nullable=False),
        sa.Column("lease_ends_at", sa.Double, nullable=False),
    )
    op.create_table(
        "places",
        sa.Column("payer_id", sa.String, primary_key=True),
        sa.Column("organization_id", sa.String, primary_key=True),
        sa.Column("last", sa.Integer, nullable=False),
    )
    op.create_table(
        "chores",
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("due_at", sa.Double, nullable=False),
    )
    _let_waiting_work_stand_in_line()


def downgrade() -> None:
    op.drop_table("chores")
    op.drop_table("places")
    op.drop_table("workers")
    op.drop_table("installation")


def _let_waiting_work_stand_in_line() -> None:
    """Work that an earlier version has enqueued stands in no line, and would never be served."""
    if sa.inspect(op.get_bind()).has_table("workflow_status"):
        op.execute("UPDATE workflow_status SET queue_partition_key = '-' WHERE queue_partition_key IS NULL")
