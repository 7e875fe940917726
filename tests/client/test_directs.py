"""Direct messages between real clients: begun by one or by both at once, renewed, and with a hostile other."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from coterie.client import api, direct
from coterie.client import log as logs
from coterie.client.directs import Directs
from coterie.client.intent import Say
from coterie.client.log import Halt, Step
from coterie.client.people import KeyChanged
from coterie.client.placing import Placing
from coterie.errors import CoterieError, InvalidInput, Unavailable
from coterie.identity import AccountKey
from coterie.mls import TakeAll
from coterie.secret import Secret
from coterie.wire import frames as f
from tests.asynchronous import asynchronous
from tests.client import people
from tests.client.going_on import invite_by, settled, waited
from tests.client.house import PARTS, House, Person, error_of, house_in, passing, until
from tests.client.restoring import back_up, restore


@asynccontextmanager
async def strangers_in(folder: Path) -> AsyncIterator[tuple[House, Person, Person]]:
    """Alice and bobb are online, and have never met."""
    async with house_in(folder) as house:
        alice, bobb = house.person("alice"), house.person("bobb")
        async with alice.online(), bobb.online():
            await until(lambda: len(house.asked(f.UploadKeyPackages)) == 2 * PARTS)
            yield house, alice, bobb


@asynccontextmanager
async def two_in(folder: Path) -> AsyncIterator[tuple[House, Person, Person]]:
    """Alice has begun direct messages with bobb, and both have spoken."""
    async with strangers_in(folder) as (house, alice, bobb):
        await begun(house, alice, "bobb")
        await settled(house, [alice, bobb])
        for person, other in ((alice, bobb), (bobb, alice)):
            await person.say(f"{person.name} is here", f"@{other.name}")
            await settled(house, [alice, bobb])
        yield house, alice, bobb


def directs_of(person: Person) -> Directs:
    assert person.running is not None
    return Directs(person.running, Placing(person.running))


async def begun(house: House, person: Person, name: str) -> bytes:
    """The group that opening them gives."""
    return await passing(house.clock, asyncio.create_task(directs_of(person).open(name)))


async def renewed(house: House, person: Person) -> bytes:
    work = asyncio.create_task(directs_of(person).renew(person.log.group_id))
    return await passing(house.clock, work)


async def texts_of(person: Person, other: Person) -> list[str]:
    return await person.texts(f"@{other.name}")


async def both_read(house: House, alice: Person, bobb: Person, texts: set[str]) -> None:
    """Each shows each of them once, and both live in one group."""
    await waited(house, lambda: alice.log.group_id == bobb.log.group_id)
    await settled(house, [alice, bobb])
    for person, other in ((alice, bobb), (bobb, alice)):
        shown = await texts_of(person, other)
        assert sorted(shown) == sorted(texts)


def uninvited(house: House) -> None:
    """Nobody hears of an invitation until ``invited``."""
    house.lie = lambda body, name: f.Inbox(()) if isinstance(body, f.FetchInbox) else None


def invited(house: House, *persons: Person) -> None:
    house.tells_the_truth()
    for person in persons:
        house.connection(person.name).tell(f.InboxGrew())


# --- begun ---------------------------------------------------------------------------------------


@asynchronous
async def test_who_opens_direct_messages_is_heard_by_the_other(tmp_path: Path) -> None:
    async with two_in(tmp_path) as (house, alice, bobb):
        await both_read(house, alice, bobb, {"alice is here", "bobb is here"})
        assert [m.text for m in await alice.read("@bobb") if m.kind == "line"] == [
            "you began direct messages with bobb"
        ]
        assert [m.text for m in await bobb.read("@alice") if m.kind == "line"] == [
            "these are the direct messages of alice and bobb"
        ]
        assert alice.rooms.name(alice.rooms.room_id(alice.log.group_id)) == "bobb"


@asynchronous
async def test_direct_messages_that_there_are_open_without_the_server(tmp_path: Path) -> None:
    async with two_in(tmp_path) as (house, alice, bobb):
        house.go_down()
        for person, other in ((alice, bobb), (bobb, alice)):
            assert await directs_of(person).open(other.name) == person.log.group_id


@asynchronous
async def test_who_cannot_be_reached_is_refused_with_a_sentence(tmp_path: Path) -> None:
    async with strangers_in(tmp_path) as (house, alice, _):
        for name, kind in (("alice", InvalidInput), ("no name", InvalidInput)):
            assert isinstance(await error_of(directs_of(alice).open(name)), kind)
        assert isinstance(await error_of(begun(house, alice, "nobody")), CoterieError)
        house.go_down()
        assert isinstance(await error_of(begun(house, alice, "bobb")), Unavailable)
        assert not list(alice.rooms)


@asynchronous
async def test_opening_twice_at_once_begins_one_room(tmp_path: Path) -> None:
    async with strangers_in(tmp_path) as (house, alice, _):
        both = [asyncio.create_task(directs_of(alice).open("bobb")) for _ in range(2)]
        groups = {await passing(house.clock, work) for work in both}
        assert groups == {alice.log.group_id}


@asynchronous
async def test_other_who_could_not_be_added_is_added_when_they_are_opened_again(
    tmp_path: Path,
) -> None:
    """Nothing that was said meanwhile is lost."""
    async with strangers_in(tmp_path) as (house, alice, bobb):
        refused = f.Failed(f.Code.NOT_FOUND, "1 of those to be added are unknown or revoked")
        house.lies_to("alice", f.Post, refused)
        assert "unknown or revoked" in str(await error_of(begun(house, alice, "bobb")))
        house.tells_the_truth()
        room = alice.rooms.room_id(alice.log.group_id).hex()
        await passing(house.clock, alice.say_later("to nobody yet", room))
        await begun(house, alice, "bobb")
        await both_read(house, alice, bobb, {"to nobody yet"})


# --- begun by both at once -----------------------------------------------------------------------


@asynchronous
async def test_two_who_begin_at_once_end_in_the_group_of_the_lower_id(tmp_path: Path) -> None:
    async with strangers_in(tmp_path) as (house, alice, bobb):
        uninvited(house)
        groups = [await begun(house, alice, "bobb"), await begun(house, bobb, "alice")]
        assert alice.log.group_id != bobb.log.group_id
        await alice.say("said by alice, before she knew", "@bobb")
        await bobb.say("said by bobb, before he knew", "@alice")
        waiting = alice.say_later("on its way", "@bobb")
        invited(house, alice, bobb)
        await passing(house.clock, waiting)
        texts = {"said by alice, before she knew", "said by bobb, before he knew", "on its way"}
        await both_read(house, alice, bobb, texts)
        assert alice.log.group_id == min(groups)
        for person in (alice, bobb):
            assert "moved" not in [m.event for m in await person.read(None)]
            assert not person.notices
        await bobb.say("and on we go", "@alice")
        await both_read(house, alice, bobb, {*texts, "and on we go"})


@asynchronous
async def test_nothing_is_left_of_the_group_that_gave_way(tmp_path: Path) -> None:
    async with strangers_in(tmp_path) as (house, alice, bobb):
        uninvited(house)
        groups = [await begun(house, alice, "bobb"), await begun(house, bobb, "alice")]
        invited(house, alice, bobb)
        await both_read(house, alice, bobb, set())
        for person in (alice, bobb):
            assert person.running is not None
            store = person.running.store
            for table in ("log", "mls", "chain", "used", "outbox", "held_welcome"):
                query = f"SELECT count(*) FROM {table} WHERE group_id = ?"  # noqa: S608
                assert list(store._db.execute(query, (max(groups),))) == [(0,)]
            assert store.has_declined(max(groups))


@asynchronous
async def test_who_was_away_while_both_began_comes_to_the_same_group(tmp_path: Path) -> None:
    async with strangers_in(tmp_path) as (house, alice, bobb):
        uninvited(house)
        await begun(house, alice, "bobb")
        await begun(house, bobb, "alice")
        await bobb.say("before he went", "@alice")
        house.cut()
        house.tells_the_truth()
        await both_read(house, alice, bobb, {"before he went"})


# --- renewed -------------------------------------------------------------------------------------


@asynchronous
async def test_lost_direct_messages_go_on_in_the_group_that_either_makes(tmp_path: Path) -> None:
    async with two_in(tmp_path) as (house, alice, bobb):
        copy, old = back_up(house), alice.log.group_id
        await alice.say("lost by the server", "@bobb")
        await settled(house, [alice, bobb])
        await restore(house, copy)
        await waited(house, lambda: alice.log.halt is bobb.log.halt is Halt.LOST)
        room = (await alice.room("bobb")).reason
        assert "coterie room renew @bobb" in room
        assert await renewed(house, bobb) < old
        texts = {"alice is here", "bobb is here", "lost by the server"}
        await both_read(house, alice, bobb, texts)
        await alice.say("found again", "@bobb")
        await both_read(house, alice, bobb, {*texts, "found again"})


@asynchronous
async def test_two_who_renew_at_once_come_to_one_group(tmp_path: Path) -> None:
    async with two_in(tmp_path) as (house, alice, bobb):
        uninvited(house)
        groups = [await renewed(house, alice), await renewed(house, bobb)]
        invited(house, alice, bobb)
        await both_read(house, alice, bobb, {"alice is here", "bobb is here"})
        assert alice.log.group_id == min(groups)


@asynchronous
async def test_what_was_said_to_who_had_renewed_already_is_said_again(tmp_path: Path) -> None:
    async with two_in(tmp_path) as (house, alice, bobb):
        uninvited(house)
        await renewed(house, bobb)
        await alice.say("into the old group", "@bobb")
        invited(house, alice, bobb)
        await both_read(house, alice, bobb, {"alice is here", "bobb is here", "into the old group"})
        moved = [m.text for m in await alice.read("@bobb") if m.event == "moved"]
        assert moved == ["these direct messages go on in a new group that bobb made"]


@asynchronous
async def test_stuck_side_renews_and_nobody_is_left_out(tmp_path: Path) -> None:
    async with two_in(tmp_path) as (house, alice, bobb):
        alice.rooms.save(alice.log, Step(replace(alice.log, halt=Halt.STUCK, stuck_by="bobb")))
        await renewed(house, alice)
        await both_read(house, alice, bobb, {"alice is here", "bobb is here"})


# --- another key ---------------------------------------------------------------------------------


@asynchronous
async def test_account_that_was_made_anew_has_direct_messages_of_its_own(tmp_path: Path) -> None:
    """Who comes with bobb's name and another key is shown apart, and nothing of the old goes to him."""
    async with two_in(tmp_path) as (house, alice, _):
        old = alice.log.group_id
        other = people.new_device("bobb", AccountKey(Secret(b"o" * 32)))
        invite(house, alice, other, b"\x00" * 16)
        await until(lambda: len(alice.rooms.shown()) == 2)
        (new,) = set(alice.rooms.shown()) - {old}
        assert direct.partner(alice.rooms.log(new)) == "bobb"
        assert alice.rooms.room_id(new) != alice.rooms.room_id(old)
        assert alice.rooms.strangers(new) == ["bobb"]
        assert await directs_of(alice).open("bobb") == old


