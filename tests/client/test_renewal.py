"""What a person can say where a room cannot go on by itself: accept, choose and pass over, each by name."""

import asyncio
from pathlib import Path
from secrets import token_bytes

import pytest
from msgspec import structs

from coterie import content
from coterie.client import api, successor
from coterie.client import log as logs
from coterie.client.happening import Event
from coterie.client.intent import Change, Newcomer, Say
from coterie.client.log import GroupLog, Halt
from coterie.client.position import Position
from coterie.client.remedy import follow_command
from coterie.client.room_policy import ROOM_POLICY
from coterie.client.store import Store
from coterie.client.succession import MAX_OF_STRANGERS, UNLISTED, WELCOME_WITHIN_S
from coterie.errors import InvalidInput, StorageError, Unavailable
from coterie.wire import chain
from coterie.wire import frames as f
from tests.asynchronous import asynchronous
from tests.client.going_on import (
    all_lost,
    all_moved,
    asking,
    invite_into_a_fake,
    last_line,
    lost,
    renew_with,
    renewed,
    room_in,
    say_in_turn,
    settled,
    waited,
)
from tests.client.house import PARTS, House, Person, error_of, passing, until
from tests.client.people import new_device
from tests.client.restoring import back_up, restore


async def told(house: House, person: Person, request: api.Request) -> InvalidInput:
    """What the request is refused with."""
    error = await error_of(passing(house.clock, asking(person, request)))
    assert isinstance(error, InvalidInput)
    return error


# --- accepting ---------------------------------------------------------------------------------


@asynchronous
async def test_who_is_strange_in_the_new_group_can_be_accepted_by_name_and_nobody_else(
    tmp_path: Path,
) -> None:
    async with room_in(tmp_path, "alice", "bobb") as (house, people):
        alice, bobb = people
        eve = house.person("eve")
        async with eve.online():
            await until(lambda: len(house.asked(f.UploadKeyPackages, "eve")) == PARTS)
            old = alice.log.group_id
            await lost(house, people, back_up(house))
            await renew_with(alice, ["bobb", "eve"])
            await waited(house, lambda: bobb.log.declined if old in bobb.rooms else False)
            command = "`coterie room follow ops --accept eve`"
            assert command in await last_line(bobb)
            assert command in (await bobb.room()).reason
            for accept in ((), ("carol",), ("admin:eve",)):
                error = await told(house, bobb, api.FollowRoom("ops", accept=accept))
                assert "eve, who is not in it" in str(error)
                assert command in (error.hint or "")
                assert bobb.log.group_id == old
            await passing(house.clock, asking(bobb, api.FollowRoom("ops", accept=("eve",))))
            await all_moved(house, [alice, bobb, eve], old)
            await say_in_turn(house, [alice, bobb, eve])


@asynchronous
async def test_another_admin_is_accepted_apart_from_being_a_member(tmp_path: Path) -> None:
    async with room_in(tmp_path, "alice", "bobb", "carol") as (house, people):
        alice, bobb, carol = people
        old, running = alice.log.group_id, alice.running
        assert running is not None
        await lost(house, people, back_up(house))
        state = logs.state(alice.log)
        both = structs.replace(state, admins=(*state.admins, carol.account.account_public_key))
        adds: list[Newcomer] = []
        for name in ("bobb", "carol"):
            given = await running.call(f.FetchKeyPackages(name), f.KeyPackages)
            adds += running.people.newcomers(name, given, running.suite, running.now())
        moves, change = running.sync.succession.moves, Change(adds=tuple(adds))
        running.sync.follow(moves.prepare(alice.log, both, [change]))
        await waited(house, lambda: old not in alice.rooms and bobb.log.declined)
        error = await told(house, bobb, api.FollowRoom("ops", accept=("carol",)))
        assert "carol as an admin" in str(error)
        accept = api.FollowRoom("ops", accept=("admin:carol",))
        await passing(house.clock, asking(bobb, accept))
        await passing(house.clock, asking(carol, accept))
        await all_moved(house, people, old)


@asynchronous
async def test_a_rooms_name_runs_nothing_in_the_shell_into_which_its_command_is_pasted(
    tmp_path: Path,
) -> None:
    async with room_in(tmp_path, "alice", "bobb") as (_, people):
        alice = people[0]
        made = await alice.create(room="x; rm -rf ~")
        log = alice.rooms.log(bytes.fromhex(made.group))
        alice.rooms.lost(log.group_id, "anything")
        lines = [m.text for m in await alice.read(made.room_id) if m.event == Event.LOST]
        assert "`coterie room renew 'x; rm -rf ~'`" in lines[0]
        assert follow_command(log) == "coterie room follow 'x; rm -rf ~'"


