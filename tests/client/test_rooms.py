"""Every step of a room is one transaction: where it cannot be written, nothing has happened, and nothing is lost."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from coterie.client.api import SendText
from coterie.client.database import Database
from coterie.client.log import GroupLog
from coterie.client.room_policy import ROOM_POLICY
from coterie.client.store import Store
from coterie.errors import InvalidInput, StorageError
from coterie.mls import changes
from coterie.wire.frames import UploadKeyPackages
from tests.asynchronous import asynchronous
from tests.client.house import House, Person, house_in, open_database, until

FULL = "client.db cannot be written: the disk is full"
MOST_COMMITS = 30  # of one conversation; a loop that finds more does not end


class Watched(Store):
    """A store in which ``before`` and ``after`` are called with the number of each transaction at its commit."""

    def __init__(
        self,
        database: Database,
        before: Callable[[int], None] = lambda number: None,
        after: Callable[[int], None] = lambda number: None,
    ) -> None:
        super().__init__(database)
        self._before, self._after = before, after
        self.commits = 0

    @contextmanager
    def _watched(self) -> Iterator[None]:
        with super().transaction():
            yield
            self.commits += 1
            self._before(self.commits)
        self._after(self.commits)

    transaction = _watched

    def put(self, key: str, value: bytes) -> None:
        if self._db._connection.in_transaction:
            super().put(key, value)
        else:
            with self.transaction():
                super().put(key, value)


def kept(log: GroupLog) -> tuple[object, ...]:
    """All of a log that outlives the process."""
    pending = changes(None, log.pending.group).put if log.pending else None
    return (
        changes(None, log.group).put,
        pending,
        [(out.ticket, out.intent, out.message_id, out.sealed) for out in log.outbox],
        (log.cursor, log.chain, log.base, log.landed, log.halt, log.begins_with, log.heal_first),
    )


def on_disk(folder: Path) -> dict[bytes, tuple[object, ...]]:
    store = Store(open_database(folder))
    try:
        return {log.group_id: kept(log) for _, log in store.load_logs(ROOM_POLICY)}
    finally:
        store.close()


def in_memory(person: Person) -> dict[bytes, tuple[object, ...]]:
    return {group_id: kept(person.rooms.log(group_id)) for group_id in person.rooms}


async def _converse(house: House, alice: Person, bobb: Person) -> None:
    """Bobb says something and reads something; a full disk may keep him from either, and he tries again later."""
    try:
        await bobb.ask(SendText("ops", "from bobb", wait=False))
    except StorageError as error:
        assert "the disk is full" in str(error)  # noqa: PT017
        await bobb.ask(SendText("ops", "from bobb", wait=False))
    await alice.say("from alice")
    await house.clock.advance(200.0)
    await alice.in_step()
    await bobb.in_step()


@asynchronous
async def test_a_disk_that_is_full_at_any_write_keeps_memory_and_disk_alike_and_loses_nothing(
    tmp_path: Path,
) -> None:
    for number in range(1, MOST_COMMITS):
        folder = tmp_path / str(number)
        folder.mkdir()

        def full(commit: int, number: int = number) -> None:
            if commit == number:
                raise StorageError(FULL)

        async with house_in(folder) as house:
            alice, bobb = house.person("alice"), house.person("bobb")
            async with bobb.online(), alice.online():
                await until(lambda: len(house.asked(UploadKeyPackages)) == 6)
                await alice.create("bobb")
                await bobb.in_step()
            store = Watched(open_database(bobb.folder), before=full)
            async with alice.online(), bobb.online(store):
                await _converse(house, alice, bobb)
                assert in_memory(bobb) == on_disk(bobb.folder)
                texts = await alice.texts()
                assert texts == await bobb.texts()
                assert sorted(texts) == ["from alice", "from bobb"]
                assert not {"altered", "rule-broken", "dead"} & {*await alice.events()}
                commits = store.commits
        if commits < number:
            break
    assert number > 4


@pytest.mark.parametrize("is_before", [True, False])
@asynchronous
async def test_a_client_that_dies_at_any_commit_says_and_reads_everything_once(
    tmp_path: Path, is_before: bool
) -> None:
    """What the disk holds at that moment is copied, and the link cut: the copy then goes on as the profile."""
    for number in range(1, MOST_COMMITS):
        folder = tmp_path / str(number)
        folder.mkdir()
        async with house_in(folder) as house:
            alice, bobb = house.person("alice"), house.person("bobb")
            async with bobb.online(), alice.online():
                await until(lambda: len(house.asked(UploadKeyPackages)) == 6)
                await alice.create("bobb")
                await bobb.in_step()
            died: list[Path] = []

            def die(
                commit: int,
                number: int = number,
                house: House = house,
                bobb: Person = bobb,
                died: list[Path] = died,
            ) -> None:
                if commit == number:
                    copy = bobb.folder.with_name("copy")
                    shutil.copytree(bobb.folder, copy)
                    died.append(copy)
                    for connection in house.connections:
                        if connection.name == "bobb" and connection.transport is not None:
                            connection.transport.close()
                    house.is_down = True

            hook = {"before": die} if is_before else {"after": die}
            async with alice.online():
                await alice.say("from alice")
                async with bobb.online(Watched(open_database(bobb.folder), **hook)):
                    await bobb.ask(SendText("ops", "from bobb", wait=False))
                    await house.clock.advance(1.0)
                if died:
                    bobb.folder = died[0]
                house.is_down = False
                async with bobb.online():
                    await house.clock.advance(200.0)
                    await alice.in_step()
                    await bobb.in_step()
                    texts = await alice.texts()
                    assert texts == await bobb.texts()
                    was_said = not (died and is_before and number == 1)
                    assert sorted(texts) == ["from alice", *(["from bobb"] if was_said else [])]
                    assert not {"altered", "rule-broken", "dead", "older-copy"} & {
                        *await alice.events(),
                        *await bobb.events(),
                    }
        if not died:
            break
    assert number > 4


@asynchronous
async def test_a_rooms_name_must_be_one(tmp_path: Path) -> None:
    async with house_in(tmp_path) as house:
        alice = house.person("alice")
        async with alice.online():
            for name in ("", "n" * 101):
                with pytest.raises(InvalidInput, match="1 to 100 characters"):
                    alice.rooms.create(name)
            assert not list(alice.rooms)
            assert not on_disk(alice.folder)
