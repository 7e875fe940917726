"""What a screen is told of all that changes."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from coterie.client import api
from coterie.client.news import MAX_NOTICES, MAX_ROWS, News
from coterie.client.running import Running
from coterie.client.service import Service
from coterie.errors import InvalidInput
from coterie.noise.dh import FFDHE2048
from tests.asynchronous import asynchronous
from tests.client.house import House, Person, pair_in, until
from tests.client.screen import screen_now, turn_pages, watched


def service_of(person: Person) -> Service:
    assert person.service is not None
    return person.service


def running_of(person: Person) -> Running:
    assert person.running is not None
    return person.running


# --- news --------------------------------------------------------------------------------------


def test_a_reader_that_is_slow_costs_no_memory() -> None:
    news = News()
    for number in range(10 * MAX_ROWS):
        news.add_rows((number,))
        news.add().notices.append(str(number))
    lot = news.take()
    assert lot.has_missed
    assert len(lot.rows) <= MAX_ROWS
    assert list(lot.notices) == [str(10 * MAX_ROWS - left) for left in range(MAX_NOTICES, 0, -1)]
    assert news.take().rows == set()


def test_what_changes_thrice_before_it_is_looked_at_is_told_once() -> None:
    news = News()
    for _ in range(3):
        news.add_rows((7, 8))
        news.add().rooms.add(b"room")
    lot = news.take()
    assert (lot.rows, lot.rooms, lot.has_missed) == ({7, 8}, {b"room"}, False)


# --- one screen --------------------------------------------------------------------------------


@asynchronous
async def test_a_screen_begins_with_the_connection_and_all_rooms(tmp_path: Path) -> None:
    async with pair_in(tmp_path) as (_, alice, _bobb):
        await alice.ask(api.CreateRoom("war"))
        async with watched(service_of(alice)) as screen:
            kinds = [type(update) for update in screen.heard]
            assert kinds == [api.Connection, api.Room, api.Room]
            assert screen.connection == api.Connection("connected", "connected")
            assert {room.name for room in screen.rooms.values()} == {"ops", "war"}


@asynchronous
async def test_what_is_sent_is_shown_at_once_and_then_in_its_place(tmp_path: Path) -> None:
    async with pair_in(tmp_path) as (house, alice, _bobb), watched(service_of(alice)) as screen:
        house.go_down()
        sent = await alice.ask(api.SendText("ops", "hello", wait=False))
        await asyncio.sleep(0)
        (pending,) = screen.pending.values()
        (message,) = pending.messages
        assert (message.text, message.state) == ("hello", "sending")
        assert isinstance(sent, api.Sent)
        assert message.ticket == sent.ticket
        house.is_down = False
        await house.clock.advance(60.0)
        await alice.in_step()
        kinds = [type(update) for update in screen.heard]
        assert kinds.index(api.Pending) < kinds.index(api.Message)
        assert max(place for place, kind in enumerate(kinds) if kind is api.Pending) > (
            kinds.index(api.Message)
        )
        assert [one.text for one in screen.messages.values()] == ["hello"]
        assert not any(one.messages for one in screen.pending.values())


@asynchronous
async def test_a_deleted_text_goes_from_its_place_and_from_what_answers_it(tmp_path: Path) -> None:
    async with pair_in(tmp_path) as (_, alice, bobb):
        sent = await alice.say("secret plan")
        await bobb.in_step()
        await bobb.ask(api.SendText("ops", "what?", reply_to=sent.ref))
        async with watched(service_of(bobb)) as screen:
            await alice.ask(api.DeleteMessage("ops", sent.ref))
            await bobb.in_step()
            await asyncio.sleep(0)
            assert "secret plan" not in str(screen.messages)
            assert [one.deleted_by for one in screen.messages.values()] == ["alice", ""]


@asynchronous
async def test_counts_and_drafts_and_topics_are_told_by_the_room(tmp_path: Path) -> None:
    async with pair_in(tmp_path) as (_, alice, bobb), watched(service_of(bobb)) as screen:
        await alice.say("one")
        await alice.say("@bobb two")
        await alice.ask(api.ChangeRoom("ops", topic="shipping"))
        await bobb.in_step()
        await bobb.ask(api.SetDraft("ops", "I thi"))
        await bobb.ask(api.SetAttention("ops", "mentions"))
        await asyncio.sleep(0)
        (room,) = screen.rooms.values()
        assert (room.unread, room.mentions, room.topic) == (2, 1, "shipping")
        assert (room.has_draft, room.attention) == (True, "mentions")
        read = await bobb.ask(api.MarkRead("ops"))
        await asyncio.sleep(0)
        assert isinstance(read, api.Room)
        assert (read.unread, read.mentions, read.read_to) == (0, 0, read.newest)
        assert screen.rooms[room.room_id] == read


@asynchronous
async def test_the_connection_is_told_in_a_word_and_a_sentence(tmp_path: Path) -> None:
    async with pair_in(tmp_path) as (house, alice, _), watched(service_of(alice)) as screen:
        house.go_down()
        await house.clock.advance(5.0)
        assert screen.connection is not None
        assert screen.connection.state == "connecting"
        assert "nothing listens" in screen.connection.text
        house.is_down = False
        await house.clock.advance(60.0)
        await until(lambda: screen.connection == api.Connection("connected", "connected"))
        states = [one.state for one in screen.heard if isinstance(one, api.Connection)]
        assert states[-2:] == ["catching-up", "connected"]
        assert "connected again" in screen.notices


@asynchronous
async def test_a_server_that_is_another_is_told_as_final(tmp_path: Path) -> None:
    async with pair_in(tmp_path) as (house, alice, _), watched(service_of(alice)) as screen:
        house.static = FFDHE2048.generate()
        house.cut("alice")
        await house.clock.advance(60.0)
        await until(lambda: screen.connection is not None and screen.connection.state == "refused")


@asynchronous
async def test_who_is_typing_is_told_until_what_was_typed_is_there(tmp_path: Path) -> None:
    async with pair_in(tmp_path) as (_house, alice, bobb), watched(service_of(bobb)) as screen:
        await alice.say("a question")
        await bobb.in_step()
        await alice.ask(api.SayTyping("ops"))
        await until(lambda: any(one.typing == ("alice",) for one in screen.around.values()))
        hers = (await alice.read())[-1]
        await bobb.ask(api.SendText("ops", "what do you write?", thread=hers.ref))
        await bobb.in_step()
        assert any(one.typing == ("alice",) for one in screen.around.values())
        await alice.in_step()
        await alice.say("done")
        await bobb.in_step()
        await until(lambda: not any(one.typing for one in screen.around.values()))
        await alice.ask(api.SayPresence("online"))
        await until(
            lambda: any(one.presence == {"alice": "online"} for one in screen.around.values())
        )


@asynchronous
async def test_a_screen_that_missed_too_much_is_told_so_and_goes_on(tmp_path: Path) -> None:
    async with pair_in(tmp_path) as (_, alice, _bobb), watched(service_of(alice)) as screen:
        (news,) = service_of(alice)._readers
        news.add_rows(range(2 * MAX_ROWS))
        await alice.say("hello")
        assert screen.has_missed
        assert [one.text for one in screen.messages.values()] == ["hello"]


@asynchronous
async def test_a_changed_key_that_is_taken_opens_its_rooms_on_the_screen(tmp_path: Path) -> None:
    async with pair_in(tmp_path) as (_, alice, _bobb), watched(service_of(alice)) as screen:
        people = running_of(alice).people
        known = people.known("bobb")
        assert known is not None
        pinned = replace(known.pin, account_key=b"another".ljust(32))
        people._save(replace(known, pin=pinned, changed_key=known.pin.account_key))
        assert (await alice.room()).state == "key-changed"
        await alice.ask(api.Acknowledge(None, "bobb"))
        await asyncio.sleep(0)
        (room,) = screen.rooms.values()
        assert room.state == "open"


@asynchronous
async def test_who_came_to_be_known_otherwise_is_told_in_the_rooms_with_that_account(
    tmp_path: Path,
) -> None:
    """Who was verified elsewhere kept the mark of one who was not, until the room was opened again."""
    async with pair_in(tmp_path) as (_, alice, _bobb):
        await alice.ask(api.CreateRoom("alone"))
        async with watched(service_of(alice)) as screen:
            before = {room.name: room.people for room in screen.rooms.values()}
            number = await alice.ask(api.VerifyAccount("bobb"))
            assert isinstance(number, api.SafetyNumber)
            await asyncio.sleep(0)
            assert {room.name: room.people for room in screen.rooms.values()} == before
            await alice.ask(api.VerifyAccount("bobb", compared=True, number=number.number))
            await asyncio.sleep(0)
            compared = {room.name: room.people for room in screen.rooms.values()}
            assert compared["ops"] != before["ops"]
            assert compared["alone"] == before["alone"]
            people = running_of(alice).people
            known = people.known("bobb")
            assert known is not None
            people._save(replace(known, list_version=known.list_version + 1))  # a new device
            await asyncio.sleep(0)
            (ops,) = [room for room in screen.rooms.values() if room.name == "ops"]
            assert ops.people not in (before["ops"], compared["ops"])


# --- any history -------------------------------------------------------------------------------

EMOJI = ("\U0001f44d", "\u2764\ufe0f")
Does = Callable[[Random, Person, list[api.Message]], api.Request | None]


def _of(texts: list[api.Message], chance: Random) -> str | None:
    return chance.choice(texts).ref if texts else None


def _says(chance: Random, person: Person, texts: list[api.Message]) -> api.Request:
    reply_to = _of(texts, chance) if chance.random() < 0.3 else None
    thread = _of(texts, chance) if chance.random() < 0.3 else None
    text = chance.choice(("hello", "@alice look", "@bobb look", "https://example.org"))
    return api.SendText("ops", text, wait=False, reply_to=reply_to, thread=thread)


def _edits(chance: Random, person: Person, texts: list[api.Message]) -> api.Request | None:
    ref = _of([one for one in texts if one.sender == person.name], chance)
    return (
        None
        if ref is None
        else api.EditMessage("ops", ref, f"edited {chance.randrange(9)}", wait=False)
    )


def _deletes(chance: Random, person: Person, texts: list[api.Message]) -> api.Request | None:
    ref = _of(texts, chance)
    return None if ref is None else api.DeleteMessage("ops", ref, wait=False)


def _reacts(chance: Random, person: Person, texts: list[api.Message]) -> api.Request | None:
    ref, emoji = _of(texts, chance), chance.choice(EMOJI)
    return (
        None
        if ref is None
        else api.React("ops", ref, emoji, remove=chance.random() < 0.3, wait=False)
    )


def _reads(chance: Random, person: Person, texts: list[api.Message]) -> api.Request:
    return api.MarkRead("ops", chance.choice([None, *(one.number for one in texts)]))


def _arranges(chance: Random, person: Person, texts: list[api.Message]) -> api.Request:
    attention: api.AttentionWord = chance.choice(("all", "mentions", "nothing"))
    draft = chance.choice(("", "I thi"))
    return chance.choice((api.SetAttention("ops", attention), api.SetDraft("ops", draft)))


DOES: tuple[Does, ...] = (
    _says,
    _says,
    _says,
    _edits,
    _deletes,
    _reacts,
    _reacts,
    _reads,
    _arranges,
)


async def _act(chance: Random, person: Person) -> None:
    texts = [one for one in await person.read() if one.kind == "text"]
    request = chance.choice(DOES)(chance, person, texts)
    if request:
        with suppress(InvalidInput):  # it could not count
            await person.ask(request)


async def _history(chance: Random, house: House, people: tuple[Person, ...]) -> None:
    """Thirty things that happen, on both sides of an absence of the server."""
    for _ in range(3):
        for _ in range(10):
            await _act(chance, chance.choice(people))
            if chance.random() < 0.3:
                await asyncio.sleep(0)
        if house.is_down:
            house.is_down = False
            await house.clock.advance(60.0)
        elif chance.random() < 0.5:
            house.go_down()
    house.is_down = False
    await house.clock.advance(60.0)
    for person in people:
        await person.in_step()


@pytest.mark.parametrize("seed", range(4))
@asynchronous
async def test_what_a_screen_was_told_is_what_it_would_see_had_it_begun_now(
    tmp_path: Path, seed: int
) -> None:
    async with pair_in(tmp_path) as (house, alice, bobb):
        chance = Random(seed)  # noqa: S311  # a history, and no secret
        async with watched(service_of(alice)) as first, watched(service_of(bobb)) as second:
            for screen, person in ((first, alice), (second, bobb)):
                for room_id in screen.rooms:
                    await turn_pages(service_of(person), screen, room_id)
            second.is_awake.clear()
            await _history(chance, house, (alice, bobb))
            second.is_awake.set()
            for screen, person in ((first, alice), (second, bobb)):
                now = await screen_now(service_of(person))
                await until(lambda: screen.shown() == now.shown())  # noqa: B023
            assert first.messages