@asynchronous
async def test_what_was_meant_for_the_old_group_goes_to_the_new_one(tmp_path: Path) -> None:
    """Somebody added a member while his room went on elsewhere: he was shown a bug (simulation, hostile seed 105)."""
    async with room_in(tmp_path, "alice", "bobb") as (house, people):
        alice, bobb = people
        old = alice.log.group_id
        await lost(house, people, back_up(house))
        await renew_with(alice, ["bobb"])
        await all_moved(house, people, old)
        said = content.encode(content.Text("said late", 0))
        await passing(house.clock, alice.rooms.enqueue(old, Say(said)).placed)
        await bobb.in_step()
        assert (await bobb.texts())[-1] == "said late"


@asynchronous
async def test_a_stuck_admin_is_told_what_helps_where_nobody_is_left_to_let_him_in(
    tmp_path: Path,
) -> None:
    """Where all are stuck nobody commits a rejoin (simulation, hostile seed 8297)."""
    async with room_in(tmp_path, "alice", "bobb") as (_, people):
        for person in people:
            person.rooms.halt(person.log.group_id, Halt.STUCK, Event.STUCK, "it did not open")
        alice, bobb = people
        assert "`coterie room renew ops`" in (await alice.room()).reason
        assert "renew" not in (await bobb.room()).reason


# --- choosing another admin's ------------------------------------------------------------------


def post_successor(house: House, person: Person, group_id: bytes) -> None:
    """Past the person's own client, which would make the group first."""
    log, message_id = person.log, token_bytes(16)
    shared, device = house.shared, person.account.device
    seen, _ = shared.store.reading.subscribe(log.group_id, device, 0, chain.first(log.group_id))
    assert isinstance(seen, f.Subscribed)
    body = successor.encode(log.group, group_id, Position(message_id, log.cursor, log.chain))
    post = f.Post(log.group_id, f.Kind.SUCCESSOR, message_id, seen.count + 1, seen.head, body)
    answer = shared.store.do(lambda t: t.logs.post(post, device), house.clock.now())
    assert isinstance(answer, f.Accepted)


@asynchronous
async def test_room_that_a_hostile_admins_successor_wedged_goes_on_in_another_admins(
    tmp_path: Path,
) -> None:
    """Mallory's comes first, and names a group into which nobody is let."""
    async with room_in(tmp_path, "alice", "bobb", "mallory") as (house, people):
        alice, bobb, mallory = people
        await passing(house.clock, asking(alice, api.SetAdmin("ops", "mallory")))
        await settled(house, people)
        old = alice.log.group_id
        await lost(house, people, back_up(house))
        post_successor(house, mallory, b"N" * 16)
        for person in (alice, bobb):
            house.cut(person.name)
        await waited(house, lambda: all(p.log.successor_by == "mallory" for p in (alice, bobb)))

        instead = api.RenewRoom("ops", instead_of="mallory")
        assert "mallory made a new group" in str(await told(house, alice, instead))  # too early
        await house.clock.advance(WELCOME_WITHIN_S)
        error = await told(house, alice, api.RenewRoom("ops"))
        assert "`coterie room renew ops --instead-of mallory`" in (error.hint or "")
        await passing(house.clock, asking(alice, instead))
        assert old not in alice.rooms

        await waited(house, lambda: bool(bobb.log.rivals), most_s=700)
        assert "nobody goes there unasked" in await last_line(bobb)
        await house.clock.advance(60.0)
        assert bobb.log.group_id == old
        error = await told(house, bobb, api.FollowRoom("ops", made_by="carol"))
        assert "carol made no new group" in str(error)
        await passing(house.clock, asking(bobb, api.FollowRoom("ops", made_by="alice")))
        await all_moved(house, [alice, bobb], old)
        await say_in_turn(house, [alice, bobb])


