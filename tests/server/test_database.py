"""The database file: ours or refused, and nothing lost when the disk is full."""

import shutil
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from secrets import token_bytes

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, event, func, select

from coterie.errors import StorageError
from coterie.server import database, schema
from coterie.server.database import FILE as DATABASE
from coterie.server.database import REVISION, DiskFull
from coterie.server.store import Store
from coterie.wire import frames as f
from tests.server.people import (
    GROUP,
    NOW,
    Person,
    Writer,
    assert_chained,
    count,
    entries,
    group_of,
    make_invite,
)


def test_new_store_has_ids_that_stay(tmp_path: Path) -> None:
    with closing(Store.open(tmp_path)) as store:
        ids = store.server_id, store.generation
    assert [len(one) for one in ids] == [16, 16]
    with closing(Store.open(tmp_path)) as store:
        assert (store.server_id, store.generation) == ids


def test_database_is_its_owners_alone(tmp_path: Path) -> None:
    with closing(Store.open(tmp_path)) as store:
        Person("anna").register(store)
        modes = {entry.name: entry.stat().st_mode & 0o777 for entry in tmp_path.iterdir()}
    assert set(modes.values()) == {0o600}, modes


def test_migrations_make_the_schema_that_the_code_means(store: Store) -> None:
    with store.reading.connection() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, schema.metadata) == []


def test_deleted_means_deleted(store: Store, anna: Writer, tmp_path: Path) -> None:
    secret = token_bytes(64)
    ben = Person("ben").register(store).first
    change, welcome = f.ListChange(add=(ben.device,)), f.WelcomeFor(secret, (ben.device,))
    anna.accepted(anna.post(f.Kind.COMMIT, after=0, change=change, welcome=welcome))

    def found() -> bool:
        return any(secret in entry.read_bytes() for entry in tmp_path.iterdir())

    assert found()
    store.do(lambda t: t.inboxes.delete_taken(ben.device, 1), NOW)
    store.idle()
    assert not found()
    assert (tmp_path / f"{DATABASE}-wal").stat().st_size == 0


def refusal(folder: Path) -> StorageError:
    with pytest.raises(StorageError) as raised:
        Store.open(folder)
    assert raised.value.hint
    return raised.value


def test_database_of_a_newer_version_is_refused_with_both_numbers(tmp_path: Path) -> None:
    Store.open(tmp_path).close()
    with closing(sqlite3.connect(tmp_path / DATABASE)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '0999'")
    assert f"schema 0999, this one knows {REVISION}" in str(refusal(tmp_path))


def test_database_of_another_program_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / DATABASE
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE recipes (name)")
    before = path.read_bytes()
    assert "of another program" in str(refusal(tmp_path))
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", [b"not a database at all" * 100, b"SQLite format 3\x00" * 99])
def test_file_that_is_no_database_is_refused_and_left_as_it_is(
    tmp_path: Path, content: bytes
) -> None:
    (tmp_path / DATABASE).write_bytes(content)
    assert "is damaged, or no database" in str(refusal(tmp_path))
    assert (tmp_path / DATABASE).read_bytes() == content


def test_damaged_database_is_a_sentence_where_the_damage_is_met(tmp_path: Path) -> None:
    with closing(Store.open(tmp_path)) as store:
        anna = group_of(store, Person("anna").register(store).first)
        for after in range(50):
            anna.accepted(anna.post(after=after, body=bytes(4000)))
        store.idle()
    path = tmp_path / DATABASE
    whole = bytearray(path.read_bytes())
    whole[4096 * 20 :] = b"\xaa" * (len(whole) - 4096 * 20)
    path.write_bytes(whole)
    with closing(Store.open(tmp_path)) as store, pytest.raises(StorageError) as raised:
        store.reading.entries(GROUP, anna.device.device, 0, 1000)
    assert "damaged" in str(raised.value)


def test_folder_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / DATABASE).mkdir()
    with pytest.raises(StorageError, match="cannot be"):
        Store.open(tmp_path)


