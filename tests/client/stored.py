"""A room as the store keeps it: the twin of ``kept``, through the recorder and a real database."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw

from coterie import content
from coterie.client import store as stores
from coterie.client.conversation import Author
from coterie.client.database import Database
from coterie.client.happening import Event, Line, Said
from coterie.client.recording import Recorder
from coterie.client.store import Store, TimelineRow
from coterie.content import Content, Ref
from coterie.secret import Secret
from tests.client.kept import ALICE, CAROL

KEY = Secret(bytes(range(32)))
ROOM, OTHER_ROOM, GROUP = b"R" * 16, b"O" * 16, b"G" * 16
NOW = 1_800_000_000.0


def open_store(path: Path) -> Store:
    return Store(
        Database.open(path, KEY, application_id=stores.APPLICATION_ID, migrations=stores.SCHEMA)
    )


@contextmanager
def statements(store: Store) -> Iterator[list[str]]:
    """Those that are run inside."""
    found: list[str] = []
    connection = store._db._connection
    connection.trace_v2(apsw.SQLITE_TRACE_STMT, lambda event: found.append(event["sql"]))
    try:
        yield found
    finally:
        connection.trace_v2(0, None)


def plan(store: Store, sql: str) -> list[str]:
    """The steps by which a statement is run."""
    found = store._db.execute(f"EXPLAIN QUERY PLAN {sql}", ("x",) * sql.count("?"))
    return [str(step) for *_, step in found]


class Stored:
    """What carol's device keeps of one room."""

    def __init__(
        self, store: Store, *, admins: tuple[Author, ...] = (), room_id: bytes = ROOM
    ) -> None:
        self.store = store
        self.recorder = Recorder(store, CAROL)
        self.room_id = room_id
        self._admins = admins
        self._seq = 0

    def take(self, author: Author, said: Content, own_ref: Ref) -> set[int]:
        """What somebody says; the numbers of the rows that are seen otherwise."""
        self._seq += 1
        happening = Said(
            self._seq,
            own_ref.message_id,
            author.name,
            author.account_key,
            own_ref.device,
            content.encode(said),
            is_moderator=author in self._admins,
            is_own=author == CAROL,
        )
        with self.store.transaction():
            return self.recorder.said(self.room_id, GROUP, happening, NOW)

    def text(self, number: int, text: str, author: Author = ALICE) -> int:
        """A text, under its author's reference of that number; the row's."""
        own_ref = Ref(author.name.encode().ljust(16), number.to_bytes(16, "big"))
        self.take(author, content.Text(text, number), own_ref)
        return self.store.newest(self.room_id)

    def line(self, event: Event, text: str) -> int:
        """A line of the system; its row's number."""
        line = Line(self._seq, b"m" * 16, event, text)
        with self.store.transaction():
            (number,) = self.recorder.line(self.room_id, GROUP, line, NOW)
        return number

    @property
    def rows(self) -> list[TimelineRow]:
        return self.store.timeline(self.room_id, 1_000)
