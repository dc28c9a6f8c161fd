"""Keys name their scopes in a column of their own, and processes beside a server tell it what they have changed.

A version before knows three scopes alone and could not read a document that names another one. A key whose column is
empty is of such a version: whoever could read with it may see live views too.
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.add_column("api_keys", sa.Column("scopes", sa.String))
    op.create_index("ix_access_grants_authorization", "access_grants", ["authorization_id", "id"])
    op.create_table(
        "announcements",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("authorization_id", sa.String, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("announcements")
    op.drop_index("ix_access_grants_authorization", "access_grants")
    op.drop_column("api_keys", "scopes")