@asynchronous
async def test_a_later_new_group_cannot_be_chosen_while_the_first_one_holds(tmp_path: Path) -> None:
    async with room_in(tmp_path, "alice", "bobb", "carol") as (house, people):
        alice, bobb, carol = people
        await passing(house.clock, asking(alice, api.SetAdmin("ops", "bobb")))
        await settled(house, people)
        old = alice.log.group_id
        await renew_with(alice, ["bobb", "carol"])
        await waited(house, lambda: bool(carol.log.successor) and bool(bobb.log.successor))
        assert bobb.running is not None
        bobb.running.sync.succession.moves.announce(old, b"N" * 16)
        await waited(house, lambda: bool(carol.log.rivals))
        error = await told(house, carol, api.FollowRoom("ops", made_by="bobb"))
        assert "alice made the first one, which holds" in str(error)
        await passing(house.clock, asking(carol, api.FollowRoom("ops")))
        assert old not in carol.rooms


# --- what is still to be read ------------------------------------------------------------------


@asynchronous
async def test_who_follows_reads_first_what_others_wrote_in_the_old_group(tmp_path: Path) -> None:
    async with room_in(tmp_path, "alice", "bobb", "carol") as (house, people):
        alice, bobb, carol = people
        old = alice.log.group_id
        await renew_with(alice, ["bobb", "carol"])
        await waited(house, lambda: bool(carol.log.successor) and bool(bobb.log.successor))
        house.is_mute = True
        await carol.say("written in the old group")
        await passing(house.clock, asking(bobb, api.FollowRoom("ops")))
        house.is_mute = False
        assert old not in bobb.rooms
        assert await bobb.texts() == ["written in the old group"]


@asynchronous
async def test_who_agreed_before_reads_first_what_came_while_he_was_away(tmp_path: Path) -> None:
    async with room_in(tmp_path, "alice", "bobb", "carol") as (house, people):
        alice, bobb, carol = people
        old = alice.log.group_id
        await renew_with(alice, ["bobb", "carol"])
        await waited(house, lambda: bool(carol.log.successor) and bool(bobb.log.successor))
        house.is_mute = True
        await carol.say("written while bobb was away")
        house.twist = lambda body, reply: None if isinstance(body, f.Fetch) else reply
        error = await error_of(passing(house.clock, asking(bobb, api.FollowRoom("ops"))))
        assert isinstance(error, Unavailable)
        assert bobb.log.group_id == old
        house.twist = lambda body, reply: reply
        house.is_mute = False
        house.cut("bobb")
        await waited(house, lambda: old not in bobb.rooms)
        assert await bobb.texts() == ["written while bobb was away"]


# --- what came to nothing ----------------------------------------------------------------------


@asynchronous
async def test_who_made_a_group_that_came_to_nothing_is_asked_before_he_follows_into_anothers(
    tmp_path: Path,
) -> None:
    async with room_in(tmp_path, "alice", "bobb") as (house, people):
        alice, bobb = people
        await passing(house.clock, asking(alice, api.SetAdmin("ops", "bobb")))
        await settled(house, people)
        old = alice.log.group_id
        refused = f.Failed(f.Code.NOT_FOUND, "1 of those to be added are unknown or revoked")
        house.lies_to("alice", f.Post, refused)
        error = await error_of(passing(house.clock, asking(alice, api.RenewRoom("ops"))))
        assert "came to nothing" in str(error)
        house.tells_the_truth()
        await renew_with(bobb, ["alice"])
        await waited(house, lambda: bool(alice.log.successor))
        await house.clock.advance(30.0)
        assert alice.log.group_id == old
        assert "coterie room follow ops" in (await alice.room()).reason


@asynchronous
async def test_renewal_that_a_full_disk_stops_is_as_if_it_had_never_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with room_in(tmp_path, "alice", "bobb") as (_, (alice, _)):
        save = Store.save_log

        def save_but_no_prepared(
            store: Store, old: GroupLog | None, new: GroupLog, room: bytes, *, is_current: bool
        ) -> None:
            if not is_current:
                raise StorageError("the disk is full")
            save(store, old, new, room, is_current=is_current)

        monkeypatch.setattr(Store, "save_log", save_but_no_prepared)
        with pytest.raises(StorageError):
            await renew_with(alice, ["bobb"])
        assert alice.running is not None
        ((_, kept),) = alice.running.store.load_logs(ROOM_POLICY)
        assert not kept.agreed
        assert not alice.log.agreed
        assert not alice.rooms.prepared()


# --- who was out -------------------------------------------------------------------------------


