"""Rooms that go on in other groups: real clients, a real server that loses what it had. PROTOCOL.md section 2."""

import asyncio
from pathlib import Path

from msgspec import structs

from coterie.client import api
from coterie.client import log as logs
from coterie.client.happening import Event
from coterie.client.intent import Change
from coterie.client.log import Halt
from coterie.client.store import HeldWelcome
from coterie.client.succession import MAX_HELD
from coterie.errors import InvalidInput, Unavailable
from coterie.wire import frames as f
from tests.asynchronous import asynchronous
from tests.client.going_on import (
    all_lost,
    all_moved,
    asking,
    break_keys,
    invite_into_a_fake,
    last_line,
    lost,
    renew_with,
    renewed,
    room_in,
    say_in_turn,
    settled,
    story,
    waited,
)
from tests.client.house import PARTS, error_of, house_in, passing, until
from tests.client.people import new_device
from tests.client.restoring import back_up, restore

# --- a restored server -------------------------------------------------------------------------


@asynchronous
async def test_after_a_restore_everybody_goes_on_in_the_group_that_an_admin_makes(
    tmp_path: Path,
) -> None:
    async with room_in(tmp_path, "alice", "bobb", "carol") as (house, people):
        alice, bobb, carol = people
        await alice.say("before")
        await settled(house, people)
        copy, old = back_up(house), alice.log.group_id
        await bobb.say("lost by the server")
        await carol.say("lost too")
        await settled(house, people)
        house.go_down()
        await bobb.ask(api.SendText("ops", "written meanwhile", wait=False))
        await restore(house, copy)
        await all_lost(house, people)
        lost = await alice.room()
        assert (lost.state, lost.admin) == ("lost", True)
        assert "coterie room renew ops" in lost.reason
        await renewed(house, alice)
        await all_moved(house, people, old)
        texts = ["before", "lost by the server", "lost too", "written meanwhile"]
        for person in people:
            assert await person.texts() == texts
            assert await story(person) == [Event.LOST, Event.SUCCESSOR, Event.MOVED]
            room = await person.room()
            assert (room.state, room.members) == ("open", 3)
        await say_in_turn(house, people)


@asynchronous
async def test_who_was_offline_at_the_restore_goes_on_when_he_comes_back(tmp_path: Path) -> None:
    async with room_in(tmp_path, "alice", "bobb") as (house, people):
        alice = people[0]
        carol = house.person("carol")
        async with carol.online():
            await until(lambda: len(house.asked(f.UploadKeyPackages, "carol")) == PARTS)
            await passing(house.clock, asking(alice, api.AddMembers("ops", ("carol",))))
            await settled(house, [*people, carol])
            copy, old = back_up(house), alice.log.group_id
            await alice.say("lost by the server")
            await settled(house, [*people, carol])
        await restore(house, copy)
        await all_lost(house, people)
        await renewed(house, alice)
        await all_moved(house, people, old)
        async with carol.online():
            await all_moved(house, [*people, carol], old)
            await say_in_turn(house, [*people, carol])


@asynchronous
async def test_who_had_read_no_further_than_the_backup_is_asked_before_he_follows(
    tmp_path: Path,
) -> None:
    async with room_in(tmp_path, "alice", "bobb") as (house, people):
        alice, bobb = people
        copy, old = back_up(house), alice.log.group_id
        house.cut("bobb")
        house.is_mute = True
        house.lies_to("bobb", f.Fetch, f.Entries((), bobb.log.cursor))
        await alice.say("bobb never reads this")
        await restore(house, copy)
        house.is_mute = False
        house.tells_the_truth()
        await waited(house, lambda: alice.log.halt is Halt.LOST)
        await renewed(house, alice)
        await waited(house, lambda: bool(bobb.log.successor))
        assert bobb.log.group_id == old
        room = await bobb.room()
        assert room.state == "open"
        assert "coterie room follow ops" in room.reason
        await passing(house.clock, asking(bobb, api.FollowRoom("ops")))
        await all_moved(house, people, old)
        await say_in_turn(house, people)


@asynchronous
async def test_room_that_the_backup_does_not_have_at_all_goes_on(tmp_path: Path) -> None:
    async with house_in(tmp_path) as house:
        alice, bobb = house.person("alice"), house.person("bobb")
        people = [alice, bobb]
        async with alice.online(), bobb.online():
            await until(lambda: len(house.asked(f.UploadKeyPackages)) == 2 * PARTS)
            copy = back_up(house)
            await alice.create("bobb")
            await settled(house, people)
            old = alice.log.group_id
            await restore(house, copy)
            await all_lost(house, people)
            await renewed(house, alice)
            await all_moved(house, people, old)
            await say_in_turn(house, people)


