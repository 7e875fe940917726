"""What people ask for, answered by the process that holds the profile."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from msgspec import structs

from coterie import content
from coterie.client import api
from coterie.client.happening import Event
from coterie.client.intent import Say
from coterie.client.log import GroupLog, Halt
from coterie.client.people import KeyChanged
from coterie.errors import CoterieError, InvalidInput, Refused, Unavailable
from coterie.identity import AccountKey
from coterie.secret import Secret
from coterie.wire import frames as f
from tests.asynchronous import asynchronous
from tests.client.house import (
    House,
    Person,
    error_of,
    house_in,
    pair_in,
    passing,
    until,
)


async def fails(person: Person, request: api.Request) -> CoterieError:
    """What the request raises."""
    return await error_of(person.ask(request))


async def members(person: Person, room: str = "ops") -> dict[str, tuple[bool, str]]:
    result = await person.ask(api.ListMembers(room))
    assert isinstance(result, api.Members)
    return {member.name: (member.admin, member.pin) for member in result.members}


async def supplied(house: House, number: int) -> None:
    await until(lambda: len(house.asked(f.UploadKeyPackages)) == 3 * number)


# --- rooms -------------------------------------------------------------------------------------


@asynchronous
async def test_a_room_is_found_by_its_name_and_by_the_beginning_of_its_id(tmp_path: Path) -> None:
    async with house_in(tmp_path) as house:
        alice = house.person("alice")
        async with alice.online():
            made = await alice.create()
            for ref in ("ops", "#ops", made.room_id, made.room_id[:8]):
                found = await alice.ask(api.ListMembers(ref))
                assert isinstance(found, api.Members)
            error = await fails(alice, api.ListMembers("nowhere"))
            assert isinstance(error, InvalidInput)
            assert str(error) == "there is no room nowhere"
            other = await alice.create()
            error = await fails(alice, api.ListMembers("ops"))
            assert str(error).startswith("several rooms are called ops: ")
            assert {made.room_id[:8], other.room_id[:8]} <= set(str(error).replace(",", "").split())


@asynchronous
async def test_no_rooms_name_stands_for_another_room(tmp_path: Path) -> None:
    """Its admins choose it: a screen names rooms by their ids, and the id of direct messages anybody can compute."""
    async with house_in(tmp_path) as house:
        alice = house.person("alice")
        async with alice.online():
            made = await alice.create()
            await alice.create(room=made.room_id)
            await alice.create(room=made.room_id[:8])
            await alice.create(room="@bobb")
            await alice.create(room="#ops")
            await alice.create(room="f" * 64)
            await alice.say("among us", made.room_id)
            assert await alice.texts("#ops") == ["among us"]
            error = await fails(alice, api.ListMembers(made.room_id[:8]))
            assert made.room_id in str(error)
            for ref in ("@bobb", "f" * 64, "@", "#"):
                error = await fails(alice, api.ListMembers(ref))
                assert str(error) == f"there is no room {ref}"
            for ref in ("#@bobb", "##ops"):
                assert isinstance(await alice.ask(api.ListMembers(ref)), api.Members)


@asynchronous
async def test_a_room_that_one_left_does_not_hide_one_of_the_same_name(tmp_path: Path) -> None:
    async with house_in(tmp_path) as house:
        alice = house.person("alice")
        async with alice.online():
            await alice.create()
            await alice.ask(api.LeaveRoom("ops"))
            again = await alice.create()
            assert (await alice.say("alone")).room == "ops"
            left = await fails(alice, api.CreateRoom("ops", ("alice",)))
            assert isinstance(left, InvalidInput)
            assert again.members == 1


@asynchronous
async def test_a_room_with_somebody_whom_nobody_knows_is_not_made(tmp_path: Path) -> None:
    async with house_in(tmp_path) as house:
        alice = house.person("alice")
        async with alice.online():
            error = await fails(alice, api.CreateRoom("ops", ("nobody",)))
            assert isinstance(error, Refused)
            assert error.code == f.Code.NOT_FOUND
            error = await fails(alice, api.CreateRoom("ops", ("No Name",)))
            assert isinstance(error, InvalidInput)
            assert not list(alice.rooms)


@asynchronous
async def test_who_never_came_online_cannot_be_added_and_the_hint_says_why(tmp_path: Path) -> None:
    async with house_in(tmp_path) as house:
        alice, _ = house.person("alice"), house.person("bobb")
        async with alice.online():
            error = await fails(alice, api.CreateRoom("ops", ("bobb",)))
            assert isinstance(error, InvalidInput)
            assert "must come online once" in error.hint


@asynchronous
async def test_a_room_made_without_a_server_is_there_for_all_when_it_comes_back(
    tmp_path: Path,
) -> None:
    async with house_in(tmp_path) as house:
        alice, bobb = house.person("alice"), house.person("bobb")
        async with bobb.online(), alice.online():
            await supplied(house, 2)
            house.go_down()
            await until(lambda: alice.running is not None and alice.running.link.connection is None)
            made = await alice.create()
            assert made.members == 1
            await alice.ask(api.SendText("ops", "hello", wait=False))
            house.is_down = False
            await house.clock.advance(100.0)
            await alice.ask(api.AddMembers("ops", ("bobb",)))
            await bobb.in_step()
            await bobb.say("hi")
            await alice.in_step()
            assert await alice.texts() == ["hello", "hi"]


@asynchronous
async def test_admins_add_and_remove_and_say_who_is_one_and_others_may_not(tmp_path: Path) -> None:
    async with pair_in(tmp_path) as (house, alice, bobb):
        carol = house.person("carol")
        async with carol.online():
            await supplied(house, 3)
            for request in (
                api.AddMembers("ops", ("carol",)),
                api.RemoveMember("ops", "alice"),
                api.SetAdmin("ops", "bobb"),
            ):
                error = await fails(bobb, request)
                assert isinstance(error, InvalidInput)
                assert "only an admin" in str(error)
            await alice.ask(api.SetAdmin("ops", "bobb"))
            await bobb.in_step()
            assert await members(bobb) == {"alice": (True, "believed"), "bobb": (True, "self")}
            await passing(
                house.clock, asyncio.create_task(bobb.ask(api.AddMembers("ops", ("carol",))))
            )
            await carol.in_step()
            assert set(await members(carol)) == {"alice", "bobb", "carol"}
            await alice.in_step()
            await passing(
                house.clock, asyncio.create_task(bobb.ask(api.RemoveMember("ops", "carol")))
            )
            await house.clock.advance(10.0)
            assert carol.log.halt is Halt.REMOVED
            error = await fails(carol, api.SendText("ops", "still here"))
            assert str(error) == "you are no longer in this room"
            await alice.in_step()
            assert set(await members(alice)) == {"alice", "bobb"}


@asynchronous
async def test_whom_a_compared_member_brings_in_is_met_and_all_others_are_believed(
    tmp_path: Path,
) -> None:
    async with pair_in(tmp_path) as (house, alice, bobb):
        carol = house.person("carol")
        async with carol.online():
            await supplied(house, 3)
            await alice.ask(api.VerifyAccount("bobb"))
            await bobb.ask(api.VerifyAccount("alice", compared=True))
            await passing(
                house.clock, asyncio.create_task(alice.ask(api.AddMembers("ops", ("carol",))))
            )
            await bobb.in_step()
            await carol.in_step()
            seen = [await members(person) for person in (alice, bobb, carol)]
            pins = [{name: pin for name, (_, pin) in found.items()} for found in seen]
            assert pins[0] == {"alice": "self", "bobb": "believed", "carol": "believed"}
            assert pins[1] == {"alice": "compared", "bobb": "self", "carol": "met"}
            # carol's first room could be one of accounts that the server made up
            assert pins[2] == {"alice": "believed", "bobb": "believed", "carol": "self"}


@asynchronous
async def test_what_makes_no_sense_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    async with pair_in(tmp_path) as (house, alice, _):
        posts = len(house.asked(f.Post))
        for request, why in (
            (api.CreateRoom(""), "a room's name has 1 to 100 characters"),
            (api.CreateRoom("\udce4"), "a room's name has 1 to 100 characters"),
            (api.AddMembers("ops", ("bobb",)), "bobb is in the room already"),
            (api.AddMembers("ops", ("alice",)), "alice is in the room already"),
            (api.RemoveMember("ops", "alice"), "that is you"),
            (api.RemoveMember("ops", "carol"), "carol is not in the room"),
            (api.SetAdmin("ops", "alice", admin=False), "a room needs an admin"),
            (api.SendText("ops", ""), "there is nothing to send"),
            (api.SendText("ops", "x" * (content.MAX_TEXT + 1)), "the limit is"),
            (api.SendText("ops", "\udce4"), "no text"),
            (api.VerifyAccount("alice"), "that is you"),
            (api.VerifyAccount("No Name"), "is no account's name"),
            (api.Acknowledge("ops"), "nothing to acknowledge"),
            (api.Acknowledge(), "name a room or an account"),
            (api.Acknowledge("ops", "bobb"), "name a room or an account"),
            (api.Acknowledge(None, "bobb"), "has not changed"),
            (api.Acknowledge(None, "carol"), "has not met carol"),
        ):
            error = await fails(alice, request)
            assert isinstance(error, InvalidInput), request
            assert why in str(error)
        assert len(house.asked(f.Post)) == posts


@asynchronous
async def test_direct_messages_are_a_room_with_the_others_name_where_all_is_addressed(
    tmp_path: Path,
) -> None:
    async with house_in(tmp_path) as house:
        alice, bobb = house.person("alice"), house.person("bobb")
        async with bobb.online(), alice.online():
            await supplied(house, 2)
            room = await passing(
                house.clock, asyncio.create_task(alice.ask(api.OpenDirect("bobb")))
            )
            assert isinstance(room, api.Room)
            assert (room.name, room.direct, room.members) == ("bobb", "bobb", 2)
            for ref in ("@bobb", "bobb", room.room_id):
                await alice.say("hello", ref)
            assert str(await fails(alice, api.ListMembers("#bobb"))) == "there is no room #bobb"
            await bobb.in_step()
            seen = await bobb.room("alice")
            assert (seen.direct, seen.unread, seen.mentions) == ("alice", 3, 3)
            assert [message.room for message in await bobb.read("@alice")][-1] == "alice"
            again = await alice.ask(api.OpenDirect("bobb"))
            assert isinstance(again, api.Room)
            assert again.room_id == room.room_id
            for request in (
                api.LeaveRoom("@bobb"),
                api.AddMembers("@bobb", ("carol",)),
                api.RemoveMember("@bobb", "bobb"),
                api.SetAdmin("@bobb", "bobb", admin=False),
                api.ChangeRoom("@bobb", name="ops"),
            ):
                assert isinstance(await fails(alice, request), InvalidInput)
            await alice.create(room="bobb")
            assert "several rooms are called bobb" in str(
                await fails(alice, api.ListMembers("bobb"))
            )
            assert (await alice.say("to the room", "#bobb")).seq == 1
            assert (await alice.say("to him", "@bobb")).seq > 1


# --- leaving -----------------------------------------------------------------------------------


@asynchronous
async def test_the_only_admin_is_told_to_make_another_one_before_leaving(tmp_path: Path) -> None:
    async with pair_in(tmp_path) as (house, alice, bobb):
        error = await fails(alice, api.LeaveRoom("ops"))
        assert isinstance(error, InvalidInput)
        assert "make somebody else an admin" in error.hint
        await alice.ask(api.SetAdmin("ops", "bobb"))
        await bobb.in_step()
        await alice.ask(api.LeaveRoom("ops"))
        await house.clock.advance(60.0)
        assert (await alice.room()).state == "removed"
        assert set(await members(bobb)) == {"bobb"}
        await bobb.say("alone now")


@asynchronous
async def test_leaving_twice_is_told_once(tmp_path: Path) -> None:
    async with pair_in(tmp_path) as (house, alice, bobb):
        house.is_mute = True  # nobody completes it yet
        await bobb.ask(api.LeaveRoom("ops"))
        await bobb.ask(api.LeaveRoom("ops"))
        house.is_mute = False
        await alice.say("who is there")
        await house.clock.advance(60.0)
        assert bobb.log.halt is Halt.REMOVED
        assert (await alice.events()).count("removed") == 1


@asynchronous
async def test_what_waits_in_a_room_that_is_left_alone_is_dropped_and_told(tmp_path: Path) -> None:
    async with house_in(tmp_path) as house:
        alice = house.person("alice")
        house.is_down = True
        async with alice.online():
            await alice.create()
            waiting = alice.say_later("to nobody")
            await until(lambda: bool(alice.log.outbox))
            await alice.ask(api.SendText("ops", "nor this", wait=False))
            left = await alice.ask(api.LeaveRoom("ops"))
            assert isinstance(left, api.Room)
            assert (left.state, left.waiting) == ("removed", 0)
            error = await error_of(waiting)
            assert isinstance(error, Refused)
            assert str(error) == "you left the room"
            assert (await alice.events())[-2:] == ["removed", "dropped"]


@asynchronous
async def test_nobody_leaves_alone_while_an_invitation_is_on_its_way(tmp_path: Path) -> None:
    async with house_in(tmp_path) as house:
        alice, bobb = house.person("alice"), house.person("bobb")
        async with bobb.online(), alice.online():
            await supplied(house, 2)
            go_on = asyncio.Event()

            async def gate(body: f.RequestBody, name: str) -> None:
                if isinstance(body, f.Post):
                    await go_on.wait()

            house.gate = gate
            house.is_mute = True
            creating = asyncio.create_task(alice.create("bobb"))
            await until(lambda: bool(house.asked(f.Post)))
            error = await fails(alice, api.LeaveRoom("ops"))
            assert str(error) == "a change of the room is under way"
            go_on.set()
            house.is_mute = False
            made = await creating
            assert made.members == 2


# --- people ------------------------------------------------------------------------------------


async def _impostor_in(house: House) -> tuple[Person, Person, Person]:
    """Alice knows bobb's key. The server then has another bobb, whom carol adds to the room."""
    alice, carol = house.person("alice"), house.person("carol")
    real = house.person_with("bobb", AccountKey(Secret(b"r" * 32)), is_on_server=False)
    house.lies_to("alice", f.FetchAccount, f.Account(real.account.device_list))
    impostor = house.person("bobb")
    return alice, carol, impostor