@asynchronous
async def test_who_was_removed_before_and_is_let_into_the_new_group_goes_there_by_his_word(
    tmp_path: Path,
) -> None:
    async with room_in(tmp_path, "alice", "bobb", "carol") as (house, people):
        alice, _, carol = people
        await passing(house.clock, asking(alice, api.RemoveMember("ops", "carol")))
        await waited(house, lambda: carol.log.halt is Halt.REMOVED)
        others, old = people[:2], alice.log.group_id
        await settled(house, others)
        await lost(house, others, back_up(house))
        await renewed(house, alice)
        await all_moved(house, others, old)
        await passing(house.clock, asking(alice, api.AddMembers("ops", ("carol",))))
        await waited(house, lambda: carol.rooms.has_held_welcome(old))
        assert carol.log.group_id == old
        lines = [m.text for m in await carol.read() if m.event == Event.SUCCESSOR]
        assert "with alice, bobb, carol: `coterie room follow ops --made-by alice`" in lines[-1]
        assert "coterie room follow ops" in (await carol.room()).reason
        await passing(house.clock, asking(carol, api.FollowRoom("ops")))
        await all_moved(house, people, old)
        await say_in_turn(house, people)


@asynchronous
async def test_invitations_by_strangers_to_a_room_one_is_out_of_leave_room_for_all_others(
    tmp_path: Path,
) -> None:
    async with room_in(tmp_path, "alice", "bobb") as (house, (alice, bobb)):
        await passing(house.clock, asking(alice, api.RemoveMember("ops", "bobb")))
        await waited(house, lambda: bobb.log.halt is Halt.REMOVED)
        assert bobb.running is not None
        store, state = bobb.running.store, logs.state(bobb.log)
        strangers = [new_device(f"mallory-{n}") for n in range(MAX_OF_STRANGERS + 2)]
        for number, stranger in enumerate(strangers):
            invite_into_a_fake(house, bobb, stranger, state, bytes([number]) * 16)
            key = stranger.account_key
            await waited(house, lambda key=key: key in held_by(store, state.room_id))  # type: ignore[misc]
        newest = [stranger.account_key for stranger in strangers[-MAX_OF_STRANGERS:]]
        assert held_by(store, state.room_id) == newest
        assert store.size_of_held_welcomes() == (0, 0)
        assert (await bobb.events()).count(Event.SUCCESSOR) == MAX_OF_STRANGERS
        invite_into_a_fake(house, bobb, new_device("alice"), state, b"A" * 16)  # an admin
        await waited(house, lambda: len(held_by(store, state.room_id)) == len(newest) + 1)
        assert store.size_of_held_welcomes()[0] == 1


def held_by(store: Store, room_id: bytes) -> list[bytes]:
    return [held.account_key for held in store.held_welcomes(room_id)]


@asynchronous
async def test_admin_who_came_in_with_what_was_lost_is_told_that_another_must_renew(
    tmp_path: Path,
) -> None:
    async with room_in(tmp_path, "alice") as (house, people):
        alice = people[0]
        bobb, old = house.person("bobb"), alice.log.group_id
        async with bobb.online():
            await until(lambda: len(house.asked(f.UploadKeyPackages, "bobb")) == PARTS)
            copy = back_up(house)
            await passing(house.clock, asking(alice, api.AddMembers("ops", ("bobb",))))
            both = [alice, bobb]
            await settled(house, both)
            await passing(house.clock, asking(alice, api.SetAdmin("ops", "bobb")))
            await settled(house, both)
            await restore(house, copy)
            await all_lost(house, both)
            error = await told(house, bobb, api.RenewRoom("ops"))
            assert str(error) == UNLISTED
            assert "an admin who was in the room" in (error.hint or "")
            assert not bobb.rooms.prepared()
            await renewed(house, alice)
            await all_moved(house, both, old)
            await say_in_turn(house, both)


# --- at once -----------------------------------------------------------------------------------


@asynchronous
async def test_room_that_an_answer_showed_to_be_lost_is_renewed_on_the_same_connection(
    tmp_path: Path,
) -> None:
    async with room_in(tmp_path, "alice", "bobb") as (house, people):
        alice, bobb = people
        old, connections = alice.log.group_id, len(house.connections)
        house.lies_to("alice", f.Post, f.Ahead(0))
        said = asyncio.create_task(alice.ask(api.SendText("ops", "waits", wait=False)))
        await waited(house, lambda: alice.log.halt is Halt.LOST)
        await said
        house.tells_the_truth()
        await renewed(house, alice)
        assert old not in alice.rooms
        assert len(house.connections) == connections
        await passing(house.clock, asking(bobb, api.FollowRoom("ops")))
        await all_moved(house, people, old)
        assert await bobb.texts() == ["waits"]
