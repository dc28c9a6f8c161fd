"""Which account a session is signed in with, so that its sessions can be counted on all workers together."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.add_column("session_claims", sa.Column("credential_id", sa.String))
    op.create_index("ix_session_claims_credential", "session_claims", ["credential_id"])


def downgrade() -> None:
    op.drop_index("ix_session_claims_credential", "session_claims")
    op.drop_column("session_claims", "credential_id")
