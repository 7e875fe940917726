"""Reading a group's log from a server that is slow, wrong, or lies."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec import structs

from coterie.client.api import SendText
from coterie.client.log import Halt
from coterie.client.recording import Changed
from coterie.wire import frames as f
from tests.asynchronous import asynchronous
from tests.client.house import House, Person, pair_in, until

HOUR_S = 3600.0


@asynchronous
async def test_what_a_push_leaves_out_is_fetched(tmp_path: Path) -> None:
    async with pair_in(tmp_path) as (house, alice, bobb):
        house.is_mute = True
        await alice.say("one")
        await alice.say("two")
        house.is_mute = False
        await alice.say("three")
        await bobb.in_step()
        assert await bobb.texts() == ["one", "two", "three"]


@asynchronous
async def test_a_head_that_is_named_while_a_fetch_is_under_way_is_read_too(tmp_path: Path) -> None:
    """The last message of a busy moment showed only when the next one came."""
    async with pair_in(tmp_path) as (house, alice, bobb):
        group, reached, go_on = alice.log.group_id, asyncio.Event(), asyncio.Event()

        async def gate(body: f.RequestBody, name: str) -> None:
            if isinstance(body, f.Fetch) and name == "bobb":
                reached.set()
                await go_on.wait()

        house.is_mute, house.gate = True, gate
        await alice.say("one")
        house.connection("bobb").tell(f.LogGrew(group, (), alice.log.cursor))
        await reached.wait()  # its answer is made, and under way
        await alice.say("two")
        house.connection("bobb").tell(f.LogGrew(group, (), alice.log.cursor))
        await until(lambda: bobb.running is not None)
        go_on.set()
        await bobb.in_step()
        assert await bobb.texts() == ["one", "two"]


@asynchronous
async def test_a_head_that_is_told_before_the_subscription_is_answered_is_read_too(
    tmp_path: Path,
) -> None:
    async with pair_in(tmp_path) as (house, alice, bobb):
        reached, go_on = asyncio.Event(), asyncio.Event()

        async def gate(body: f.RequestBody, name: str) -> None:
            if isinstance(body, f.Subscribe) and name == "bobb":
                reached.set()
                await go_on.wait()

        house.is_mute, house.gate = True, gate
        house.cut("bobb")
        await house.clock.advance(1.0)
        await reached.wait()  # the answer is made, and under way
        await alice.say("one")
        house.connection("bobb").tell(f.LogGrew(alice.log.group_id, (), alice.log.cursor))
        await house.clock.advance(0.0)
        go_on.set()
        await bobb.in_step()
        assert await bobb.texts() == ["one"]


@asynchronous
async def test_a_head_far_away_costs_one_fetch(tmp_path: Path) -> None:
    async with pair_in(tmp_path) as (house, alice, bobb):
        before = len(house.asked(f.Fetch, "bobb"))
        house.connection("bobb").tell(f.LogGrew(alice.log.group_id, (), 2**60))
        await house.clock.advance(HOUR_S)
        assert len(house.asked(f.Fetch, "bobb")) == before + 1
        await bobb.say("still here")
        await alice.in_step()
        assert await alice.texts() == ["still here"]


@asynchronous
async def test_a_push_for_an_unknown_group_is_passed_over(tmp_path: Path) -> None:
    async with pair_in(tmp_path) as (house, alice, bobb):
        house.connection("bobb").tell(f.LogGrew(b"?" * 16, (), 7))
        await alice.say("hello")
        await bobb.in_step()
        assert await bobb.texts() == ["hello"]


def _swapped(entries: tuple[f.Entry, ...]) -> tuple[f.Entry, ...]:
    return entries[::-1]


def _gap(entries: tuple[f.Entry, ...]) -> tuple[f.Entry, ...]:
    return (entries[0], *entries[2:])


def _later(entries: tuple[f.Entry, ...]) -> tuple[f.Entry, ...]:
    return entries[1:]


def _none(entries: tuple[f.Entry, ...]) -> tuple[f.Entry, ...]:
    return ()


@pytest.mark.parametrize("alter", [_swapped, _gap, _later, _none])
@asynchronous
async def test_a_fetch_that_breaks_the_order_stops_the_room_until_it_is_right(
    tmp_path: Path, alter: Callable[[tuple[f.Entry, ...]], tuple[f.Entry, ...]]
) -> None:
    async with pair_in(tmp_path) as (house, alice, bobb):

        def twist(body: f.RequestBody, reply: f.ReplyBody) -> f.ReplyBody:
            if isinstance(reply, f.Entries) and len(reply.entries) > 2:
                return structs.replace(reply, entries=alter(reply.entries))
            return reply

        await _let_bobb_fetch_three(house, alice, twist)
        before = len(house.asked(f.Fetch))
        await house.clock.advance(HOUR_S)
        assert 3 <= len(house.asked(f.Fetch)) - before <= 10  # later and later
        assert await bobb.texts() in ([], ["one"])
        (told,) = [notice for notice in bobb.notices if notice.startswith("#ops: ")]
        house.twist = lambda body, reply: reply
        await house.clock.advance(HOUR_S)
        await bobb.in_step()
        assert await bobb.texts() == ["one", "two", "three"]
        assert [n for n in bobb.notices if n.startswith("#ops: ")] == [told]


async def _let_bobb_fetch_three(
    house: House, alice: Person, twist: Callable[[f.RequestBody, f.ReplyBody], f.ReplyBody]
) -> None:
    house.is_mute = True
    for text in ("one", "two", "three"):
        await alice.say(text)
    house.is_mute, house.twist = False, twist
    house.connection("bobb").tell(f.LogGrew(alice.log.group_id, (), alice.log.cursor))
    await until(lambda: bool(house.asked(f.Fetch, "bobb")))


@pytest.mark.parametrize(
    "answer",
    [
        f.Failed(f.Code.WAIT, "too fast", wait_s=0.0),
        f.Failed(f.Code.FULL, "no"),
        f.Done(),
    ],
)
@asynchronous
async def test_a_fetch_that_fails_is_asked_again_later_and_later(
    tmp_path: Path, answer: f.ReplyBody
) -> None:
    """A room whose fetch was refused once was dead until the next connection."""
    async with pair_in(tmp_path) as (house, alice, bobb):
        house.is_mute = True
        await alice.say("one")
        house.lies_to("bobb", f.Fetch, answer)
        house.connection("bobb").tell(f.LogGrew(alice.log.group_id, (), alice.log.cursor))
        before = len(house.asked(f.Fetch, "bobb"))
        await house.clock.advance(HOUR_S)
        assert 3 <= len(house.asked(f.Fetch, "bobb")) - before <= 10
        house.tells_the_truth()
        await house.clock.advance(HOUR_S)
        assert await bobb.texts() == ["one"]


@asynchronous
async def test_a_fetch_without_an_answer_is_asked_again(tmp_path: Path) -> None:
    async with pair_in(tmp_path) as (house, alice, bobb):
        house.is_mute = True
        await alice.say("one")
        house.twist = lambda body, reply: None if isinstance(body, f.Fetch) else reply
        house.connection("bobb").tell(f.LogGrew(alice.log.group_id, (), alice.log.cursor))
        await until(lambda: bool(house.asked(f.Fetch, "bobb")))
        house.twist = lambda body, reply: reply
        await house.clock.advance(200.0)
        assert await bobb.texts() == ["one"]


@pytest.mark.parametrize(
    ("answer", "what"),
    [
        (f.Subscribed(0, 100), "entries"),
        (f.Subscribed(100, 0), "of this device's posts"),
        (f.Diverged(1, ()), "entries"),
        (f.Diverged(1_000, ()), "the log that this device has read"),
    ],
)
@asynchronous
async def test_a_server_that_has_less_than_the_device_stops_the_room(
    tmp_path: Path, answer: f.ReplyBody, what: str
) -> None:
    async with pair_in(tmp_path) as (house, alice, _):
        await alice.say("mine")
        house.lies_to("alice", f.Subscribe, answer)
        house.cut("alice")
        await house.clock.advance(1.0)
        assert alice.log.halt is Halt.LOST
        (line,) = [m.text for m in await alice.read() if m.event == "lost"]
        assert what in line
        posts = len(house.asked(f.Post, "alice"))
        for _ in range(3):
            house.cut("alice")
            await house.clock.advance(100.0)
        assert len(house.asked(f.Post, "alice")) == posts
        assert (await alice.events()).count("lost") == 1
        assert await alice.texts() == ["mine"]


@asynchronous
async def test_a_group_that_the_server_no_longer_lists_is_told_once(tmp_path: Path) -> None:
    async with pair_in(tmp_path) as (house, alice, _):
        house.lies_to("alice", f.Subscribe, f.Failed(f.Code.NOT_MEMBER, "no such group"))
        house.cut("alice")
        before = len(house.asked(f.Subscribe, "alice"))
        await house.clock.advance(HOUR_S)
        assert 3 <= len(house.asked(f.Subscribe, "alice")) - before <= 10
        assert (await alice.events()).count("unlisted") == 1
        assert not house.asked(f.CreateGroup, "bobb")
        house.tells_the_truth()
        await house.clock.advance(2 * HOUR_S)
        await alice.say("back")


@asynchronous
async def test_a_bug_in_a_callback_does_not_end_a_room(tmp_path: Path) -> None:
    async with pair_in(tmp_path) as (house, alice, bobb):
        calls = []

        def broken(changed: Changed) -> None:
            calls.append(changed)
            if len(calls) == 1:
                raise ZeroDivisionError

        bobb.rooms.on_changed = broken
        await alice.say("one")
        await until(lambda: bool(calls))
        assert "a bug in this program: ZeroDivisionError" in "".join(bobb.notices)
        await alice.say("two")
        await house.clock.advance(60.0)
        assert await bobb.texts() == ["one", "two"]


@asynchronous
async def test_pushes_that_nobody_can_keep_are_fetched(tmp_path: Path) -> None:
    """A server that pushes megabytes while a client waits does not fill its memory."""
    async with pair_in(tmp_path) as (house, alice, bobb):
        go_on = asyncio.Event()

        async def gate(body: f.RequestBody, name: str) -> None:
            if isinstance(body, f.Fetch):
                await go_on.wait()

        house.gate = gate
        group, head = alice.log.group_id, bobb.log.cursor
        connection = house.connection("bobb")
        connection.tell(f.LogGrew(group, (), head + 1))
        large = f.Entry(head + 1, f.Kind.MESSAGE, b"d" * 16, b"m" * 16, bytes(2**20 + 1))
        await until(lambda: bool(house.asked(f.Fetch, "bobb")))
        connection.tell(f.LogGrew(group, (large,), head + 1))
        await alice.say("one")
        go_on.set()
        await bobb.in_step()
        assert await bobb.texts() == ["one"]
        assert "dead" not in await bobb.events()


@asynchronous
async def test_many_entries_are_read_in_several_turns_of_the_loop(tmp_path: Path) -> None:
    async with pair_in(tmp_path) as (house, alice, bobb):
        house.go_down()
        await until(lambda: bobb.running is not None and bobb.running.link.connection is None)
        texts = [str(number) for number in range(100)]
        for text in texts:
            await alice.ask(_later_text(text))
        house.is_down = False
        await house.clock.advance(100.0)
        await bobb.in_step()
        assert await bobb.texts() == await alice.texts() == texts


def _later_text(text: str) -> SendText:
    return SendText("ops", text, wait=False)
