"""Posting to a server that refuses, loses answers, or lies: nothing is lost, doubled, or asked without end."""

import asyncio
from pathlib import Path

import pytest

from coterie.client.api import SendText
from coterie.client.log import Halt
from coterie.errors import Refused, Unavailable
from coterie.wire import frames as f
from tests.asynchronous import asynchronous
from tests.client.house import Lie, error_of, house_in, pair_in, passing, until

QUARTER_S = 900.0
MOST_POSTS = 16  # in a quarter of an hour: a second, two, four … five minutes

PASSING = {
    "accepted and not shown": f.Accepted(b"m" * 16, 3),
    "accepted far ahead": f.Accepted(b"m" * 16, 2**60),
    "stale, and there is no commit": f.Stale(3),
    "stale far ahead": f.Stale(2**60),
    "a gap that is none": f.OutOfOrder(1_000),
    "ahead of what it shows": f.Ahead(1_000),
    "wait for no time": f.Failed(f.Code.WAIT, "too fast", wait_s=0.0),
    "wait for less than no time": f.Failed(f.Code.WAIT, "too fast", wait_s=-1.0),
    "closing, and it does not": f.Failed(f.Code.CLOSING, "soon"),
    "full": f.Failed(f.Code.FULL, "the disk is full"),
    "not a member": f.Failed(f.Code.NOT_MEMBER, "not on the list"),
    "not logged in": f.Failed(f.Code.NOT_LOGGED_IN, "log in first"),
    "not authenticated": f.Failed(f.Code.NOT_AUTHENTICATED, "login failed"),
    "an answer to something else": f.Done(),
}


@pytest.mark.parametrize("answer", PASSING.values(), ids=PASSING.keys())
@asynchronous
async def test_a_lie_costs_a_few_posts_and_then_the_message_arrives_once(
    tmp_path: Path, answer: f.ReplyBody
) -> None:
    async with pair_in(tmp_path) as (house, alice, bobb):
        house.lies_to("alice", f.Post, answer)
        before, fetched = len(house.asked(f.Post)), len(house.asked(f.Fetch))
        error = await error_of(passing(house.clock, alice.say_later("hello")))
        assert isinstance(error, Unavailable)
        assert "kept" in error.hint
        await house.clock.advance(QUARTER_S)
        assert 2 <= len(house.asked(f.Post)) - before <= MOST_POSTS
        assert len(house.asked(f.Fetch)) - fetched <= 2 * MOST_POSTS
        events = await alice.events()
        assert events.count("rule-broken") + events.count("unlisted") <= 1
        house.tells_the_truth()
        await house.clock.advance(QUARTER_S)
        await bobb.in_step()
        assert await bobb.texts() == await alice.texts() == ["hello"]


@pytest.mark.parametrize(
    ("answer", "halt"),
    [
        (f.Behind(1_000), Halt.OLDER_COPY),
        (f.OutOfOrder(0), Halt.LOST),
        (f.Ahead(0), Halt.LOST),
    ],
)
@asynchronous
async def test_an_answer_that_says_that_something_is_lost_stops_the_room_with_one_line(
    tmp_path: Path, answer: f.ReplyBody, halt: Halt
) -> None:
    async with pair_in(tmp_path) as (house, alice, bobb):
        await alice.say("before")
        house.lies_to("alice", f.Post, answer)

        def messages() -> int:  # rejoins have a test of their own
            return sum(post.kind is f.Kind.MESSAGE for post in house.asked(f.Post))

        before = messages()
        waiting = alice.say_later("hello")
        await until(lambda: alice.log.halt is halt)
        await house.clock.advance(QUARTER_S)
        assert messages() == before + 1
        events = await alice.events()
        assert events.count("older-copy") + events.count("lost") == 1
        assert (await alice.room()).state == str(halt)
        error = await error_of(waiting)
        assert isinstance(error, Unavailable)
        assert await bobb.texts() == ["before"]


@asynchronous
async def test_a_message_that_is_too_large_for_the_server_is_told_and_the_next_goes_out(
    tmp_path: Path,
) -> None:
    async with pair_in(tmp_path) as (house, alice, bobb):
        house.lie = _once(f.Post, f.Failed(f.Code.TOO_LARGE, "entry of 9 bytes, limit 8"))
        large, small = alice.say_later("large"), alice.say_later("small")
        error = await error_of(large)
        assert isinstance(error, Refused)
        assert str(error) == "entry of 9 bytes, limit 8"
        await passing(house.clock, small)
        await bobb.in_step()
        assert await bobb.texts() == await alice.texts() == ["small"]


