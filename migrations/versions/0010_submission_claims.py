"""Which submissions this database knows, so that it can be compared with what the file store knows."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.create_table(
        "submission_claims",
        sa.Column("authorization_id", sa.String, primary_key=True),
        sa.Column("ordinal", sa.Integer, primary_key=True),
        sa.Column("attempt_id", sa.String),
        sa.Column("number", sa.Integer),
        sa.Column("claimed_at", sa.String, nullable=False),
        sa.UniqueConstraint("attempt_id", name="uq_submission_claims_attempt"),
    )
    op.create_table(
        "submission_log",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("last_number", sa.Integer, nullable=False),
        sa.Column("restore_found_at", sa.String),
    )


def downgrade() -> None:
    op.drop_table("submission_log")
    op.drop_table("submission_claims")