@asynchronous
async def test_a_changed_key_stops_sending_until_it_is_acknowledged(tmp_path: Path) -> None:
    async with house_in(tmp_path) as house:
        alice, carol, impostor = await _impostor_in(house)
        async with impostor.online(), alice.online(), carol.online():
            await supplied(house, 3)
            before = await alice.ask(api.VerifyAccount("bobb"))
            assert isinstance(before, api.SafetyNumber)
            assert before.pin == "believed"
            await carol.create("alice")
            await alice.in_step()
            await alice.say("before")
            await carol.in_step()
            await passing(
                house.clock, asyncio.create_task(carol.ask(api.AddMembers("ops", ("bobb",))))
            )
            await carol.say("welcome bobb")
            await alice.in_step()
            assert "key-changed" in await alice.events()
            room = await alice.room()
            assert (room.state, room.reason) == (
                "key-changed",
                "the key of bobb changed: acknowledge it to go on",
            )
            assert (await members(alice))["bobb"] == (False, "changed")
            posts = len(house.asked(f.Post, "alice"))
            error = await fails(alice, api.SendText("ops", "secret"))
            assert isinstance(error, KeyChanged)
            assert error.name == "bobb"
            alice.rooms.enqueue(alice.log.group_id, Say(b"past the check"))
            await house.clock.advance(600.0)
            assert len(house.asked(f.Post, "alice")) == posts
            shown = await alice.ask(api.VerifyAccount("bobb"))
            assert isinstance(shown, api.SafetyNumber)
            assert shown.pin == "changed"
            assert shown.number != before.number
            late = api.VerifyAccount("bobb", compared=True, number=before.number)
            assert "changed while you compared" in str(await fails(alice, late))
            assert (await members(alice))["bobb"] == (False, "changed")
            await alice.ask(api.Acknowledge(None, "bobb"))
            await house.clock.advance(30.0)
            await alice.say("now it may be said")
            await impostor.in_step()
            assert "now it may be said" in await impostor.texts()


