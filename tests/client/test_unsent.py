"""What a person said and no log has: it waits, fails, is posted anew or dropped; and what it marks and changes."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from coterie import content
from coterie.client.api import SendText
from coterie.client.attention import Attention
from coterie.client.finding import message_ref
from coterie.client.intent import Change, Outgoing, Say
from coterie.client.recording import Changed
from coterie.client.unsent import Outbox
from coterie.content import Delete, Edit, Reaction, Ref, Text
from coterie.errors import InvalidInput
from coterie.wire import frames as f
from tests.asynchronous import asynchronous
from tests.client.house import Person, alone_in, error_of, pair_in


def refusing() -> Callable[[f.RequestBody, str], f.ReplyBody | None]:
    """The server refuses one post for good."""
    left = [f.Failed(f.Code.MALFORMED, "no")]
    return lambda body, _: left.pop() if isinstance(body, f.Post) and left else None


def say(person: Person, said: content.Content) -> bytes:
    """In the outbox, and nobody waits for it; its ticket."""
    ticket = person.rooms.enqueue(person.log.group_id, Say(content.encode(said)))
    ticket.placed.cancel()
    return ticket.id


def room_id(person: Person) -> bytes:
    return person.rooms.room_id(person.log.group_id)


def told(person: Person) -> list[Changed]:
    """What is told from now on."""
    found: list[Changed] = []
    person.rooms.on_changed = found.append
    return found


async def ref_of_first(person: Person) -> Ref:
    """Of the first text."""
    return message_ref(next(m.ref for m in await person.read() if m.kind == "text"))


@asynchronous
async def test_text_that_was_refused_for_good_is_kept_until_it_is_sent_again(
    tmp_path: Path,
) -> None:
    """It was lost with a line that something was not sent."""
    async with alone_in(tmp_path) as (house, alice):
        house.lie = refusing()
        ticket = say(alice, Text("precious", 1_000))
        await house.clock.advance(5.0)
        (post,) = alice.rooms.pending(room_id(alice))
        assert (post.ticket, post.content, post.reason) == (ticket, Text("precious", 1_000), "no")
        assert "dropped" in await alice.events()
        again = alice.rooms.resend(room_id(alice), ticket)
        (post,) = alice.rooms.pending(room_id(alice))
        assert (post.ticket, post.reason) == (again.id, "")
        await again.placed
        await alice.in_step()
        assert await alice.texts() == ["precious"]
        assert alice.rooms.pending(room_id(alice)) == []
        with pytest.raises(InvalidInput, match="nothing that failed"):
            alice.rooms.resend(room_id(alice), ticket)


@asynchronous
async def test_who_waits_for_a_post_is_told_and_keeps_it(tmp_path: Path) -> None:
    """A program that tries again must not find its text twice."""
    async with alone_in(tmp_path) as (house, alice):
        house.lie = refusing()
        assert str(await error_of(alice.say("mine"))) == "no"
        assert alice.rooms.pending(room_id(alice)) == []


@asynchronous
async def test_what_failed_outlives_the_process_and_is_gone_once_discarded(tmp_path: Path) -> None:
    async with alone_in(tmp_path) as (house, alice):
        house.lie = refusing()
        ticket = say(alice, Text("precious", 1_000))
        await house.clock.advance(5.0)
        store, room = alice.open_store(), room_id(alice)
        assert [post.ticket for post in store.failed(room)] == [ticket]
        store.close()
        changed = told(alice)
        alice.rooms.discard(room, ticket)
        assert changed == [Changed(room, pending=True)]
        assert alice.rooms.pending(room) == []
        with pytest.raises(InvalidInput, match="nothing that waits"):
            alice.rooms.discard(room, ticket)


@asynchronous
async def test_what_was_never_encrypted_is_discarded_and_what_may_be_in_the_log_is_not(
    tmp_path: Path,
) -> None:
    async with alone_in(tmp_path) as (house, alice):
        house.go_down()
        room = room_id(alice)
        first, second = say(alice, Text("one", 1)), say(alice, Text("two", 2))
        alice.rooms.discard(room, first)
        assert [post.ticket for post in alice.rooms.pending(room)] == [second]
        alice.rooms.seal(alice.log.group_id)
        with pytest.raises(InvalidInput, match="may be in the room already"):
            alice.rooms.discard(room, second)
        house.is_down = False
        await house.clock.advance(60.0)
        await alice.in_step()
        assert await alice.texts() == ["two"]


@asynchronous
async def test_who_waits_for_what_is_discarded_is_told(tmp_path: Path) -> None:
    async with alone_in(tmp_path) as (house, alice):
        house.go_down()
        ticket = alice.rooms.enqueue(alice.log.group_id, Say(content.encode(Text("one", 1))))
        alice.rooms.discard(room_id(alice), ticket.id)
        assert str(await error_of(ticket.placed)) == "it was discarded"


@asynchronous
async def test_message_is_changing_while_what_changes_it_is_on_its_way(tmp_path: Path) -> None:
    async with alone_in(tmp_path) as (house, alice):
        await alice.say("hello")
        target, room = await ref_of_first(alice), room_id(alice)
        number = alice.rooms._store.number_of(room, target)
        assert number is not None
        house.go_down()
        changed = told(alice)
        for said in (Edit(target, "better", 2), Reaction(target, "👍", 3), Delete(target, 4)):
            ticket = say(alice, said)
            assert alice.rooms.changing(room) == {target}
            alice.rooms.discard(room, ticket)
            assert alice.rooms.changing(room) == frozenset()
        assert changed == [Changed(room, (number,), pending=True)] * 6


@asynchronous
async def test_each_step_is_told_once_with_the_rows_that_are_seen_otherwise(tmp_path: Path) -> None:
    async with pair_in(tmp_path) as (_, alice, bobb):
        await alice.say("hello")
        await bobb.in_step()
        target, room = await ref_of_first(bobb), room_id(bobb)
        number = bobb.rooms._store.number_of(room, target)
        assert number is not None
        changed = told(bobb)
        await alice.rooms.enqueue(
            alice.log.group_id, Say(content.encode(Reaction(target, "👍", 2)))
        ).placed
        await bobb.in_step()
        assert changed == [Changed(room, (number,))]
        (message,) = [m for m in await bobb.read() if m.kind == "text"]
        assert [(r.emoji, r.names) for r in message.reactions] == [("👍", ("alice",))]


@asynchronous
async def test_who_speaks_has_read_what_is_there_and_not_what_comes_before_it_lands(
    tmp_path: Path,
) -> None:
    async with pair_in(tmp_path) as (house, alice, bobb):
        room = room_id(bobb)
        store = bobb.rooms._store
        await alice.say("seen")
        await bobb.in_step()
        say(bobb, Reaction(await ref_of_first(bobb), "👍", 2))  # that reads nothing
        assert store.view(room).reading.unread == 1
        house.cut("bobb")
        await bobb.ask(SendText("ops", "mine", wait=False))
        assert store.view(room).reading.unread == 0
        await alice.say("not seen")
        await house.clock.advance(60.0)
        await bobb.in_step()
        assert await bobb.texts() == ["seen", "not seen", "mine"]
        reading = store.view(room).reading
        assert (reading.unread, reading.mentions) == (1, 0)


@asynchronous
async def test_what_a_person_sets_of_a_room_is_kept_and_told(tmp_path: Path) -> None:
    async with alone_in(tmp_path) as (_, alice):
        room, rooms = room_id(alice), alice.rooms
        changed = told(alice)
        rooms.set_draft(room, "begun")
        rooms.set_attention(room, Attention.NOTHING)
        rooms.mark_read(room)
        rooms.mark_read(room)  # that is no news
        assert changed == [Changed(room)] * 3
        view = rooms._store.view(room)
        assert (view.has_draft, view.attention) == (True, Attention.NOTHING)
        assert view.reading.read_to == rooms._store.newest(room)
        assert rooms._store.draft(room) == "begun"


# --- decoded once ------------------------------------------------------------------------------


def waiting(number: int) -> Outgoing:
    """A post of some kind."""
    target = Ref(bytes(16), number.to_bytes(16))
    said = (Text(str(number), 1), Edit(target, "better", 2), Reaction(target, "👍", 3))[number % 3]
    return Outgoing(number.to_bytes(16), Say(content.encode(said)))


def test_a_post_is_decoded_once_however_often_its_outbox_is_another() -> None:
    """With 1,000 posts in the outbox, one more took twice as long as it does."""
    outbox = tuple(waiting(number) for number in range(9))
    known = Outbox()
    before = known.pending((), outbox)
    after = known.pending((), (*outbox[1:4], Outgoing(b"heals", Change()), *outbox[4:], waiting(9)))
    assert all(one is other for one, other in zip(after[:-1], before[1:], strict=True))
    assert len(after) == 9


def test_what_is_known_of_an_outbox_is_what_there_is_after_any_steps() -> None:
    chance, known = Random(1), Outbox()  # noqa: S311
    outbox: tuple[Outgoing, ...] = ()
    for number in range(300):
        place = chance.randrange(len(outbox) + 1)
        match chance.randrange(4):
            case 0:
                outbox = outbox[1:]
            case 1:
                outbox = outbox[:place] + outbox[place + 1 :]
            case 2 if place < len(outbox):
                sealed = replace(outbox[place], message_id=number.to_bytes(16))
                outbox = (*outbox[:place], sealed, *outbox[place + 1 :])
            case _:
                outbox = (*outbox, waiting(number), waiting(1_000 + number))
        fresh = Outbox()
        assert known.pending((), outbox) == fresh.pending((), outbox)
        assert known.changing(outbox) == fresh.changing(outbox)