@asynchronous
async def test_who_came_in_after_the_backup_goes_on_too(tmp_path: Path) -> None:
    """The restored server does not count him among the room's until the admin says so."""
    async with room_in(tmp_path, "alice", "bobb") as (house, people):
        alice = people[0]
        carol = house.person("carol")
        async with carol.online():
            await until(lambda: len(house.asked(f.UploadKeyPackages, "carol")) == PARTS)
            copy, old = back_up(house), alice.log.group_id
            await passing(house.clock, asking(alice, api.AddMembers("ops", ("carol",))))
            everybody = [*people, carol]
            await settled(house, everybody)
            await restore(house, copy)
            await all_lost(house, everybody)
            await renewed(house, alice)
            await all_moved(house, everybody, old)
            await say_in_turn(house, everybody)


@asynchronous
async def test_of_two_admins_who_renew_at_once_the_first_one_wins(tmp_path: Path) -> None:
    async with room_in(tmp_path, "alice", "bobb", "carol") as (house, people):
        alice, bobb, _ = people
        await passing(house.clock, asking(alice, api.SetAdmin("ops", "bobb")))
        await settled(house, people)
        copy, old = back_up(house), alice.log.group_id
        await lost(house, people, copy)
        both = [asking(person, api.RenewRoom("ops")) for person in (alice, bobb)]
        for task in both:
            await passing(house.clock, task)
        await all_moved(house, people, old)
        assert not any(person.rooms.prepared() for person in people)
        await say_in_turn(house, people)


@asynchronous
async def test_renewal_that_a_crash_cut_short_goes_on_by_itself(tmp_path: Path) -> None:
    async with house_in(tmp_path) as house:
        alice, bobb = house.person("alice"), house.person("bobb")
        people = [alice, bobb]
        async with bobb.online():
            async with alice.online():
                await until(lambda: len(house.asked(f.UploadKeyPackages)) == 2 * PARTS)
                await alice.create("bobb")
                await settled(house, people)
                copy, old = back_up(house), alice.log.group_id
                await lost(house, people, copy)
                succession = alice.running.sync.succession if alice.running else None
                assert succession is not None
                task = asking(alice, api.RenewRoom("ops"))
                await until(lambda: succession.prepared_for(old) is not None)
                task.cancel()
            async with alice.online():
                await all_moved(house, people, old)
                await say_in_turn(house, people)


@asynchronous
async def test_message_that_its_sender_did_not_know_to_be_read_is_not_shown_twice(
    tmp_path: Path,
) -> None:
    async with room_in(tmp_path, "alice", "bobb") as (house, people):
        alice, bobb = people
        copy, old = back_up(house), alice.log.group_id
        await alice.say("read by both, lost by the server")
        await settled(house, people)
        house.is_mute = True
        house.twist = lambda body, reply: None if isinstance(body, f.Post) else reply
        await bobb.ask(api.SendText("ops", "read by alice alone", wait=False))
        head = alice.log.cursor + 1
        await until(lambda: len(house.entries(old, alice.account.device)) == head)
        house.cut("alice")
        await waited(house, lambda: alice.log.cursor == head)
        house.twist = lambda body, reply: reply
        await restore(house, copy)
        house.is_mute = False
        await all_lost(house, people)
        assert len(bobb.log.outbox) == 1
        await renewed(house, alice)
        await all_moved(house, people, old)
        texts = ["read by both, lost by the server", "read by alice alone"]
        assert [await person.texts() for person in people] == [texts, texts]


