"""Invitations: a Welcome is taken once, and only for a group that the device is not in."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest
from msgspec import structs

from coterie.client.api import Acknowledge, AddMembers, RemoveMember, Result, SendText
from coterie.client.intent import Change, Say
from coterie.client.key_packages import KEPT_ON_SERVER
from coterie.client.link import BACK_OFF_CAP_S
from coterie.client.log import Halt, Step
from coterie.client.room_policy import room_state_of
from coterie.client.room_state import RoomState
from coterie.content import Text, encode
from coterie.errors import StorageError
from coterie.identity import AccountKey
from coterie.secret import Secret
from coterie.wire import frames as f
from tests.asynchronous import asynchronous
from tests.client import people
from tests.client.going_on import invite_by
from tests.client.house import House, Lie, Person, error_of, house_in, pair_in, passing, until


@asynccontextmanager
async def invited_in(folder: Path) -> AsyncIterator[tuple[House, Person, Person, f.InboxItem]]:
    """Alice is online and has made #ops with bobb, who is not; and the invitation as it waits for him."""
    async with house_in(folder) as house:
        alice, bobb = house.person("alice"), house.person("bobb")
        async with alice.online():
            async with bobb.online():
                await until(lambda: len(house.asked(f.UploadKeyPackages)) == 6)
            await alice.create("bobb")
            inbox, _ = house.shared.store.reading.inbox(bobb.account.device, 0)
            yield house, alice, bobb, inbox.items[0]


async def caught_up(person: Person) -> None:
    running = person.running
    assert running is not None
    await until(running.sync.caught_up.is_set)


@asynchronous
async def test_an_invitation_that_waited_is_taken_on_connecting(tmp_path: Path) -> None:
    async with invited_in(tmp_path) as (house, alice, bobb, _), bobb.online():
        await alice.say("hello")
        await caught_up(bobb)
        await bobb.in_step()
        assert await bobb.texts() == ["hello"]
        inbox, _ = house.shared.store.reading.inbox(bobb.account.device, 0)
        assert not inbox.items  # the next request said that it was taken


@pytest.mark.parametrize("at", [0, 5, 40, 100, 300, 700, -1])
@asynchronous
async def test_a_garbled_invitation_is_told_once_and_the_next_one_opens(
    tmp_path: Path, at: int
) -> None:
    async with invited_in(tmp_path) as (house, alice, bobb, item):
        garbled = bytearray(item.welcome)
        garbled[at] ^= 0x41
        house.lie = _inboxes("bobb", structs.replace(item, welcome=bytes(garbled)))
        async with bobb.online():
            await caught_up(bobb)
            assert not list(bobb.rooms)
            assert len(bobb.notices) == 1
            assert bobb.notices[0].startswith("an invitation to a room does not open: ")
            house.tells_the_truth()
            await alice.ask(RemoveMember("ops", "bobb"))
            await passing(house.clock, _again(alice))
            await bobb.in_step()
            await bobb.say("hello")
            await alice.in_step()
            assert await alice.texts() == ["hello"]
        assert len(bobb.notices) == 1


def _again(alice: Person) -> "asyncio.Task[Result]":
    return asyncio.create_task(alice.ask(AddMembers("ops", ("bobb",))))


@pytest.mark.parametrize("size", [0, 1, 50, 500])
@asynchronous
async def test_a_truncated_invitation_is_told_and_passed_over(tmp_path: Path, size: int) -> None:
    async with invited_in(tmp_path) as (house, _, bobb, item):
        house.lie = _inboxes("bobb", structs.replace(item, welcome=item.welcome[:size]))
        async with bobb.online():
            await caught_up(bobb)
            assert not list(bobb.rooms)
            assert len(bobb.notices) == 1


@asynchronous
async def test_the_same_invitation_twice_changes_nothing(tmp_path: Path) -> None:
    async with invited_in(tmp_path) as (house, alice, bobb, item):
        house.lie = _inboxes("bobb", item, structs.replace(item, number=2))
        async with bobb.online():
            await caught_up(bobb)
            await bobb.say("hello")
            await alice.in_step()
            assert await alice.texts() == ["hello"]
            assert (await bobb.events()).count("joined") == 1