@asynchronous
async def test_an_account_that_comes_with_another_key_is_not_added(tmp_path: Path) -> None:
    async with house_in(tmp_path) as house:
        alice, _, impostor = await _impostor_in(house)
        async with impostor.online(), alice.online():
            await supplied(house, 2)
            await alice.ask(api.VerifyAccount("bobb"))
            error = await fails(alice, api.CreateRoom("ops", ("bobb",)))
            assert isinstance(error, KeyChanged)
            assert not list(alice.rooms)
            assert not house.asked(f.Post)


@asynchronous
async def test_a_number_that_was_compared_stays_so(tmp_path: Path) -> None:
    async with pair_in(tmp_path) as (_, alice, bobb):
        mine = await alice.ask(api.VerifyAccount("bobb", compared=True))
        theirs = await bobb.ask(api.VerifyAccount("alice"))
        assert isinstance(mine, api.SafetyNumber)
        assert isinstance(theirs, api.SafetyNumber)
        assert mine.number == theirs.number
        assert mine.pin == "compared"
        assert (await members(alice))["bobb"] == (False, "compared")


@asynchronous
async def test_a_forked_log_stops_sending_until_it_is_acknowledged(tmp_path: Path) -> None:
    async with pair_in(tmp_path) as (_, alice, bobb):
        alice.rooms._logs[alice.log.group_id] = _with_halt(alice)
        error = await fails(alice, api.SendText("ops", "hello"))
        assert isinstance(error, InvalidInput)
        assert error.hint == "`coterie acknowledge ops`"
        await alice.ask(api.Acknowledge("ops"))
        await alice.say("hello")
        await bobb.in_step()
        assert await bobb.texts() == ["hello"]


