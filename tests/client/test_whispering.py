"""Who types and who is there, as people with whole clients tell each other, and to whom they do not."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, cast

from coterie.client import api
from coterie.client.around import PRESENCE_LASTS_S, SAY_PRESENCE_EVERY_S, TYPING_LASTS_S
from coterie.client.fleeting import NONCE_SIZE, Presence, Typing, Whispers
from coterie.client.log import Halt
from coterie.client.whispering import GREET_AFTER_S, MOST_GREETED, Whispering, _Epoch
from coterie.wire import frames as f
from coterie.wire.limits import MAX_HEARERS, WHISPER_SIZE
from tests.asynchronous import asynchronous
from tests.client.house import House, Person, pair_in, until
from tests.fakes import FakeClock, settle

if TYPE_CHECKING:
    from coterie.client.rooms import Rooms


def whispering(person: Person) -> Whispering:
    assert person.running is not None
    return person.running.whispering


def now_ms(house: House) -> int:
    return int(house.clock.now() * 1000)


@dataclass
class Pair:
    """Alice and bobb, with nothing said yet, and what bobb's screen was told."""

    house: House
    alice: Person
    bobb: Person
    told: list[api.Around] = field(default_factory=list)

    def __post_init__(self) -> None:
        (self.group_id,) = self.bobb.rooms
        self.room_id = self.bobb.rooms.room_id(self.group_id)
        bobbs = whispering(self.bobb)
        bobbs.on_around = lambda room_id: self.told.append(bobbs.around(room_id))
        for person in (self.alice, self.bobb):
            person.rooms.mark_read(self.room_id)

    def around(self, *typing: str, **presence: api.PresenceWord) -> api.Around:
        """What there is to be told."""
        return api.Around(self.room_id.hex(), typing, presence)

    def whispers(self, name: str) -> int:
        """How many that account has sent."""
        return len(self.house.asked(f.Whisper, name))

    async def bobb_hears(self, sealed: bytes) -> None:
        """From the server, whoever may have made it."""
        self.house.connection("bobb").tell(f.Whispered(self.group_id, sealed))
        await settle()


@asynccontextmanager
async def pair(folder: Path) -> AsyncIterator[Pair]:
    async with pair_in(folder) as (house, alice, bobb):
        yield Pair(house, alice, bobb)


# --- typing --------------------------------------------------------------------------------------


@asynchronous
async def test_who_types_is_seen_typing_until_the_composer_is_empty_or_nothing_more_is_said(
    tmp_path: Path,
) -> None:
    """A client that was killed cannot say that its person has stopped."""
    async with pair(tmp_path) as p:
        for _ in range(20):
            whispering(p.alice).typed(p.room_id)
        await settle()
        assert p.told == [p.around("alice")]
        assert p.whispers("alice") == 1, "each key was told"
        whispering(p.alice).emptied(p.room_id)
        await settle()
        assert p.told == [p.around("alice"), p.around()]
        whispering(p.alice).typed(p.room_id)
        await p.house.clock.advance(TYPING_LASTS_S - 1)
        assert p.told[2:] == [p.around("alice")]
        await p.house.clock.advance(1)
        assert p.told[2:] == [p.around("alice"), p.around()]


@asynchronous
async def test_who_has_sent_a_message_types_no_more_and_is_seen_typing_the_next_at_once(
    tmp_path: Path,
) -> None:
    async with pair(tmp_path) as p:
        whispering(p.alice).typed(p.room_id)
        await settle()
        whispering(p.alice).sent(p.room_id)
        whispering(p.bobb).said(p.room_id, "alice")
        assert p.told[1:] == [p.around()]
        whispering(p.alice).typed(p.room_id)
        await settle()
        assert p.told[2:] == [p.around("alice")]


# --- presence ------------------------------------------------------------------------------------


@asynchronous
async def test_presence_is_said_again_and_again_and_unknown_when_it_is_not(tmp_path: Path) -> None:
    async with pair(tmp_path) as p:
        whispering(p.alice).present("online")
        await p.house.clock.advance(3 * SAY_PRESENCE_EVERY_S)
        whispering(p.alice).present("away")
        await settle()
        assert p.told == [p.around(alice="online"), p.around(alice="away")]
        assert p.whispers("alice") == 5
        p.house.is_mute = True
        await p.house.clock.advance(PRESENCE_LASTS_S)
        assert p.told[2:] == [p.around()]


@asynchronous
async def test_who_goes_says_so_and_then_nothing_more(tmp_path: Path) -> None:
    async with pair(tmp_path) as p:
        whispering(p.alice).present("online")
        whispering(p.alice).present("offline")
        await p.house.clock.advance(2 * SAY_PRESENCE_EVERY_S)
        assert p.told == [p.around(alice="online"), p.around(alice="offline")]
        assert p.whispers("alice") == 2


