"""The server's tables. Changing one needs a migration beside it."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    UniqueConstraint,
    text,
)

metadata = MetaData()
# ``frames.Kind``. Written out, not a parameter: else SQLite reads the whole log and not ``entry_successor``.
IS_SUCCESSOR = text("kind = 4")

meta = Table(
    "meta",
    metadata,
    Column("key", String(40), primary_key=True),
    Column("value", LargeBinary, nullable=False),
)

account = Table(
    "account",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("account_key", LargeBinary, nullable=False),
    Column("opaque_record", LargeBinary, nullable=False),
    Column("vault", LargeBinary, nullable=False),
    Column("list_version", BigInteger, nullable=False),
    Column("list_document", LargeBinary, nullable=False),
    Column("list_signature", LargeBinary, nullable=False),
)

device = Table(
    "device",
    metadata,
    Column("device", LargeBinary, primary_key=True),
    Column("name", String(64), ForeignKey("account.name"), nullable=False, index=True),
    Column("device_key", LargeBinary, nullable=False),
    Column("is_revoked", Boolean, nullable=False),
    Column("inbox_head", BigInteger, nullable=False),
)

invite = Table(
    "invite",
    metadata,
    Column("token_hash", LargeBinary, primary_key=True),  # SHA-256: the database lets nobody in
    Column("uses_left", Integer, nullable=False),
    Column("expires", Float, nullable=False),
)

key_package = Table(
    "key_package",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("device", LargeBinary, ForeignKey("device.device"), nullable=False, index=True),
    Column("key_package", LargeBinary, nullable=False),
    Column("is_last_resort", Boolean, nullable=False),
    Column("uploaded", Float, nullable=False),
)

group = Table(
    "log_group",
    metadata,
    Column("group_id", LargeBinary, primary_key=True),
    Column("head", BigInteger, nullable=False),
    Column("chain", LargeBinary, nullable=False),
    Column("last_handshake", BigInteger, nullable=False),  # seq of the last commit or successor
    Column("turn_device", LargeBinary),  # whose turn it is, or was the last: ``turns``
    Column("turn_at", Float, nullable=False),
)

member = Table(
    "member",
    metadata,
    Column("group_id", LargeBinary, ForeignKey("log_group.group_id"), nullable=False),
    Column("device", LargeBinary, ForeignKey("device.device"), nullable=False, index=True),
    Column("name", String(64), nullable=False),
    Column("count", BigInteger, nullable=False),
    Column("may_post", Boolean, nullable=False),  # False until the Welcome is fetched
    Column("removed_at", BigInteger),  # seq up to which one who was taken off may read
    Column("proposal_at", BigInteger, nullable=False),  # seq of the last proposal; 0: none
    Column("stale_after", BigInteger),  # with which it lost the last race
    Column("turn_at", Float, nullable=False),
    PrimaryKeyConstraint("group_id", "device"),
)

keeper = Table(
    "keeper",
    metadata,
    Column("group_id", LargeBinary, ForeignKey("log_group.group_id"), nullable=False),
    Column("name", String(64), nullable=False),
    PrimaryKeyConstraint("group_id", "name"),
)

entry = Table(
    "entry",
    metadata,
    Column("group_id", LargeBinary, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("kind", Integer, nullable=False),
    Column("device", LargeBinary, nullable=False),
    Column("message_id", LargeBinary, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("chain", LargeBinary, nullable=False),  # after this entry
    Column("stored_at", Float, nullable=False),  # seconds since 1970
    PrimaryKeyConstraint("group_id", "seq"),
    UniqueConstraint("group_id", "device", "message_id"),
    Index(
        "entry_successor",
        "group_id",
        "seq",
        sqlite_where=IS_SUCCESSOR,
        postgresql_where=IS_SUCCESSOR,
    ),
)

welcome = Table(
    "welcome",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("welcome", LargeBinary, nullable=False),
)

inbox = Table(
    "inbox",
    metadata,
    Column("device", LargeBinary, ForeignKey("device.device"), nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("group_id", LargeBinary, nullable=False),
    Column("sender", LargeBinary, nullable=False),
    Column("welcome_id", Integer, ForeignKey("welcome.id"), nullable=False),
    PrimaryKeyConstraint("device", "number"),
    Index("inbox_welcome", "welcome_id"),
)