def _with_halt(person: Person) -> GroupLog:
    return replace(person.log, halt=Halt.FORKED)


@asynchronous
async def test_status_says_where_and_who_one_is(tmp_path: Path) -> None:
    async with pair_in(tmp_path) as (house, alice, _):
        status = await alice.ask(api.GetStatus())
        assert isinstance(status, api.Status)
        assert (status.account, status.connection) == ("alice", "connected")
        assert status.account_key == alice.account.account_public_key.hex()
        assert [room.name for room in status.rooms] == ["ops"]
        assert status.rooms[0].chain == alice.log.chain.hex()
        assert status.key_custody == "in a test"
        house.go_down()
        await until(lambda: alice.running is not None and alice.running.link.connection is None)
        asking = asyncio.create_task(alice.ask(api.GetStatus()))
        away = await passing(house.clock, asking)
        assert isinstance(away, api.Status)
        assert "nothing listens" in away.connection


@asynchronous
async def test_what_is_here_is_shown_at_once_without_a_server(tmp_path: Path) -> None:
    """The first picture of a screen came after ten seconds, where no server answered."""
    async with pair_in(tmp_path) as (house, alice, _):
        house.go_down()
        began = house.clock.monotonic()
        status = await alice.ask(api.GetStatus(catch_up=False))
        rooms = await alice.ask(api.ListRooms(catch_up=False))
        page = await alice.ask(api.GetPage("ops"))
        assert isinstance(status, api.Status)
        assert rooms == api.Rooms(status.rooms)
        assert isinstance(page, api.Page)
        assert house.clock.monotonic() == began