@asynchronous
async def test_an_invitation_under_another_groups_name_is_refused(tmp_path: Path) -> None:
    async with invited_in(tmp_path) as (house, _, bobb, item):
        house.lie = _inboxes("bobb", structs.replace(item, group=b"?" * 16))
        async with bobb.online():
            await caught_up(bobb)
            assert not list(bobb.rooms)
            assert "welcome-group" in bobb.notices[0]


@asynchronous
async def test_numbers_that_do_not_rise_end_the_connection_and_are_not_a_hot_loop(
    tmp_path: Path,
) -> None:
    async with invited_in(tmp_path) as (house, _, bobb, item):
        house.lie = _inboxes("bobb", item, item)
        async with bobb.online():
            await house.clock.advance(900.0)
            assert len(house.asked(f.FetchInbox, "bobb")) < 1.5 * 900 / (BACK_OFF_CAP_S / 2)
            assert "the connection was dropped: inbox item 1 after 1" in bobb.notices


@asynchronous
async def test_another_group_in_place_of_the_one_the_device_is_in_is_refused(
    tmp_path: Path,
) -> None:
    """A member (with the server's help, anybody) could show bobb a room of the same name with himself alone in it."""
    async with pair_in(tmp_path) as (house, alice, bobb):
        _invite_into_a_fake(house, bobb, room_state_of(alice.log.group))
        await until(lambda: bool(bobb.notices))
        assert "welcome-member" in bobb.notices[-1]
        await bobb.say("hello")
        await alice.in_step()
        assert await alice.texts() == ["hello"]


@asynchronous
async def test_a_group_that_comes_back_as_another_room_is_refused(tmp_path: Path) -> None:
    """The server knows a group's id and not its room's: it could end the one, and be sent what waits in the other."""
    async with pair_in(tmp_path) as (house, alice, bobb):
        house.lies_to("bobb", f.Subscribe, f.Diverged(0, ()))
        bobb.rooms.lost(bobb.log.group_id, "some entries")
        waits = bobb.rooms.enqueue(bobb.log.group_id, Say(encode(Text("never posted", 0))))
        real = room_state_of(alice.log.group)
        _invite_into_a_fake(house, bobb, structs.replace(real, room_id=b"another room, no"))
        await until(lambda: bool(bobb.notices))
        assert "welcome-room" in bobb.notices[-1]
        assert bobb.log.halt is Halt.LOST
        assert not waits.placed.done()


@pytest.mark.parametrize("halt", [Halt.LOST, Halt.STUCK, Halt.OLDER_COPY])
@asynchronous
async def test_nobody_from_outside_takes_a_room_over_where_its_log_is_not_read(
    tmp_path: Path, halt: Halt
) -> None:
    """He needs the server's help: who is in the room does not see it."""
    async with pair_in(tmp_path) as (house, alice, bobb):
        house.lies_to("bobb", f.Subscribe, f.Diverged(0, ()))
        bobb.rooms.save(bobb.log, Step(replace(bobb.log, halt=halt, let_in_by="")))
        _invite_into_a_fake(house, bobb, room_state_of(alice.log.group))
        await until(lambda: bool(bobb.notices))
        assert ("welcome-member" if halt is Halt.LOST else "welcome-stranger") in bobb.notices[-1]
        assert (bobb.log.halt, bobb.log.group.epoch) == (halt, alice.log.group.epoch)


@asynchronous
async def test_what_waits_is_not_sent_to_people_whom_the_room_did_not_have(tmp_path: Path) -> None:
    """Who knows the room, together with the server, could put himself into it anew with whom he likes."""
    async with pair_in(tmp_path) as (house, alice, bobb):
        bobb.rooms.save(bobb.log, Step(replace(bobb.log, halt=Halt.STUCK, let_in_by="alice")))
        waits = bobb.rooms.enqueue(bobb.log.group_id, Say(encode(Text("never posted", 0))))
        _invite_into_a_fake(house, bobb, room_state_of(alice.log.group))
        assert "mallory" in str(await error_of(waits.placed))
        assert not bobb.log.outbox