@asynchronous
async def test_who_was_verified_is_a_line_of_ones_own_in_the_direct_messages_with_him(
    tmp_path: Path,
) -> None:
    async with two_in(tmp_path) as (_, alice, bobb):
        await alice.ask(api.VerifyAccount("bobb", compared=True))
        lines = [m.text for m in await alice.read("@bobb") if m.event == "verified"]
        assert len(lines) == 1
        assert lines[0].startswith("you verified bobb: ")
        assert "verified" not in [m.event for m in await bobb.read("@alice")]


@asynchronous
async def test_direct_messages_are_opened_and_refused_as_a_screen_asks(tmp_path: Path) -> None:
    async with two_in(tmp_path) as (house, alice, bobb):
        room = await alice.ask(api.OpenDirect("bobb"))
        assert isinstance(room, api.Room)
        assert (room.direct, room.name, room.members, room.admin) == ("bobb", "bobb", 2, True)
        for request in (
            api.LeaveRoom("@bobb"),
            api.AddMembers("@bobb", ("carol",)),
            api.RemoveMember("@bobb", "bobb"),
            api.SetAdmin("@bobb", "bobb", admin=False),
            api.ChangeRoom("@bobb", name="ours"),
        ):
            assert isinstance(await error_of(alice.ask(request)), InvalidInput)
        work = asyncio.create_task(alice.ask(api.ChangeRoom("@bobb", topic="lunch")))
        await passing(house.clock, work)
        await settled(house, [alice, bobb])
        assert (await bobb.read("@alice"))[-1].text == "alice set the topic to: lunch"