# --- streams -----------------------------------------------------------------------------------


Stream = AsyncGenerator[api.Message | api.Notice, None]


async def next_of(stream: Stream) -> api.Message | api.Notice:
    return await anext(stream)


@asynchronous
async def test_a_stream_gives_what_was_said_and_then_what_comes(tmp_path: Path) -> None:
    async with pair_in(tmp_path) as (_, alice, bobb):
        await alice.say("one")
        await bobb.in_step()
        assert bobb.service is not None
        async with aclosing(
            bobb.service.stream(api.ReadRoom("ops", last=1, follow=True))
        ) as stream:
            first = await next_of(stream)
            assert isinstance(first, api.Message)
            assert (first.text, first.sender, first.kind) == ("one", "alice", "text")
            await alice.say("two")
            second = await next_of(stream)
            assert isinstance(second, api.Message)
            assert second.text == "two"
        assert not bobb.service._readers


@asynchronous
async def test_a_stream_of_what_comes_begins_after_what_was_missed(tmp_path: Path) -> None:
    async with pair_in(tmp_path) as (house, alice, bobb):
        house.cut("bobb")
        await alice.say("missed")
        assert bobb.service is not None
        async with aclosing(bobb.service.stream(api.ReadRoom(None, last=0, follow=True))) as stream:
            coming = asyncio.create_task(next_of(stream))
            await house.clock.advance(30.0)
            await bobb.in_step()
            assert not coming.done() or isinstance(coming.result(), api.Notice)
            await alice.say("new")
            found = await coming
            while isinstance(found, api.Notice):
                found = await next_of(stream)
            assert found.text == "new"


