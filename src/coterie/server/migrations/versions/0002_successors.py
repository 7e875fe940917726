"""Successors are found without reading a log from end to end."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Forward only. An index of the few entries that are successors: kind 4."""
    is_successor = sa.text("kind = 4")
    op.create_index(
        "entry_successor",
        "entry",
        ["group_id", "seq"],
        sqlite_where=is_successor,
        postgresql_where=is_successor,
    )