@asynchronous
async def test_what_nobody_waits_for_is_told_by_a_line_where_it_is_refused_for_good(
    tmp_path: Path,
) -> None:
    async with pair_in(tmp_path) as (house, alice, _):
        house.lie = _once(f.Post, f.Failed(f.Code.MALFORMED, "no"))
        await alice.ask(SendText("ops", "hello", wait=False))
        await house.clock.advance(5.0)
        assert [m.text for m in await alice.read() if m.event == "dropped"] == ["not sent: no"]
        assert not alice.log.outbox


@asynchronous
async def test_a_commit_that_is_refused_for_good_each_time_is_not_tried_without_end(
    tmp_path: Path,
) -> None:
    """A newcomer heals before its first message: where it may not, lines must not fill the room."""
    async with house_in(tmp_path) as house:
        alice, bobb = house.person("alice"), house.person("bobb")
        async with bobb.online(), alice.online():
            await until(lambda: len(house.asked(f.UploadKeyPackages)) == 6)
            house.lie = lambda body, name: (
                f.Failed(f.Code.MALFORMED, "no commits")
                if isinstance(body, f.Post) and body.kind is f.Kind.COMMIT and name == "bobb"
                else None
            )
            await alice.create("bobb")
            await until(lambda: bool(list(bobb.rooms)) and bobb.log.halt is Halt.OPEN)
            await error_of(passing(house.clock, bobb.say_later("hello")))
            await house.clock.advance(QUARTER_S)
            assert (await bobb.events()).count("dropped") <= MOST_POSTS
            house.tells_the_truth()
            await house.clock.advance(QUARTER_S)
            await alice.in_step()
            assert await alice.texts() == ["hello"]


@asynchronous
async def test_who_sends_while_the_server_does_not_list_the_device_learns_that_it_is_kept(
    tmp_path: Path,
) -> None:
    async with pair_in(tmp_path) as (house, alice, bobb):
        house.lies_to("alice", f.Post, f.Failed(f.Code.NOT_MEMBER, "not on the list"))
        error = await error_of(alice.say_later("hello"))  # at once, no time passes
        assert isinstance(error, Unavailable)
        house.tells_the_truth()
        await house.clock.advance(31.0)
        await bobb.in_step()
        assert await bobb.texts() == ["hello"]


@asynchronous
async def test_a_post_whose_answer_is_lost_lands_once(tmp_path: Path) -> None:
    async with pair_in(tmp_path) as (house, alice, bobb):
        house.is_mute = True
        house.twist = lambda body, reply: None if isinstance(body, f.Post) else reply
        waiting = alice.say_later("hello")
        await until(lambda: len(house.entries(alice.log.group_id, alice.account.device)) > 2)
        house.twist, house.is_mute = lambda body, reply: reply, False
        house.cut("alice")
        await house.clock.advance(1.0)
        sent = await waiting
        assert sent.seq == alice.log.cursor
        await bobb.say("hi")
        await alice.in_step()
        assert await alice.texts() == await bobb.texts() == ["hello", "hi"]


@asynchronous
async def test_a_send_ends_when_its_entry_was_read_and_not_before(tmp_path: Path) -> None:
    async with pair_in(tmp_path) as (house, alice, _):
        go_on, answered = asyncio.Event(), asyncio.Event()

        async def gate(body: f.RequestBody, name: str) -> None:
            if isinstance(body, f.Fetch):
                await go_on.wait()
            elif isinstance(body, f.Post):
                answered.set()

        house.is_mute, house.gate = True, gate
        waiting = alice.say_later("hello")
        await answered.wait()
        await until(lambda: bool(house.asked(f.Fetch, "alice")))
        assert not waiting.done()
        go_on.set()
        sent = await waiting
        assert (sent.seq, sent.room) == (alice.log.cursor, "ops")
        (message,) = [m for m in await alice.read() if m.kind == "text"]
        assert (message.seq, message.message_id) == (sent.seq, sent.message_id)


