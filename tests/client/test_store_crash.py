"""A client that dies at any moment finds its rows, counts and search index agreeing when it starts again."""

import itertools
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC
from pathlib import Path
from random import Random

import apsw
import pytest

from coterie.client.search_query import parse
from coterie.client.store import Store
from coterie.client.store_timeline import NEVER
from coterie.content import Delete, Edit, Reaction, Text
from tests.client.kept import ALICE, BOBB, CAROL, counted_anew, ref
from tests.client.stored import ROOM, Stored, open_store

STEPS = 30


@contextmanager
def copied_at_each_write(store: Store, folder: Path) -> Iterator[list[Path]]:
    """What is on the disk before each write inside, and after the last one, as whoever is killed there leaves it."""
    copies: list[Path] = []

    def copy() -> None:
        target = folder / f"{len(copies)}.db"
        for end in ("", "-wal"):
            source = Path(f"{store._db.path}{end}")
            if source.exists():
                shutil.copyfile(source, f"{target}{end}")
        copies.append(target)

    def before(event: dict[str, object]) -> None:
        if not str(event["sql"]).lstrip().upper().startswith("SELECT"):
            copy()

    connection = store._db._connection
    connection.trace_v2(apsw.SQLITE_TRACE_STMT, before)
    try:
        yield copies
        copy()
    finally:
        connection.trace_v2(0, None)


def check(store: Store) -> None:
    """Whatever was kept of the last step, all of it was."""
    rows = store.timeline(ROOM, 1_000)
    reading = store.view(ROOM).reading
    behind = [row.message for row in rows if row.number > reading.read_to]
    assert reading == counted_anew(reading.read_to, behind, CAROL)
    for row in rows:
        reactions = store.history(ROOM).reactions(row.message.ref)
        assert not (row.message.is_deleted and reactions)
    store.index_words(NEVER)
    words = {word for row in rows for word in row.message.text.split()} | {"gone0", "gone1"}
    for word in words:
        found = [hit.number for hit in store.search(parse(f'"{word}"', UTC))]
        assert sorted(found) == [row.number for row in rows if word in row.message.text.split()]


@pytest.mark.parametrize("seed", range(3))
def test_who_dies_at_any_write_has_whole_steps(tmp_path: Path, seed: int) -> None:
    chance, numbers = Random(seed), itertools.count(100)  # noqa: S311  # no key is made of it
    store = open_store(tmp_path / "client.db")
    stored = Stored(store, admins=(BOBB,))
    said = 0
    with copied_at_each_write(store, tmp_path) as copies:
        for step in range(STEPS):
            author, target = chance.choice((ALICE, BOBB)), ref(chance.randrange(said + 1))
            what = chance.choice(("say", "say", "edit", "delete", "react", "read", "tidy"))
            match what:
                case "say":
                    stored.take(ALICE, Text(f"word{step} gone{step % 2} @carol", 1), ref(said))
                    said += 1
                case "edit":
                    stored.take(ALICE, Edit(target, f"other{step}", 2), ref(next(numbers)))
                case "delete":
                    stored.take(author, Delete(target, 3), ref(next(numbers), author))
                case "react":
                    stored.take(author, Reaction(target, "👍", 4), ref(next(numbers), author))
                case "read":
                    with store.transaction():
                        stored.recorder.read(ROOM, chance.choice((None, said // 2)))
                case _:
                    store.tidy()
    store.close()
    assert len(copies) > STEPS
    for copy in copies:
        again = open_store(copy)
        check(again)
        again.close()
        copy.unlink()