@pytest.mark.parametrize("seq", [2**63 - 1, 2**64 - 1])
@asynchronous
async def test_an_invitation_to_begin_where_no_log_ends_does_not_keep_others_from_being_read(
    tmp_path: Path, seq: int
) -> None:
    async with pair_in(tmp_path) as (house, alice, bobb):
        state = structs.replace(room_state_of(alice.log.group), room_id=b"another room, no")
        _invite_into_a_fake(house, bobb, state, group_id=b"F" * 16, seq=seq)
        await until(lambda: bool(bobb.notices))
        assert "welcome-position" in bobb.notices[-1]
        assert list(bobb.rooms) == [alice.log.group_id]


def _invite_into_a_fake(
    house: House,
    bobb: Person,
    state: RoomState,
    group_id: bytes | None = None,
    seq: int | None = None,
) -> None:
    """Into a group that mallory made: with the id of bobb's, and of a higher epoch, unless another is given."""
    mallory = people.new_device("mallory", AccountKey(Secret(b"m" * 32)))
    fake = people.Room(group_id=group_id or bobb.log.group_id)
    reader = fake.create(mallory, structs.replace(state, admins=(mallory.account_key,)))
    for _ in range(9):
        reader.want(Change())
        fake.settle()
    if seq is not None:
        reader.log = replace(reader.log, cursor=seq)
    invite_by(reader, house, bobb)


@asynchronous
async def test_who_was_removed_and_added_anew_while_away_reads_both_and_goes_on(
    tmp_path: Path,
) -> None:
    """What he had written meanwhile is not lost unheard."""
    async with pair_in(tmp_path) as (house, alice, bobb):
        house.is_mute = True
        house.cut("bobb")
        await bobb.ask(SendText("ops", "written on the train", wait=False))
        await alice.ask(RemoveMember("ops", "bobb"))
        await passing(house.clock, _again(alice))
        house.is_mute = False
        await house.clock.advance(30.0)
        await bobb.in_step()
        assert bobb.log.halt is Halt.OPEN
        events = await bobb.events()
        assert [e for e in events if e in ("removed", "dropped", "joined")][-3:] == [
            "removed",
            "dropped",
            "joined",
        ]
        await bobb.say("hello again")
        await alice.in_step()
        assert await alice.texts() == ["hello again"]


@asynchronous
async def test_who_is_removed_and_added_anew_just_when_he_connects_stays_on_the_list(
    tmp_path: Path,
) -> None:
    """He read that he was removed, and took himself off the list on which he was again."""
    async with pair_in(tmp_path) as (house, alice, bobb):
        go_on, has_looked = asyncio.Event(), asyncio.Event()

        async def gate(body: f.RequestBody, name: str) -> None:
            if name == "bobb" and isinstance(body, f.FetchInbox):
                has_looked.set()
            if name == "bobb" and isinstance(body, f.Subscribe):
                await has_looked.wait()
                await go_on.wait()

        house.gate = gate
        house.cut("bobb")
        await house.clock.advance(1.0)
        assert has_looked.is_set()  # there was no invitation yet
        await alice.ask(RemoveMember("ops", "bobb"))
        await passing(house.clock, _again(alice))
        go_on.set()
        await until(lambda: bobb.log.halt is Halt.OPEN and bobb.log.heal_first)
        await bobb.in_step()
        await bobb.say("hello again")
        await alice.in_step()
        assert await alice.texts() == ["hello again"]
        assert not house.asked(f.ChangeList, "bobb")


