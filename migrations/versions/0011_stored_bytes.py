"""How many bytes of each file are kept, so that an organization's can be added up."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    # Of files that are there already nobody knows without opening them: they do not count.
    op.add_column("files", sa.Column("stored_bytes", sa.BigInteger, nullable=False, server_default="0"))
    op.create_index("ix_files_organization", "files", ["organization_id", "stored_bytes"])


def downgrade() -> None:
    op.drop_index("ix_files_organization", "files")
    with op.batch_alter_table("files") as table:
        table.drop_column("stored_bytes")
