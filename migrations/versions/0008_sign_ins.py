"""Which credentials are suspended, and how often and by whom their accounts are signed in with."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.add_column("credentials", sa.Column("suspended_at", sa.String))
    op.add_column("credentials", sa.Column("suspension_reason", sa.String))
    op.add_column("credentials", sa.Column("sign_ins", sa.LargeBinary))


def downgrade() -> None:
    op.drop_column("credentials", "sign_ins")
    op.drop_column("credentials", "suspension_reason")
    op.drop_column("credentials", "suspended_at")