@asynchronous
async def test_messages_that_cross_a_commit_are_encrypted_again_and_all_arrive_in_order(
    tmp_path: Path,
) -> None:
    async with house_in(tmp_path) as house:
        alice, bobb, carol = (house.person(name) for name in ("alice", "bobb", "carol"))
        async with bobb.online(), carol.online(), alice.online():
            await until(lambda: len(house.asked(f.UploadKeyPackages)) == 9)
            await alice.create("bobb", "carol")
            await bobb.in_step()
            await carol.in_step()
            # Each newcomer commits before its first message, so these race.
            saying = [
                person.say_later(f"{person.name} {number}")
                for number in range(5)
                for person in (alice, bobb, carol)
            ]
            for one in saying:
                await passing(house.clock, one)
            for person in (alice, bobb, carol):
                await person.in_step()
            texts = await alice.texts()
            assert texts == await bobb.texts() == await carol.texts()
            for name in ("alice", "bobb", "carol"):
                mine = [text for text in texts if text.startswith(name)]
                assert mine == [f"{name} {number}" for number in range(5)]
            for person in (alice, bobb, carol):
                assert not {"rule-broken", "altered", "dead", "lie"} & set(await person.events())


@asynchronous
async def test_many_messages_arrive_once_and_in_order_however_often_the_connection_is_cut(
    tmp_path: Path,
) -> None:
    async with pair_in(tmp_path) as (house, alice, bobb):
        texts = [str(number) for number in range(100)]
        for text in texts:
            await alice.ask(SendText("ops", text, wait=False))
        posts = 0

        def lie(body: f.RequestBody, name: str) -> f.ReplyBody | None:
            nonlocal posts
            posts += isinstance(body, f.Post)
            if isinstance(body, f.Post) and posts % 17 == 0:
                house.cut("alice")
            return None

        house.lie = lie
        for _ in range(400):
            await house.clock.advance(1.0)
            if not alice.log.outbox:
                break
        await bobb.in_step()
        assert await bobb.texts() == await alice.texts() == texts


@asynchronous
async def test_no_more_than_a_few_posts_are_under_way_together(tmp_path: Path) -> None:
    async with pair_in(tmp_path) as (house, alice, bobb):
        go_on = asyncio.Event()

        async def gate(body: f.RequestBody, name: str) -> None:
            if isinstance(body, f.Post):
                await go_on.wait()

        house.gate, house.is_mute = gate, True
        before = len(house.asked(f.Post))
        for number in range(80):
            await alice.ask(SendText("ops", str(number), wait=False))
        await house.clock.advance(5.0)
        assert len(house.asked(f.Post)) - before == 32
        go_on.set()
        house.is_mute = False
        await house.clock.advance(5.0)
        await alice.in_step()
        await bobb.in_step()
        assert await bobb.texts() == [str(number) for number in range(80)]


def _once(kind: type[f.RequestBody], answer: f.ReplyBody) -> Lie:
    given = [answer]

    def lie(body: f.RequestBody, name: str) -> f.ReplyBody | None:
        return given.pop() if given and isinstance(body, kind) else None

    return lie


@asynchronous
async def test_a_gap_that_was_true_when_it_was_asked_is_no_loss_once_it_is_closed(
    tmp_path: Path,
) -> None:
    """The room stopped as lost where one post was told to wait and the answer to the next was late."""
    async with pair_in(tmp_path) as (house, alice, bobb):
        first_is_read = asyncio.Event()
        asked: list[bytes] = []

        async def late(body: f.RequestBody, _: str) -> None:
            if isinstance(body, f.Post) and len(asked) == 2 and body.message_id == asked[1]:
                await first_is_read.wait()

        def wait_once(body: f.RequestBody, _: str) -> f.ReplyBody | None:
            if not isinstance(body, f.Post) or body.message_id in asked:
                return None
            asked.append(body.message_id)
            return f.Failed(f.Code.WAIT, "too fast", wait_s=1.0) if len(asked) == 1 else None

        house.lie, house.gate = wait_once, late
        sent = asyncio.gather(
            alice.say_later("first"), alice.say_later("second"), return_exceptions=True
        )
        await passing(house.clock, sent)
        await bobb.in_step()
        await until(lambda: len(alice.log.outbox) == 1)
        first_is_read.set()
        await house.clock.advance(QUARTER_S)
        await bobb.in_step()
        assert alice.log.halt is Halt.OPEN
        assert await bobb.texts() == await alice.texts() == ["first", "second"]