@asynchronous
async def test_what_is_said_in_the_new_group_before_its_maker_knows_of_it_is_shown(
    tmp_path: Path,
) -> None:
    """The successor is in the log and its maker cut off; another one is there first, and is read first."""
    async with room_in(tmp_path, "alice", "bobb") as (house, people):
        alice, bobb = people
        copy, old = back_up(house), alice.log.group_id
        await lost(house, people, copy)
        is_there, may_look = asyncio.Event(), asyncio.Event()

        def unheard(body: f.RequestBody, reply: f.ReplyBody) -> f.ReplyBody | None:
            if not (isinstance(body, f.Post) and body.kind is f.Kind.SUCCESSOR):
                return reply
            if isinstance(reply, f.Accepted):
                house.is_mute = True
                is_there.set()
            return None if is_there.is_set() else reply

        async def held_up(body: f.RequestBody, name: str) -> None:
            is_old = isinstance(body, f.Subscribe | f.Fetch) and body.group == old
            if is_there.is_set() and name == "alice" and is_old:
                await may_look.wait()

        house.twist, house.gate = unheard, held_up
        task = asking(alice, api.RenewRoom("ops"))
        await waited(house, is_there.is_set)
        house.is_mute = False
        house.cut()
        await waited(house, lambda: old not in bobb.rooms)
        said = bobb.say_later("the first word")
        await waited(house, said.done)
        assert old in alice.rooms
        may_look.set()
        await all_moved(house, people, old)
        texts = ["lost by the server", "the first word"]
        assert [await person.texts() for person in people] == [texts, texts]
        assert task.done()


@asynchronous
async def test_nothing_of_the_old_group_is_left_when_the_room_has_gone_on(tmp_path: Path) -> None:
    """Its keys would open what a thief of the log recorded."""
    async with room_in(tmp_path, "alice", "bobb") as (house, people):
        alice, bobb = people
        copy, old = back_up(house), alice.log.group_id
        await lost(house, people, copy)
        await renewed(house, alice)
        await all_moved(house, people, old)
        for person in people:
            assert person.running is not None
            database = person.running.store._db
            for table in ("log", "mls", "chain", "used", "outbox", "held_welcome"):
                query = f"SELECT count(*) FROM {table} WHERE group_id = ?"  # noqa: S608
                assert list(database.execute(query, (old,))) == [(0,)]
            assert person.running.store.has_declined(old)
        assert not bobb.rooms.has_held_welcome(bobb.log.group_id)


@asynchronous
async def test_renewal_that_lets_nobody_in_comes_to_nothing_and_says_so(tmp_path: Path) -> None:
    """The commit is refused for good: whom it adds the restored server does not know."""
    async with room_in(tmp_path, "alice", "bobb") as (house, people):
        alice, _ = people
        old = alice.log.group_id
        refused = f.Failed(f.Code.NOT_FOUND, "1 of those to be added are unknown or revoked")
        house.lies_to("alice", f.Post, refused)
        error = await error_of(passing(house.clock, asking(alice, api.RenewRoom("ops"))))
        assert isinstance(error, Unavailable)
        assert "came to nothing" in str(error)
        house.tells_the_truth()
        assert list(alice.rooms) == [old]
        await renewed(house, alice)
        assert old not in alice.rooms


@asynchronous
async def test_stuck_device_that_refuses_the_new_group_asks_to_be_let_in_anew(
    tmp_path: Path,
) -> None:
    async with room_in(tmp_path, "alice", "bobb", "carol") as (house, people):
        alice, bobb, carol = people
        eve = house.person("eve")
        async with eve.online():
            await until(lambda: len(house.asked(f.UploadKeyPackages, "eve")) == PARTS)
            break_keys(bobb)
            carol.rooms.enqueue(carol.log.group_id, Change())
            await waited(house, lambda: bobb.log.halt is Halt.STUCK)
            await renew_with(alice, ["bobb", "eve"])
            await waited(house, lambda: bobb.log.declined)
            await carol.say("carol stays too")  # which tells in which epoch
            await waited(house, lambda: bobb.log.halt is Halt.OPEN, most_s=300)
            await bobb.say("still with carol")
            await waited(house, lambda: carol.log.cursor == bobb.log.cursor)
            assert (await carol.texts())[-1] == "still with carol"


@asynchronous
async def test_log_that_the_server_has_again_goes_on_without_a_successor(tmp_path: Path) -> None:
    """The operator had taken the wrong backup at first."""
    async with room_in(tmp_path, "alice", "bobb") as (house, people):
        alice, bobb = people
        older = back_up(house)
        older = older.rename(tmp_path / "older.db")
        await bobb.say("in the right backup")
        await settled(house, people)
        newer = back_up(house)
        await restore(house, older)
        await all_lost(house, people)
        await restore(house, newer)
        await waited(house, lambda: all(person.log.halt is Halt.OPEN for person in people))
        assert await story(alice) == [Event.LOST, Event.FOUND]
        await say_in_turn(house, people)


# --- stuck admins ------------------------------------------------------------------------------