@asynchronous
async def test_neither_deletes_what_the_other_said_and_each_his_own(tmp_path: Path) -> None:
    async with two_in(tmp_path) as (house, alice, bobb):
        said = {m.text: m.ref for m in await alice.read("@bobb") if m.kind == "text"}
        error = await error_of(
            passing(
                house.clock,
                asyncio.create_task(bobb.ask(api.DeleteMessage("@alice", said["alice is here"]))),
            )
        )
        assert str(error) == "alice wrote it: only that account may delete it"
        await bobb.ask(api.DeleteMessage("@alice", said["bobb is here"]))
        await waited(house, lambda: not bobb.log.outbox)
        await settled(house, [alice, bobb])
        assert await alice.texts("@bobb") == ["alice is here", ""]


# --- hostile -------------------------------------------------------------------------------------


def invite(house: House, person: Person, maker: people.Device, group_id: bytes) -> None:
    """Into direct messages that the maker begins under that id; the server puts it into the inbox."""
    mine = person.account.account_public_key
    fake = people.Room(group_id=group_id)
    reader = fake.create(maker, direct.new_state(maker.account_key, mine))
    invite_past_the_rules(reader, house, person)


def invite_past_the_rules(reader: people.Reader, house: House, person: Person) -> None:
    """By a program that keeps to none."""
    reader.log = replace(reader.log, group=replace(reader.group, policy=TakeAll()))
    invite_by(reader, house, person)


