"""The tables of a client's database: one script a version, and those that were released stay as they are."""

APPLICATION_ID = 0x436F7465  # "Cote": tells our databases from others'

SCHEMA = (
    """
    CREATE TABLE meta (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
    CREATE TABLE log (
        group_id BLOB PRIMARY KEY, room_id BLOB NOT NULL, row BLOB NOT NULL, is_current INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE mls (
        group_id BLOB NOT NULL, is_pending INTEGER NOT NULL, key BLOB NOT NULL, value BLOB NOT NULL,
        PRIMARY KEY (group_id, is_pending, key)
    ) WITHOUT ROWID;
    CREATE TABLE chain (
        group_id BLOB NOT NULL, seq INTEGER NOT NULL, chain BLOB NOT NULL, PRIMARY KEY (group_id, seq)
    ) WITHOUT ROWID;
    CREATE TABLE used (
        group_id BLOB NOT NULL, device BLOB NOT NULL, message_id BLOB NOT NULL,
        PRIMARY KEY (group_id, device, message_id)
    ) WITHOUT ROWID;
    CREATE TABLE outbox (
        group_id BLOB NOT NULL, ticket BLOB NOT NULL, place REAL NOT NULL, intent BLOB NOT NULL,
        message_id BLOB NOT NULL, sealed BLOB, PRIMARY KEY (group_id, ticket)
    ) WITHOUT ROWID;
    CREATE TABLE timeline (
        number INTEGER PRIMARY KEY, room_id BLOB NOT NULL, group_id BLOB NOT NULL, seq INTEGER NOT NULL,
        message_id BLOB NOT NULL, sender TEXT NOT NULL, device BLOB NOT NULL, time INTEGER NOT NULL,
        kind TEXT NOT NULL, text TEXT NOT NULL, content BLOB
    );
    CREATE INDEX timeline_room ON timeline (room_id, number);
    CREATE TABLE pin (
        name TEXT PRIMARY KEY, account_key BLOB NOT NULL, how TEXT NOT NULL, since INTEGER NOT NULL,
        changed_key BLOB, list_version INTEGER NOT NULL, document BLOB, signature BLOB
    ) WITHOUT ROWID;
    CREATE TABLE key_package (
        reference BLOB PRIMARY KEY, bundle BLOB NOT NULL, is_last_resort INTEGER NOT NULL, made INTEGER NOT NULL
    ) WITHOUT ROWID;
    """,
    """
    CREATE TABLE rejoin (
        group_id BLOB PRIMARY KEY, asked BLOB, attempts INTEGER NOT NULL, ended INTEGER
    ) WITHOUT ROWID;
    CREATE TABLE rejoin_post (
        group_id BLOB NOT NULL, message_id BLOB NOT NULL, count INTEGER NOT NULL,
        PRIMARY KEY (group_id, message_id)
    ) WITHOUT ROWID;
    CREATE TABLE declined (group_id BLOB PRIMARY KEY) WITHOUT ROWID;
    """,
    """
    CREATE TABLE held_welcome (
        number INTEGER PRIMARY KEY, room_id BLOB NOT NULL, account_key BLOB NOT NULL, group_id BLOB NOT NULL,
        welcome BLOB NOT NULL, is_by_admin INTEGER NOT NULL, UNIQUE (room_id, account_key)
    );
    CREATE TABLE shown_before (
        room_id BLOB NOT NULL, device BLOB NOT NULL, message_id BLOB NOT NULL,
        PRIMARY KEY (room_id, device, message_id)
    ) WITHOUT ROWID;
    """,
)