@asynchronous
async def test_a_stream_of_changes_gives_what_changed_again_under_its_number(
    tmp_path: Path,
) -> None:
    async with pair_in(tmp_path) as (_, alice, bobb):
        old, sent = await alice.say("old"), await alice.say("tpyo")
        await bobb.in_step()
        assert bobb.service is not None
        request = api.ReadRoom("ops", last=1, follow=True, changes=True)
        async with aclosing(bobb.service.stream(request)) as stream:
            first = await next_of(stream)
            assert isinstance(first, api.Message)
            assert first.text == "tpyo"
            await alice.ask(api.EditMessage("ops", sent.ref, "typo"))
            await bobb.in_step()
            assert await next_of(stream) == structs.replace(
                first, text="typo", edited="2027-01-15T08:01:40.000Z"
            )
            await bobb.ask(api.React("ops", sent.ref, "\U0001f44d"))
            await bobb.ask(api.SendText("ops", "new", reply_to=old.ref))
            changed, new = await next_of(stream), await next_of(stream)
            assert isinstance(changed, api.Message)
            assert (changed.number, len(changed.reactions)) == (first.number, 1)
            assert isinstance(new, api.Message)
            assert new.text == "new"
            await alice.in_step()
            await alice.ask(api.DeleteMessage("ops", old.ref))
            await bobb.in_step()
            gone, answer = await next_of(stream), await next_of(stream)
            assert isinstance(gone, api.Message)
            assert (gone.text, gone.deleted_by) == ("", "alice")
            assert isinstance(answer, api.Message)
            assert (answer.number, answer.text) == (new.number, "new")
            assert answer.reply_to is not None
            assert answer.reply_to.is_deleted


@asynchronous
async def test_who_asks_for_no_changes_sees_each_message_once(tmp_path: Path) -> None:
    async with pair_in(tmp_path) as (_, alice, bobb):
        assert bobb.service is not None
        request = api.ReadRoom("ops", last=0, follow=True)
        async with aclosing(bobb.service.stream(request)) as stream:
            coming = asyncio.create_task(next_of(stream))
            sent = await alice.say("one")
            await coming
            await alice.ask(api.EditMessage("ops", sent.ref, "won"))
            await alice.ask(api.DeleteMessage("ops", sent.ref))
            await bobb.in_step()
            await alice.say("two")
            found = await next_of(stream)
            assert isinstance(found, api.Message)
            assert found.text == "two"


@asynchronous
async def test_reading_without_a_server_says_so_and_gives_what_there_is(tmp_path: Path) -> None:
    async with pair_in(tmp_path) as (house, alice, bobb):
        await alice.say("hello")
        await bobb.in_step()
        house.go_down()
        await until(lambda: bobb.running is not None and bobb.running.link.connection is None)

        async def read() -> list[api.Message | api.Notice]:
            assert bobb.service is not None
            return [result async for result in bobb.service.stream(api.ReadRoom("ops"))]

        results = await passing(house.clock, asyncio.create_task(read()))
        assert isinstance(results[0], api.Notice)
        assert results[0].text.endswith("; this is what the device has")
        assert [r.text for r in results if isinstance(r, api.Message) and r.kind == "text"] == [
            "hello"
        ]
        notices = [r.text for r in results if isinstance(r, api.Notice)]
        assert len(notices) == len(set(notices))