def test_database_that_may_not_grow_loses_nothing(store: Store, anna: Writer) -> None:
    """SQLite's own limit gives the same error as a full disk."""
    anna.accepted(anna.post(after=0, body=bytes(50_000)))

    def limit(connection: sqlite3.Connection, _: object) -> None:
        connection.execute(f"PRAGMA max_page_count = {limit_pages}").close()

    with store.reading.connection() as connection:
        limit_pages = int(connection.exec_driver_sql("PRAGMA page_count").scalar() or 0) + 2
    event.listen(store._engine, "connect", limit)
    store._engine.dispose()
    lost = anna.post(after=1, body=bytes(200_000))
    with pytest.raises(DiskFull, match="the disk is full") as raised:
        store.batch([anna.job(lost)], NOW)
    assert raised.value.hint
    assert len(entries(store, anna.device)) == 1
    event.remove(store._engine, "connect", limit)
    store._engine.dispose()
    assert anna.accepted(lost) == 2
    assert_chained(store, anna.device)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte."""
    mount, unmount = shutil.which("mount"), shutil.which("umount")
    folder = tmp_path / "disk"
    folder.mkdir()
    if mount is None or unmount is None:
        pytest.skip("needs mount(8): run it on Linux, as root")
    options = ["-t", "tmpfs", "-o", "size=1m", "coterie-test"]
    mounted = subprocess.run([mount, *options, str(folder)], capture_output=True, check=False)  # noqa: S603
    if mounted.returncode:
        pytest.skip("may not mount a small file system: run the tests as root to include this one")
    try:
        yield folder
    finally:
        subprocess.run([unmount, str(folder)], check=True)  # noqa: S603


def post_until_full(anna: Writer) -> int:
    """How many of its posts were acknowledged."""
    acknowledged = 0
    while True:
        try:
            anna.accepted(anna.post(after=0, body=bytes(50_000)))
        except DiskFull:
            return acknowledged
        acknowledged += 1


def test_full_disk_loses_nothing_and_is_left_behind_when_there_is_room(small_disk: Path) -> None:
    with closing(Store.open(small_disk)) as store:
        anna = group_of(store, Person("anna").register(store).first)
        acknowledged = post_until_full(anna)
        assert acknowledged > 2
        assert len(entries(store, anna.device)) == acknowledged
    with closing(Store.open(small_disk)) as store:
        assert len(entries(store, anna.device)) == acknowledged
        subprocess.run(["mount", "-o", "remount,size=8m", str(small_disk)], check=True)  # noqa: S603, S607
        anna.store, anna.count = store, acknowledged
        assert anna.accepted(anna.post(after=0)) == acknowledged + 1
        assert_chained(store, anna.device)


def test_database_of_another_process_is_waited_for(store: Store, tmp_path: Path) -> None:
    """``coterie invite`` writes while the server does."""
    with closing(Store.open(tmp_path)) as other:
        assert other.server_id == store.server_id
        for number in range(20):
            writer = (store, other)[number % 2]
            token = number.to_bytes(16, "big")
            make_invite(writer, token)
    assert count(store, "invite") == 20
    assert database.BUSY_TIMEOUT_S >= 5


def test_reader_who_takes_his_time_holds_up_no_writer(store: Store, anna: Writer) -> None:
    """A backup reads for minutes: emptying the write-ahead log waited for it, half a minute each time, and no post was
    stored meanwhile."""
    anna.accepted(anna.post(after=0))
    with store.reading.connection() as reader:
        assert count_of(reader) == 1
        anna.accepted(anna.post(after=1))
        began = time.monotonic()
        store.idle()
        anna.accepted(anna.post(after=2))
        assert time.monotonic() - began < database.BUSY_TIMEOUT_S / 2
        assert count_of(reader) == 1
    assert count(store, "entry") == 3


def count_of(connection: Connection) -> int:
    """Its entries, as they were when it began to read."""
    return connection.scalar(select(func.count()).select_from(schema.entry)) or 0
