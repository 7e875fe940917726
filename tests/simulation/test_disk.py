"""The simulated store keeps the contract of the real one; what was not flushed is lost, and nothing else."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from coterie.errors import StorageError
from coterie.server.database import DiskFull
from coterie.server.store import Store
from coterie.wire import frames as f
from tests.server import test_posting, test_store
from tests.server.people import NOW, Person, Writer, entries, group_of
from tests.simulation.disk import ServerDisk, TwinStore, empty_server

# Those that are about a store, and not about a folder, run here too, against the twin.
for _module in (test_store, test_posting):
    for _name, _test in vars(_module).items():
        if _name.startswith("test_") and "tmp_path" not in _test.__code__.co_varnames:
            globals()[_name] = _test


@pytest.fixture
def disk() -> ServerDisk:
    return ServerDisk(empty_server())


@pytest.fixture
def store(disk: ServerDisk) -> Iterator[Store]:
    with closing(TwinStore(disk)) as made:
        yield made


@pytest.fixture
def anna(store: Store) -> Writer:
    """The keeper of a group, and the only one in it."""
    return group_of(store, Person("anna").register(store).first)


def crashed(store: Store, disk: ServerDisk, anna: Writer) -> tuple[f.Entry, ...]:
    """What a server finds that starts after a crash."""
    store.close()
    with closing(TwinStore(disk)) as found:
        return entries(found, anna.device)


def test_flushed_batch_outlives_a_crash(store: Store, disk: ServerDisk, anna: Writer) -> None:
    anna.accepted(anna.post(after=0, body=b"kept"))
    assert [entry.body for entry in crashed(store, disk, anna)] == [b"kept"]


def test_batch_that_was_not_flushed_is_unread_and_lost_in_a_crash(
    store: Store, disk: ServerDisk, anna: Writer
) -> None:
    assert isinstance(store, TwinStore)
    anna.accepted(anna.post(after=0, body=b"kept"))
    lost = store.apply([anna.job(anna.post(after=1, body=b"lost"))], NOW)
    assert isinstance(lost.results[0], f.Accepted)
    assert len(entries(store, anna.device)) == 1
    assert [entry.body for entry in crashed(store, disk, anna)] == [b"kept"]


def test_full_disk_and_failing_flush_refuse_the_batch_and_keep_what_was(
    store: Store, disk: ServerDisk, anna: Writer
) -> None:
    anna.accepted(anna.post(after=0, body=b"kept"))
    post = anna.post(after=1, body=b"later")
    disk.is_full = True
    with pytest.raises(DiskFull):
        store.batch([anna.job(post)], NOW)
    disk.is_full, disk.fails_flush = False, True
    with pytest.raises(StorageError):
        store.batch([anna.job(post)], NOW)
    assert store.batch([anna.job(post)], NOW).results == [f.Accepted(post.message_id, 2)]
    assert len(crashed(store, disk, anna)) == 2