def bobbs_device() -> people.Device:
    """A hostile program with bobb's account key."""
    return people.new_device("bobb", AccountKey(Secret(sha256(b"bobb").digest())))


@asynchronous
async def test_other_who_makes_ten_groups_makes_one_room(tmp_path: Path) -> None:
    """What alice has said there waits to be said again, each once."""
    async with two_in(tmp_path) as (house, alice, _):
        room_id, first = alice.rooms.room_id(alice.log.group_id), alice.log.group_id
        await alice.say("the last word", "@bobb")
        lower = [bytes([0, number]) + b"x" * 14 for number in (9, 5, 7, 3, 8, 2, 6, 4, 1, 10)]
        for group_id in (*lower, b"\xff" * 16):
            invite(house, alice, bobbs_device(), group_id)
        await waited(house, lambda: alice.log.group_id == min(lower))
        assert alice.log.group_id < first
        assert alice.rooms.room_id(alice.log.group_id) == room_id
        assert await alice.texts("@bobb") == ["alice is here", "bobb is here", "the last word"]
        ids = [out.message_id for out in alice.log.outbox if isinstance(out.intent, Say)]
        assert len(ids) == len(set(ids)) == 2
        assert not alice.rooms.has_held_welcome(alice.log.group_id)


@asynchronous
async def test_group_that_the_room_has_left_is_not_joined_again(tmp_path: Path) -> None:
    async with two_in(tmp_path) as (house, alice, bobb):
        old = alice.log.group_id
        await renewed(house, bobb)
        await both_read(house, alice, bobb, {"alice is here", "bobb is here"})
        here = alice.log.group_id
        invite(house, alice, bobbs_device(), old)
        await until(lambda: not inbox_of(house, alice))
        assert alice.log.group_id == here


@asynchronous
async def test_third_account_lets_nobody_into_the_direct_messages_of_two(tmp_path: Path) -> None:
    async with two_in(tmp_path) as (house, alice, bobb):
        old, carol = alice.log.group_id, people.new_device("carol")
        keys = alice.account.account_public_key, bobb.account.account_public_key
        group_id = bytes(16)
        state = direct.new_state(*keys)
        group = people.new_group(carol, people.new_state(carol), group_id=group_id)
        context = replace(group.context, extensions=people.extensions_of(state))
        made = logs.create(replace(group, context=context), carol.id, people.NOW)
        reader = people.Reader(people.Room(group_id=group_id), carol, made)
        invite_past_the_rules(reader, house, alice)
        await until(lambda: bool(alice.notices))
        assert "direct-room: a third account" in alice.notices[-1]
        assert list(alice.rooms) == [old]


def inbox_of(house: House, person: Person) -> tuple[f.InboxItem, ...]:
    inbox, _ = house.shared.store.reading.inbox(person.account.device, 0)
    return inbox.items


@asynchronous
async def test_key_that_changed_is_acknowledged_before_direct_messages_begin(
    tmp_path: Path,
) -> None:
    async with strangers_in(tmp_path) as (house, alice, _):
        running = alice.running
        assert running is not None
        await begun(house, alice, "bobb")
        known = running.people.known("bobb")
        assert known is not None
        other_key = replace(known.pin, account_key=b"k" * 32)
        running.store.save_account(replace(known, pin=other_key))
        assert isinstance(await error_of(begun(house, alice, "bobb")), KeyChanged)
