"""Devices that read one log come to one timeline, whenever each of them reads, and whatever a member posts.

The logs are real: commits, epochs, dead entries. Each device keeps what it reads in a store of its own.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from random import Random

import pytest
from msgspec import structs

from coterie import content
from coterie.client.conversation import Author, Reacted, Row
from coterie.client.happening import Line, Said
from coterie.client.intent import Change, Intent, Say
from coterie.client.recording import Recorder
from coterie.client.store import Store
from coterie.content import Content, Delete, Edit, Reaction, Ref, Text, Unknown
from tests.client.kept import counted_anew
from tests.client.people import NOW, Reader, new_device, room_of
from tests.client.stored import open_store

SPEAKERS = (
    "alice",
    "bobb",
    "mallory",
)  # an admin, another one for a while, and a member who cheats
MALLORYS_IDS = 3
ROOM_IDS = itertools.count(1)  # a room for each example: all in the same stores


@dataclass(frozen=True)
class Message:
    """What all devices must agree on."""

    seq: int
    row: Row
    reactions: list[Reacted]


class Screen:
    """What one device keeps of the room."""

    def __init__(
        self, reader: Reader, store: Store, room_id: bytes, *, has_read: int | None = None
    ) -> None:
        self.reader, self._store, self._room_id = reader, store, room_id
        me = Author(reader.device.name, reader.device.account_key)
        self._recorder, self._me = Recorder(store, me), me
        self._recorded = len(reader.happenings) if has_read is None else has_read

    def catch_up(self) -> None:
        """Reads to the head, one transaction an entry."""
        self.reader.catch_up()
        new = self.reader.happenings[self._recorded :]
        self._recorded += len(new)
        group_id = self.reader.room.group_id
        for happening in new:
            with self._store.transaction():
                if isinstance(happening, Said):
                    self._recorder.said(self._room_id, group_id, happening, NOW)
                if isinstance(happening, Line):
                    self._recorder.line(self._room_id, group_id, happening, NOW)

    def read(self) -> None:
        """Its person has seen all that is there."""
        with self._store.transaction():
            self._recorder.read(self._room_id)

    @property
    def messages(self) -> list[Message]:
        """Of the room, but for whom a message mentions, which each device asks for itself alone."""
        rows = self._store.timeline(self._room_id, 1_000)
        history = self._store.history(self._room_id)
        return [
            Message(
                row.seq,
                structs.replace(row.message, mentions_me=False),
                list(history.reactions(row.message.ref)),
            )
            for row in rows
            if not row.is_line
        ]

    def check_counts(self) -> None:
        """They are as if counted anew."""
        reading = self._store.view(self._room_id).reading
        rows = self._store.timeline(self._room_id, 1_000)
        behind = [row.message for row in rows if row.number > reading.read_to and not row.is_line]
        assert reading == counted_anew(reading.read_to, behind, self._me)


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Store]]:
    folder = tmp_path_factory.mktemp("stores")
    opened = [open_store(folder / f"{name}.db") for name in ("alice", "bobb", "carol", "dave")]
    yield opened
    for store in opened:
        store.close()


class Play:
    """A room in which alice and bobb read as they like; carol, and dave who comes later, read it all at the end."""

    def __init__(self, stores: Sequence[Store], chance: Random) -> None:
        self.chance = chance
        devices = [new_device(name) for name in (*SPEAKERS, "carol")]
        self.room, readers = room_of(devices, admins=2)
        self.readers = {reader.device.name: reader for reader in readers}
        self.room_id = next(ROOM_IDS).to_bytes(16, "big")
        here = zip(("alice", "bobb", "carol"), stores, strict=False)
        self.screens = {
            name: Screen(self.readers[name], store, self.room_id) for name, store in here
        }
        self.dave = new_device("dave")
        self._said: list[Ref] = [Ref(b"nobody's device.", bytes(16))]
        self._ids = itertools.count(MALLORYS_IDS)

    def step(self) -> None:
        """Anything that can happen."""
        chance, alice = self.chance, self.readers["alice"]
        match chance.choices(("say", "commit", "admins", "add", "read"), (12, 2, 1, 1, 4))[0]:
            case "say":
                self._say(chance.choice(SPEAKERS))
            case "commit":
                self._post(chance.choice(SPEAKERS), Change())
            case "admins":
                keys = [self.readers[name].device.account_key for name in ("alice", "bobb")]
                admins = tuple(keys[: chance.choice((1, 2))])
                self._post("alice", Change(room_state=structs.replace(alice.state, admins=admins)))
            case "add":
                if self.dave.id not in self.room.readers:
                    self._post("alice", Change(adds=(self.room.newcomer(self.dave),)))
            case "read":
                screen = self.screens[chance.choice(("alice", "bobb"))]
                screen.catch_up()
                if chance.random() < 0.3:
                    screen.read()

    def _say(self, name: str) -> None:
        """Who cheats takes his few ids again and again."""
        chance = self.chance
        number = chance.randrange(MALLORYS_IDS) if name == "mallory" else next(self._ids)
        own = Ref(self.readers[name].device.id, number.to_bytes(16, "big"))
        said = _content(chance, chance.choice([*self._said[-8:], own]))
        self._post(name, Say(content.encode(said)), own.message_id)
        if isinstance(said, Text | Unknown):
            self._said.append(own)

    def _post(self, name: str, intent: Intent, message_id: bytes | None = None) -> None:
        reader = self.readers[name]
        reader.catch_up()
        ids = reader.new_id
        reader.want(intent)
        if message_id is not None:
            reader.new_id = lambda: message_id
        reader.post()
        reader.new_id = ids
        reader.catch_up()
        assert not reader.log.outbox


def _content(chance: Random, target: Ref) -> Content:
    words = chance.choice(("one", "two @alice", "@carol"))
    return chance.choices(
        (
            Text(words, 1),
            Text(words, 1, reply_to=target, thread=target),
            Edit(target, words, 2),
            Delete(target, 3),
            Reaction(target, chance.choice("👍🎉"), 4, is_removed=chance.random() < 0.3),
            Unknown("", b"?"),
        ),
        (6, 3, 4, 2, 4, 1),
    )[0]


@pytest.mark.parametrize("seed", range(6))
def test_devices_that_read_one_log_show_the_same_messages(stores: list[Store], seed: int) -> None:
    play = Play(stores, Random(seed))  # noqa: S311  # no key is made of it
    for _ in range(200):
        play.step()
    for screen in play.screens.values():
        screen.catch_up()
        screen.check_counts()
    first, *others = [screen.messages for screen in play.screens.values()]
    assert all(other == first for other in others)
    refs = [message.row.ref for message in first]
    assert len(set(refs)) == len(refs)
    assert any(message.row.is_deleted for message in first)
    assert any(message.row.edited_ms for message in first)
    assert any(message.reactions for message in first)
    reader = play.room.readers.get(play.dave.id)
    if reader is not None:
        newcomer, begins = Screen(reader, stores[-1], play.room_id, has_read=0), reader.log.cursor
        newcomer.catch_up()
        newcomer.check_counts()
        before = {message.row.ref for message in first if message.seq <= begins}
        assert [_unthreaded(one) for one in newcomer.messages if one.row.ref not in before] == [
            _unthreaded(one) for one in first if one.seq > begins
        ]


def _unthreaded(message: Message) -> Message:
    """Whoever does not have the beginning of a thread keeps the name that its messages give it."""
    return replace(message, row=structs.replace(message.row, thread=None))