@asynchronous
async def test_after_a_commit_that_left_all_others_stuck_the_room_goes_on_without_its_author(
    tmp_path: Path,
) -> None:
    async with room_in(tmp_path, "alice", "bobb") as (house, people):
        alice = people[0]
        mallory = house.person("mallory")
        async with mallory.online():
            await until(lambda: len(house.asked(f.UploadKeyPackages, "mallory")) == PARTS)
            await passing(house.clock, asking(alice, api.AddMembers("ops", ("mallory",))))
            await settled(house, [*people, mallory])
            old = alice.log.group_id
            for person in people:
                break_keys(person)
            mallory.rooms.enqueue(old, Change())
            await waited(house, lambda: all(p.log.halt is Halt.STUCK for p in people))
        await renewed(house, alice)
        await all_moved(house, people, old)
        for person in people:
            assert (await person.room()).members == 2
            assert (await story(person))[-2:] == [Event.SUCCESSOR, Event.MOVED]
        assert "mallory" in "".join(m.text for m in await alice.read() if m.event == Event.MOVED)
        await say_in_turn(house, people)


# --- hostile -----------------------------------------------------------------------------------


@asynchronous
async def test_member_who_is_no_admin_cannot_renew(tmp_path: Path) -> None:
    async with room_in(tmp_path, "alice", "bobb") as (_, (_, bobb)):
        error = await error_of(bobb.ask(api.RenewRoom("ops")))
        assert isinstance(error, InvalidInput)
        assert "only an admin" in str(error)
        error = await error_of(bobb.ask(api.FollowRoom("ops")))
        assert isinstance(error, InvalidInput)


@asynchronous
async def test_group_with_a_stranger_in_it_is_refused_even_where_the_log_was_lost(
    tmp_path: Path,
) -> None:
    async with room_in(tmp_path, "alice", "bobb") as (house, people):
        alice, bobb = people
        eve = house.person("eve")
        async with eve.online():
            await until(lambda: len(house.asked(f.UploadKeyPackages, "eve")) == PARTS)
            copy, old = back_up(house), alice.log.group_id
            await lost(house, people, copy)
            await renew_with(alice, ["bobb", "eve"])
            await waited(house, lambda: old not in alice.rooms and bool(bobb.log.successor))
            await house.clock.advance(30.0)
            assert bobb.log.group_id == old
            assert (
                "eve, who is not in it: `coterie room follow ops --accept eve`"
                in await last_line(bobb)
            )
            assert not bobb.log.goes_on
            error = await error_of(passing(house.clock, asking(bobb, api.FollowRoom("ops"))))
            assert isinstance(error, InvalidInput)
            assert "coterie room follow ops --accept eve" in (error.hint or "")


@asynchronous
async def test_invitation_to_a_second_group_waits_unseen_until_a_successor_names_it(
    tmp_path: Path,
) -> None:
    async with room_in(tmp_path, "alice", "bobb") as (house, people):
        alice, bobb = people
        await alice.say("before")
        await settled(house, people)
        old, running = alice.log.group_id, alice.running
        assert running is not None
        house.lie = _withholding_successors
        await renew_with(alice, ["bobb"])
        await waited(house, lambda: bobb.rooms.has_held_welcome(old))
        await house.clock.advance(30.0)
        assert list(bobb.rooms) == [old]
        assert (await bobb.room()).group == old.hex()
        await bobb.say("still here")
        house.tells_the_truth()
        await waited(house, lambda: bool(bobb.log.successor), most_s=200)
        assert bobb.log.group_id == old  # nothing is lost here: his person is asked
        await passing(house.clock, asking(bobb, api.FollowRoom("ops")))
        await all_moved(house, people, old)
        assert await bobb.texts() == ["before", "still here"]


def _withholding_successors(body: f.RequestBody, name: str) -> f.ReplyBody | None:
    if isinstance(body, f.Post) and body.kind is f.Kind.SUCCESSOR:
        return f.Failed(f.Code.WAIT, "not now", wait_s=60.0)
    return None


@asynchronous
async def test_invitation_of_a_member_who_is_no_admin_to_a_second_group_is_refused(
    tmp_path: Path,
) -> None:
    async with room_in(tmp_path, "alice", "bobb") as (house, people):
        alice, bobb = people
        running, old = bobb.running, bobb.log.group_id
        assert running is not None
        given = await running.call(f.FetchKeyPackages("alice"), f.KeyPackages)
        newcomers = running.people.newcomers("alice", given, running.suite, running.now())
        state = logs.state(bobb.log)
        mine = structs.replace(state, admins=(bobb.account.account_public_key,))
        moves = running.sync.succession.moves
        running.sync.follow(moves.prepare(bobb.log, mine, [Change(adds=tuple(newcomers))]))
        await waited(house, lambda: bool(alice.notices))
        assert "second group for a room that is known" in alice.notices[-1]
        assert not alice.rooms.has_held_welcome(old)
        assert list(alice.rooms) == [old]