@asynchronous
async def test_a_reader_who_does_not_read_holds_up_nobody(tmp_path: Path) -> None:
    async with pair_in(tmp_path) as (_, alice, bobb):
        assert bobb.service is not None
        async with aclosing(
            bobb.service.stream(api.ReadRoom("ops", last=0, follow=True))
        ) as stream:
            coming = asyncio.create_task(next_of(stream))
            await alice.say("0")
            await coming
            for number in range(1, 50):
                await alice.ask(api.SendText("ops", str(number), wait=False))
            await alice.in_step()
            await bobb.in_step()
            later = [await next_of(stream) for _ in range(49)]
            assert [result.text for result in later] == [str(number) for number in range(1, 50)]


@asynchronous
async def test_what_is_sent_without_waiting_is_answered_at_once_and_arrives(tmp_path: Path) -> None:
    async with pair_in(tmp_path) as (house, alice, bobb):
        house.go_down()
        sent = await alice.ask(api.SendText("ops", "hello", wait=False))
        assert isinstance(sent, api.Sent)
        assert (sent.room, sent.seq, sent.message_id) == ("ops", 0, "")
        house.is_down = False
        await house.clock.advance(60.0)
        await bobb.in_step()
        assert await bobb.texts() == ["hello"]


@asynchronous
async def test_a_send_that_is_given_up_is_sent_all_the_same_and_once(tmp_path: Path) -> None:
    async with pair_in(tmp_path) as (house, alice, bobb):
        house.go_down()
        waiting = alice.say_later("hello")
        await until(lambda: bool(alice.log.outbox))
        waiting.cancel()
        await asyncio.wait([waiting])
        house.is_down = False
        await house.clock.advance(60.0)
        await bobb.in_step()
        assert await bobb.texts() == ["hello"]


@pytest.mark.parametrize("kind", ["text", "line", "line/removed", "", "poll"])
@asynchronous
async def test_a_kind_that_is_not_known_is_never_taken_for_a_text_or_a_line(
    tmp_path: Path, kind: str
) -> None:
    """A member could make the system say that somebody was removed."""
    async with pair_in(tmp_path) as (_, alice, bobb):
        said = msgspec.msgpack.encode({"kind": kind, "question": "?"})
        await alice.rooms.enqueue(alice.log.group_id, Say(said)).placed
        await bobb.in_step()
        (message,) = [m for m in await bobb.read() if m.sender == "alice"]
        assert message.kind == ("poll" if kind == "poll" else "unknown")
        assert (message.text, message.event) == ("", "")


@asynchronous
async def test_a_server_that_answers_nothing_does_not_keep_a_reader_waiting(tmp_path: Path) -> None:
    async with pair_in(tmp_path) as (house, alice, _):
        house.twist = lambda body, reply: None
        house.cut("alice")
        await house.clock.advance(0.1)
        began = house.clock.monotonic()
        reading = asyncio.create_task(alice.read(catch_up=True))
        await passing(house.clock, reading)
        assert house.clock.monotonic() - began <= 12
        error = await error_of(passing(house.clock, alice.say_later("hello")))
        assert isinstance(error, Unavailable)


@pytest.mark.parametrize(
    ("halt", "way"),
    [(Halt.LOST, "`coterie room renew ops`"), (Halt.FORKED, "`coterie acknowledge ops`")],
)
@asynchronous
async def test_who_waits_for_a_message_is_told_at_once_where_the_room_waits_for_a_person(
    tmp_path: Path, halt: Halt, way: str
) -> None:
    """``coterie send`` said nothing for a minute, in a room that a restored server had lost."""
    async with pair_in(tmp_path) as (house, alice, _):
        never = asyncio.Event()

        async def held(body: f.RequestBody, _: str) -> None:
            if isinstance(body, f.Post):
                await never.wait()

        house.gate = held
        waiting = alice.say_later("hello")
        await until(lambda: len(alice.log.outbox) == 1)
        alice.rooms.halt(alice.log.group_id, halt, Event.LOST, "it is so")
        error = await error_of(waiting)
        assert isinstance(error, Unavailable)
        assert way in error.hint
        assert "it is kept on this device" in error.hint
        assert len(alice.log.outbox) == 1
        never.set()