@asynchronous
async def test_who_is_removed_and_added_anew_while_his_log_seemed_lost_reads_both(
    tmp_path: Path,
) -> None:
    """An invitation to a lost log is refused: so it is looked at again before, and nothing of it was skipped."""
    async with pair_in(tmp_path) as (house, alice, bobb):
        house.lies_to("bobb", f.Post, f.Ahead(0))
        waiting = bobb.say_later("posted")
        await until(lambda: bobb.log.halt is Halt.LOST)
        house.tells_the_truth()
        await alice.say("said meanwhile")
        await alice.ask(RemoveMember("ops", "bobb"))
        await passing(house.clock, _again(alice))
        await error_of(waiting)
        await bobb.in_step()
        events = [e for e in await bobb.events() if e in ("lost", "found", "removed", "joined")]
        assert events[-4:] == ["lost", "found", "removed", "joined"]
        assert await bobb.texts() == ["said meanwhile"]
        await passing(house.clock, bobb.say_later("hello again"))
        await alice.in_step()
        assert await alice.texts() == ["said meanwhile", "hello again"]


@asynchronous
async def test_a_fork_that_nobody_acknowledged_stops_the_room_after_an_invitation_too(
    tmp_path: Path,
) -> None:
    async with pair_in(tmp_path) as (house, alice, bobb):
        seen = MappingProxyType({alice.account.device: False})
        forked = replace(bobb.log, halt=Halt.FORKED, forks=seen)
        bobb.rooms.save(bobb.log, Step(forked))
        await alice.ask(RemoveMember("ops", "bobb"))
        await passing(house.clock, _again(alice))
        await bobb.in_step()
        assert (await bobb.events())[-2:] == ["removed", "joined"]
        assert bobb.log.halt is Halt.FORKED
        await bobb.ask(Acknowledge(room="ops"))
        await passing(house.clock, bobb.say_later("hello again"))
        await alice.in_step()
        assert await alice.texts() == ["hello again"]


@asynchronous
async def test_an_invitation_of_last_resort_cannot_be_shown_again_after_a_removal(
    tmp_path: Path,
) -> None:
    """Its key stays, so it would open: the server could put a removed member back into his past."""
    async with house_in(tmp_path) as house:
        alice, bobb = house.person("alice"), house.person("bobb")
        async with bobb.online(), alice.online():
            await until(lambda: len(house.asked(f.UploadKeyPackages)) == 6)
            await house.clock.advance(1.0)
            now = house.clock.now()
            for _ in range(KEPT_ON_SERVER):
                house.shared.store.do(lambda t: t.directory.take_key_packages("bobb"), now)
            house.is_mute = True
            await alice.create("bobb")
            inbox, _ = house.shared.store.reading.inbox(bobb.account.device, 0)
            house.is_mute = False
            house.connection("bobb").tell(f.InboxGrew())
            await bobb.in_step()
            assert bobb.log.healed_at > 0  # others may come by the same key: he heals at once
            await alice.in_step()
            await passing(house.clock, asyncio.create_task(alice.ask(RemoveMember("ops", "bobb"))))
            await until(lambda: bobb.log.halt is Halt.REMOVED)
            house.lie = _inboxes("bobb", structs.replace(inbox.items[0], number=9), first=1)
            house.connection("bobb").tell(f.InboxGrew())
            await until(lambda: any("welcome-epoch" in notice for notice in bobb.notices))
            assert bobb.log.halt is Halt.REMOVED


@asynchronous
async def test_a_disk_that_is_full_when_an_invitation_comes_loses_nothing(tmp_path: Path) -> None:
    async with invited_in(tmp_path) as (house, alice, bobb, _), bobb.online():
        rooms = bobb.rooms
        join, full = rooms.join, [True]

        def fails(*given: object) -> None:
            if full[0]:
                raise StorageError("the disk is full")
            join(*given)  # type: ignore[arg-type]

        rooms.join = fails  # type: ignore[method-assign, assignment]
        await house.clock.advance(30.0)
        assert not list(rooms)
        assert "the disk is full" in bobb.notices
        full[0] = False
        await house.clock.advance(120.0)
        await bobb.in_step()
        await bobb.say("hello")
        await alice.in_step()
        assert await alice.texts() == ["hello"]


def _inboxes(name: str, *items: f.InboxItem, first: int = 0) -> Lie:
    """The server's answer to the first look, and to each later one what is left."""

    def lie(body: f.RequestBody, who: str) -> f.ReplyBody | None:
        if not (isinstance(body, f.FetchInbox) and who == name):
            return None
        return f.Inbox(items if body.after == first else ())

    return lie
