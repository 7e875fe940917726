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
        number INTEGER PRIMARY KEY AUTOINCREMENT, room_id BLOB NOT NULL, group_id BLOB NOT NULL,
        seq INTEGER NOT NULL, event TEXT NOT NULL, taken INTEGER NOT NULL, ref BLOB NOT NULL,
        sender TEXT NOT NULL, author_key BLOB NOT NULL, time INTEGER, text TEXT NOT NULL, unknown TEXT, content BLOB,
        reply_to BLOB, thread BLOB, is_action INTEGER NOT NULL, mentions_me INTEGER NOT NULL, edited INTEGER,
        deleted_by TEXT NOT NULL, is_found INTEGER NOT NULL, has_link INTEGER NOT NULL
    );
    CREATE INDEX timeline_room ON timeline (room_id, number);
    CREATE INDEX timeline_ref ON timeline (room_id, ref);
    CREATE INDEX timeline_reply ON timeline (room_id, reply_to) WHERE reply_to IS NOT NULL;
    CREATE INDEX timeline_thread ON timeline (room_id, thread, number, deleted_by) WHERE thread IS NOT NULL;
    CREATE INDEX timeline_facts ON timeline (number, time, has_link, sender, room_id) WHERE is_found;
    CREATE TABLE reaction (
        number INTEGER PRIMARY KEY, target INTEGER NOT NULL REFERENCES timeline, name TEXT NOT NULL,
        account_key BLOB NOT NULL, emoji TEXT NOT NULL, UNIQUE (target, account_key, emoji)
    );
    CREATE VIRTUAL TABLE word USING fts5 (
        words, content = '', columnsize = 0, prefix = '1 2 3', tokenize = 'unicode61 remove_diacritics 2'
    );
    INSERT INTO word (word, rank) VALUES ('secure-delete', 1);
    CREATE TABLE indexed (number INTEGER NOT NULL);
    INSERT INTO indexed (number) VALUES (0);
    CREATE TABLE room (
        room_id BLOB PRIMARY KEY, read_to INTEGER NOT NULL DEFAULT 0, unread INTEGER NOT NULL DEFAULT 0,
        mentions INTEGER NOT NULL DEFAULT 0, attention TEXT NOT NULL DEFAULT 'all', draft TEXT NOT NULL DEFAULT ''
    ) WITHOUT ROWID;
    CREATE TABLE failed (
        number INTEGER PRIMARY KEY, ticket BLOB NOT NULL UNIQUE, room_id BLOB NOT NULL, content BLOB NOT NULL,
        reason TEXT NOT NULL, failed INTEGER NOT NULL
    );
    CREATE INDEX failed_room ON failed (room_id, number);
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
    """,
    """
    CREATE TABLE reworded (number INTEGER PRIMARY KEY);
    """,
)
