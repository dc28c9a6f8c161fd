"""Access grants, and the views of live sessions that were opened by them."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "access_grants",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("authorization_id", sa.String, sa.ForeignKey("authorizations.id"), nullable=False),
        sa.Column("document", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "live_views",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("access_grant_id", sa.String, sa.ForeignKey("access_grants.id"), nullable=False),
        sa.Column("authorization_id", sa.String, sa.ForeignKey("authorizations.id"), nullable=False),
        sa.Column("mode", sa.String, nullable=False),
        sa.Column("network_address", sa.String, nullable=False),
        sa.Column("opened_at", sa.String, nullable=False),
        sa.Column("connected_at", sa.String),
        sa.Column("ended_at", sa.String),
        sa.Column("ticket_hash", sa.String),
        sa.UniqueConstraint("ticket_hash", name="uq_live_views_ticket"),
    )
    op.create_index("ix_live_views_authorization", "live_views", ["authorization_id", "id"])


def downgrade() -> None:
    op.drop_table("live_views")
    op.drop_table("access_grants")
