"""The first schema."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Forward only. The tables stand here as they were then, whatever ``schema`` says later."""
    blob, big = sa.LargeBinary, sa.BigInteger
    op.create_table(
        "meta",
        sa.Column("key", sa.String(40), primary_key=True),
        sa.Column("value", blob, nullable=False),
    )
    op.create_table(
        "account",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("account_key", blob, nullable=False),
        sa.Column("opaque_record", blob, nullable=False),
        sa.Column("vault", blob, nullable=False),
        sa.Column("list_version", big, nullable=False),
        sa.Column("list_document", blob, nullable=False),
        sa.Column("list_signature", blob, nullable=False),
    )
    op.create_table(
        "device",
        sa.Column("device", blob, primary_key=True),
        sa.Column("name", sa.String(64), sa.ForeignKey("account.name"), nullable=False, index=True),
        sa.Column("device_key", blob, nullable=False),
        sa.Column("is_revoked", sa.Boolean, nullable=False),
        sa.Column("inbox_head", big, nullable=False),
    )
    op.create_table(
        "invite",
        sa.Column("token_hash", blob, primary_key=True),
        sa.Column("uses_left", sa.Integer, nullable=False),
        sa.Column("expires", sa.Float, nullable=False),
    )
    op.create_table(
        "key_package",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("device", blob, sa.ForeignKey("device.device"), nullable=False, index=True),
        sa.Column("key_package", blob, nullable=False),
        sa.Column("is_last_resort", sa.Boolean, nullable=False),
        sa.Column("uploaded", sa.Float, nullable=False),
    )
    op.create_table(
        "log_group",
        sa.Column("group_id", blob, primary_key=True),
        sa.Column("head", big, nullable=False),
        sa.Column("chain", blob, nullable=False),
        sa.Column("last_handshake", big, nullable=False),
        sa.Column("turn_device", blob),
        sa.Column("turn_at", sa.Float, nullable=False),
    )
    op.create_table(
        "member",
        sa.Column("group_id", blob, sa.ForeignKey("log_group.group_id"), nullable=False),
        sa.Column("device", blob, sa.ForeignKey("device.device"), nullable=False, index=True),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("count", big, nullable=False),
        sa.Column("may_post", sa.Boolean, nullable=False),
        sa.Column("removed_at", big),
        sa.Column("proposal_at", big, nullable=False),
        sa.Column("stale_after", big),
        sa.Column("turn_at", sa.Float, nullable=False),
        sa.PrimaryKeyConstraint("group_id", "device"),
    )
    op.create_table(
        "keeper",
        sa.Column("group_id", blob, sa.ForeignKey("log_group.group_id"), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("group_id", "name"),
    )
    op.create_table(
        "entry",
        sa.Column("group_id", blob, nullable=False),
        sa.Column("seq", big, nullable=False),
        sa.Column("kind", sa.Integer, nullable=False),
        sa.Column("device", blob, nullable=False),
        sa.Column("message_id", blob, nullable=False),
        sa.Column("body", blob, nullable=False),
        sa.Column("chain", blob, nullable=False),
        sa.Column("stored_at", sa.Float, nullable=False),
        sa.PrimaryKeyConstraint("group_id", "seq"),
        sa.UniqueConstraint("group_id", "device", "message_id"),
    )
    op.create_table(
        "welcome",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("welcome", blob, nullable=False),
    )
    op.create_table(
        "inbox",
        sa.Column("device", blob, sa.ForeignKey("device.device"), nullable=False),
        sa.Column("number", big, nullable=False),
        sa.Column("group_id", blob, nullable=False),
        sa.Column("sender", blob, nullable=False),
        sa.Column("welcome_id", sa.Integer, sa.ForeignKey("welcome.id"), nullable=False),
        sa.PrimaryKeyConstraint("device", "number"),
    )
    op.create_index("inbox_welcome", "inbox", ["welcome_id"])