@asynchronous
async def test_client_that_ends_says_that_nobody_is_there_any_more(tmp_path: Path) -> None:
    async with pair(tmp_path) as p:
        whispering(p.alice).present("online")
        await settle()
        carol = p.house.person("carol")  # whose client says nothing, also at its end
        async with carol.online():
            await until(lambda: carol.running is not None and carol.running.sync.caught_up.is_set())
        assert p.house.asked(f.Whisper, "carol") == []
        assert p.alice.running is not None
        await p.alice.running.__aexit__(None, None, None)
        await until(lambda: p.told[-1] == p.around(alice="offline"))


@asynchronous
async def test_nothing_is_said_unasked(tmp_path: Path) -> None:
    """Of whom nothing was asked the others see neither that he is there nor that he is not."""
    async with pair(tmp_path) as p:
        whispering(p.bobb).present("online")
        whispering(p.alice).present("offline")
        await p.house.clock.advance(2 * SAY_PRESENCE_EVERY_S)
        assert p.whispers("alice") == 0
        assert p.told == []


@asynchronous
async def test_who_comes_learns_in_a_moment_who_is_there_and_greetings_end(tmp_path: Path) -> None:
    """Two who came within a second did not see each other for a minute."""
    async with pair(tmp_path) as p:
        p.house.is_mute = True  # bobb is not there yet
        whispering(p.alice).present("online")
        await settle()
        p.house.is_mute = False
        whispering(p.bobb).present("online")
        await p.house.clock.advance(GREET_AFTER_S)
        assert whispering(p.alice).around(p.room_id) == p.around(bobb="online")
        assert whispering(p.bobb).around(p.room_id) == p.around(alice="online")
        await p.alice.say("hello")  # which is no newcomer
        await p.bobb.in_step()
        await p.house.clock.advance(SAY_PRESENCE_EVERY_S - 2 * GREET_AFTER_S)
        assert (p.whispers("alice"), p.whispers("bobb")) == (2, 2)


@asynchronous
async def test_who_comes_and_goes_all_the_time_is_greeted_once_a_second(tmp_path: Path) -> None:
    """Any member can forge it in the name of any other."""
    async with pair(tmp_path) as p:
        whispering(p.alice).present("online")
        for _ in range(20):
            whispering(p.bobb).present("online")
            whispering(p.bobb).present("offline")
            await settle()
        await p.house.clock.advance(GREET_AFTER_S)
        assert p.whispers("bobb") == 40
        assert p.whispers("alice") == 2


@asynchronous
async def test_who_is_added_learns_in_a_moment_who_is_there_and_they_of_him(tmp_path: Path) -> None:
    """In a new direct message neither knew for a minute that the other was there."""
    async with pair(tmp_path) as p:
        carol = p.house.person("carol")
        async with carol.online():
            await until(lambda: carol.running is not None and carol.running.sync.caught_up.is_set())
            for person in (p.alice, p.bobb, carol):
                whispering(person).present("online")
            await p.house.clock.advance(3 * GREET_AFTER_S)  # they have greeted each other
            await p.alice.ask(api.AddMembers("ops", ("carol",)))
            await carol.in_step()
            await p.house.clock.advance(2 * GREET_AFTER_S)
            assert whispering(carol).around(p.room_id) == p.around(alice="online", bobb="online")
            await carol.ask(api.MarkRead("ops"))
            await settle()
            assert p.told[-1] == p.around(alice="online", carol="online")


@asynchronous
async def test_who_is_let_into_a_room_unasked_tells_nobody_there_before_looking(
    tmp_path: Path,
) -> None:
    """Else whoever makes rooms with somebody in them would know when that one is there."""
    async with pair(tmp_path) as p:
        whispering(p.bobb).present("online")
        room = await p.alice.create("bobb", room="trap")
        await until(lambda: p.bobb.rooms.group_of(bytes.fromhex(room.room_id)) is not None)
        whispering(p.alice).present("online")
        await p.house.clock.advance(2 * SAY_PRESENCE_EVERY_S)
        asked = p.house.asked(f.Whisper, "bobb")
        assert {whisper.group for whisper in asked} == {p.group_id}
        await p.bobb.ask(api.MarkRead("trap"))
        await settle()
        assert whispering(p.alice).around(bytes.fromhex(room.room_id)).presence == {
            "bobb": "online"
        }


@asynchronous
async def test_presence_is_said_anew_on_the_next_connection(tmp_path: Path) -> None:
    async with pair(tmp_path) as p:
        whispering(p.alice).present("online")
        await settle()
        p.house.cut("alice")
        await p.house.clock.advance(30.0)
        assert p.whispers("alice") == 2
        whispering(p.alice).typed(p.room_id)
        await settle()
        assert p.told[-1] == p.around("alice", alice="online")


# --- what is dropped -----------------------------------------------------------------------------