@asynchronous
async def test_nobody_but_its_maker_lets_a_device_into_the_group_that_a_successor_names(
    tmp_path: Path,
) -> None:
    """Else who has the server takes all who follow into a group of his own, under the same id."""
    async with room_in(tmp_path, "alice", "bobb") as (house, people):
        alice, bobb = people
        old = alice.log.group_id
        await renew_with(alice, ["bobb"])
        await waited(house, lambda: bool(bobb.log.successor) and bobb.rooms.has_held_welcome(old))
        mallory, state = new_device("mallory"), logs.state(bobb.log)
        invite_into_a_fake(house, bobb, mallory, state, bobb.log.successor)
        await waited(house, lambda: bool(bobb.notices))
        assert "welcome-room" in bobb.notices[-1]
        await passing(house.clock, asking(bobb, api.FollowRoom("ops")))
        assert bobb.log.let_in_by == "alice"
        await all_moved(house, people, old)
        await say_in_turn(house, people)


@asynchronous
async def test_another_admins_invitation_to_the_same_group_is_not_taken_for_its_makers(
    tmp_path: Path,
) -> None:
    async with room_in(tmp_path, "alice", "bobb", "mallory") as (house, people):
        alice, bobb, mallory = people
        await passing(house.clock, asking(alice, api.SetAdmin("ops", "mallory")))
        await settled(house, people)
        old, state = alice.log.group_id, logs.state(bobb.log)
        house.lie = _withholding_successors
        await renew_with(alice, ["bobb"])
        await waited(house, lambda: bobb.rooms.has_held_welcome(old))
        (new,) = alice.rooms.prepared()
        invite_into_a_fake(house, bobb, new_device(mallory.name), state, new)  # the same account
        assert bobb.running is not None
        store, room_id = bobb.running.store, state.room_id
        await waited(house, lambda: len(store.held_welcomes(room_id)) == 2)  # the first is kept
        house.tells_the_truth()
        await waited(house, lambda: bool(bobb.log.successor), most_s=200)
        await passing(house.clock, asking(bobb, api.FollowRoom("ops")))
        assert bobb.log.let_in_by == "alice"
        await all_moved(house, [alice, bobb], old)
        assert mallory.log.group_id == old


@asynchronous
async def test_no_more_invitations_are_held_than_could_be_right(tmp_path: Path) -> None:
    async with room_in(tmp_path, "alice", "bobb") as (house, people):
        alice, bobb = people
        assert bobb.running is not None
        store, old = bobb.running.store, bobb.log.group_id
        with store.transaction():
            for number in range(MAX_HELD):
                ids = number.to_bytes(16, "big")
                store.hold_welcome(HeldWelcome(ids, ids, b"a" * 32, b"welcome"))
        house.lie = _withholding_successors
        await renew_with(alice, ["bobb"])
        await waited(house, lambda: bool(bobb.notices))
        assert "welcome-held" in bobb.notices[-1]
        assert not bobb.rooms.has_held_welcome(old)
        house.tells_the_truth()
        await waited(house, lambda: not alice.rooms.has_posts, most_s=200)


@asynchronous
async def test_server_that_only_says_that_a_log_is_lost_pushes_nobody_anywhere(
    tmp_path: Path,
) -> None:
    async with room_in(tmp_path, "alice", "bobb") as (house, people):
        alice, bobb = people
        old = bobb.log.group_id
        junk = f.Entry(1, f.Kind.SUCCESSOR, alice.account.device, b"j" * 16, b"N" * 120)
        house.lies_to("bobb", f.Subscribe, f.Diverged(0, (junk,)))
        house.cut("bobb")
        await waited(house, lambda: bobb.log.halt is Halt.LOST)
        await house.clock.advance(60.0)
        assert not bobb.log.successor
        assert bobb.log.group_id == old
        house.tells_the_truth()
        house.cut("bobb")
        await waited(house, lambda: bobb.log.halt is Halt.OPEN)
        await say_in_turn(house, people)