@asynchronous
async def test_what_is_replayed_forged_or_of_nobody_changes_nothing(tmp_path: Path) -> None:
    async with pair(tmp_path) as p:
        whispering(p.alice).typed(p.room_id)
        await settle()
        whispering(p.alice).emptied(p.room_id)
        await settle()
        assert p.told == [p.around("alice"), p.around()]
        (typed, _) = (whisper.sealed for whisper in p.house.asked(f.Whisper, "alice"))
        await p.bobb_hears(typed)
        await p.bobb_hears(bytes(len(typed)))
        bobbs_own = Whispers.of(p.bobb.log.group)
        await p.bobb_hears(bobbs_own.seal(Typing(), now_ms(p.house), bytes(NONCE_SIZE)))
        whispering(p.bobb).heard(f.Whispered(b"?" * 16, typed))
        assert len(p.told) == 2
        # Any member can make one in the name of any other: so it does no more than show.
        forger, later = Whispers.of(p.bobb.log.group), now_ms(p.house) + 10
        forger._own_leaf = p.alice.log.group.own_leaf_index
        await p.bobb_hears(forger.seal(Presence("away"), later, bytes(NONCE_SIZE)))
        assert p.told[2:] == [p.around(alice="away")]
        await p.alice.say("hello")
        await p.bobb.in_step()  # and the connection is as before
        assert await p.bobb.texts() == ["hello"]


class Crowd:
    """A room of so many devices, and its only group: as much as is looked at before it is known to be too many."""

    epoch, halt = 7, Halt.OPEN

    def __init__(self, devices: int) -> None:
        self._devices = devices
        self.group = self

    def __contains__(self, group_id: bytes) -> bool:
        return True

    def log(self, group_id: bytes) -> "Crowd":
        return self

    def members(self) -> range:
        return range(self._devices)

    def group_of(self, room_id: bytes) -> bytes:
        return room_id

    def shown(self) -> list[bytes]:
        return []

    def strangers(self, group_id: bytes) -> list[str]:
        return []


def test_in_a_room_of_too_many_nothing_is_whispered_or_heard() -> None:
    sent: list[f.Whisper] = []
    rooms = cast("Rooms", Crowd(MAX_HEARERS + 1))
    alices = Whispering(rooms, "alice", FakeClock(), sent.append)
    alices.connected()
    alices.typed(b"r" * 16)
    alices.heard(f.Whispered(b"r" * 16, bytes(WHISPER_SIZE)))
    assert sent == []
    assert alices.around(b"r" * 16) == api.Around((b"r" * 16).hex(), (), {})


def test_nobody_is_greeted_in_a_larger_room() -> None:
    for devices, delays in ((MOST_GREETED, [GREET_AFTER_S]), (MOST_GREETED + 1, [])):
        clock = FakeClock()
        alices = Whispering(cast("Rooms", Crowd(devices)), "alice", clock, lambda whisper: None)
        alices.present("online")
        alices._greet(b"r" * 16, _Epoch(7, devices, {}, None))
        assert clock.delays() == delays


# --- epochs and members --------------------------------------------------------------------------


@asynchronous
async def test_key_of_an_epoch_is_dropped_with_it_and_the_next_one_is_used(tmp_path: Path) -> None:
    async with pair(tmp_path) as p:
        carol = p.house.person("carol")
        async with carol.online():
            await until(lambda: carol.running is not None and carol.running.sync.caught_up.is_set())
            whispering(p.alice).typed(p.room_id)
            whispering(p.alice).emptied(p.room_id)
            await settle()
            assert p.group_id in whispering(p.bobb)._epochs
            await p.alice.ask(api.AddMembers("ops", ("carol",)))
            await p.bobb.in_step()
            assert whispering(p.bobb)._epochs == {}
            await carol.in_step()
            await p.bobb.in_step()
            whispering(p.alice).sent(p.room_id)
            whispering(p.alice).typed(p.room_id)
            await settle()
            assert whispering(carol).around(p.room_id) == p.around("alice")
            assert p.told[-1] == p.around("alice")


@asynchronous
async def test_who_was_removed_is_not_around_any_more(tmp_path: Path) -> None:
    async with pair(tmp_path) as p:
        told: list[api.Around] = []
        alices = whispering(p.alice)
        alices.on_around = lambda room_id: told.append(alices.around(room_id))
        whispering(p.bobb).present("online")
        whispering(p.bobb).typed(p.room_id)
        await settle()
        await p.alice.ask(api.RemoveMember("ops", "bobb"))
        assert told[1:] == [p.around("bobb", bobb="online"), p.around()]
        await until(lambda: p.bobb.log.halt is Halt.REMOVED)
        whispering(p.bobb).sent(p.room_id)
        whispering(p.bobb).typed(p.room_id)
        await settle()
        assert p.whispers("bobb") == 2, "it whispers in a room that it is not in"


@asynchronous
async def test_without_a_room_or_a_connection_nothing_happens(tmp_path: Path) -> None:
    async with pair(tmp_path) as p:
        alices, unknown = whispering(p.alice), b"?" * 16
        alices.typed(unknown)
        alices.said(unknown, "bobb")
        assert alices.around(unknown) == api.Around(unknown.hex(), (), {})
        p.house.go_down()
        await settle()
        alices.typed(p.room_id)
        alices.present("online")
        await settle()
        assert p.whispers("alice") == 0
