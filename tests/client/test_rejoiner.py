"""A device that cannot read a room any more is let in anew, whatever is cut meanwhile: real clients, a real server."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from secrets import token_bytes

import pytest
from msgspec import structs

from coterie.client import api
from coterie.client.intent import Change, Say
from coterie.client.log import Halt, Step
from coterie.content import Text, encode
from coterie.secret import Secret
from coterie.wire import chain
from coterie.wire import frames as f
from tests.asynchronous import asynchronous
from tests.client.house import PARTS, House, Person, house_in, pair_in, passing, until

MINUTE_S = 60.0
HOUR_S = 3600.0
MOST_REQUESTS = 26  # of a device that is let in anew


def proposals(house: House, name: str) -> list[f.Post]:
    return [post for post in house.asked(f.Post, name) if post.kind is f.Kind.PROPOSAL]


def break_keys(person: Person) -> None:
    """The next path does not open for it: stands for a committer that sealed it something else."""
    log = person.log
    keys = {x: Secret(bytes([x + 1]) * 32) for x in log.group.private_keys}
    broken = replace(log, group=replace(log.group, private_keys=keys))
    person.rooms._logs[log.group_id] = broken


async def stuck(house: House, by: Person, person: Person) -> None:
    """A commit that counts does not open for the person."""
    break_keys(person)
    by.rooms.enqueue(by.log.group_id, Change())
    await until(lambda: person.log.halt is Halt.STUCK)


async def say(house: House, person: Person, text: str) -> None:
    await passing(house.clock, person.say_later(text), MINUTE_S)


async def is_in(house: House, person: Person) -> None:
    """Within a minute."""
    for _ in range(60):
        await house.clock.advance(1.0)
        if list(person.rooms) and person.log.halt is Halt.OPEN:
            return
    raise AssertionError("it is not in after a minute")


async def both_say(house: House, alice: Person, bobb: Person) -> None:
    """And read each other."""
    await say(house, bobb, "here again")
    await say(house, alice, "welcome back")
    await bobb.in_step()
    await alice.in_step()
    assert (await alice.texts())[-2:] == (await bobb.texts())[-2:] == ["here again", "welcome back"]


# --- stuck -------------------------------------------------------------------------------------


@asynchronous
async def test_who_is_stuck_by_a_commit_is_back_and_talks_within_a_minute(tmp_path: Path) -> None:
    async with pair_in(tmp_path) as (house, alice, bobb):
        await stuck(house, alice, bobb)
        assert (await bobb.room()).state == "stuck"
        await is_in(house, bobb)
        await both_say(house, alice, bobb)
        events = [event for event in await bobb.events() if event != "device"]
        assert events[-4:] == ["stuck", "rejoining", "rejoined", "joined"]
        assert len(proposals(house, "bobb")) == 1
        told = [m.text for m in await alice.read() if m.event == "device"]
        assert told[-2] == "bobb asks to be added anew"
        assert told[-1].endswith(" anew")


@asynchronous
async def test_what_waited_while_it_was_stuck_is_said_afterwards(tmp_path: Path) -> None:
    async with pair_in(tmp_path) as (house, alice, bobb):
        break_keys(bobb)
        house.lies_to("bobb", f.Post, f.Failed(f.Code.WAIT, "wait", 1.0))
        bobb.rooms.enqueue(bobb.log.group_id, Say(encode(Text("waits", 0))))
        await until(lambda: bool(bobb.log.outbox[0].sealed))
        alice.rooms.enqueue(alice.log.group_id, Change())
        await until(lambda: bobb.log.halt is Halt.STUCK)
        house.tells_the_truth()
        await is_in(house, bobb)
        await house.clock.advance(MINUTE_S)
        await alice.in_step()
        assert await alice.texts() == ["waits"]


@asynchronous
async def test_a_command_that_only_reads_ends_when_it_has_asked(tmp_path: Path) -> None:
    """``coterie status`` is over in a moment; a device that is stuck asked to be let in by nothing but ``chat``."""
    async with house_in(tmp_path) as house:
        alice, bobb, carol = (house.person(name) for name in ("alice", "bobb", "carol"))
        async with alice.online(), carol.online():
            async with bobb.online():
                await until(lambda: len(house.asked(f.UploadKeyPackages)) == 3 * PARTS)
                await alice.create("bobb", "carol")
                await bobb.in_step()
                await house.clock.advance(100.0)
                await bobb.in_step()
                house.lies_to("bobb", f.Post, f.Failed(f.Code.WAIT, "wait", 1.0))
                await stuck(house, alice, bobb)
                await say(house, alice, "in which epoch we are")
                await say(house, carol, "and so am I")
            house.tells_the_truth()
            before = len(proposals(house, "bobb"))
            async with bobb.online():
                assert bobb.running is not None
                assert not await bobb.running.catch_up(1.0)
            assert len(proposals(house, "bobb")) == before + 1
            await house.clock.advance(MINUTE_S)
            async with bobb.online():
                await is_in(house, bobb)


@pytest.mark.parametrize("at", range(1, MOST_REQUESTS, 4))
@asynchronous
async def test_who_is_cut_at_any_request_is_let_in_by_one_proposal(tmp_path: Path, at: int) -> None:
    async with pair_in(tmp_path) as (house, alice, bobb):
        requests = 0

        def cut(body: f.RequestBody, name: str) -> f.ReplyBody | None:
            nonlocal requests
            requests += name == "bobb"
            if name == "bobb" and requests == at:
                house.cut("bobb")
            return None

        await stuck(house, alice, bobb)
        house.lie = cut
        await is_in(house, bobb)
        await both_say(house, alice, bobb)
        assert len({post.message_id for post in proposals(house, "bobb")}) == 1


@asynchronous
async def test_the_private_keys_of_the_proposal_are_gone_once_it_is_in(tmp_path: Path) -> None:
    async with pair_in(tmp_path) as (house, alice, bobb):
        assert bobb.running is not None
        database = bobb.running.store._db

        def one_time() -> int:
            rows = list(database.execute("SELECT 1 FROM key_package WHERE is_last_resort = 0"))
            return len(rows)

        before = one_time()
        await stuck(house, alice, bobb)
        await is_in(house, bobb)
        assert one_time() == before
        kept = bobb.running.store.rejoin(bobb.log.group_id)
        assert kept is not None
        assert kept.asked is None
        assert kept.ended is not None


# --- an older copy -----------------------------------------------------------------------------


@asynccontextmanager
async def put_back_in(folder: Path) -> AsyncIterator[tuple[House, Person, Person]]:
    """Bobb's profile as it was before he said two things, and alice online."""
    async with house_in(folder) as house:
        alice, bobb = house.person("alice"), house.person("bobb")
        async with alice.online():
            async with bobb.online():
                await until(lambda: len(house.asked(f.UploadKeyPackages)) == 2 * PARTS)
                await alice.create("bobb")
                await bobb.in_step()
                await say(house, bobb, "before the copy")
            shutil.copytree(bobb.folder, folder / "copy")
            async with bobb.online():
                await say(house, bobb, "after the copy")
                await say(house, bobb, "and again")
            shutil.rmtree(bobb.folder)
            shutil.copytree(folder / "copy", bobb.folder)
            yield house, alice, bobb


@asynchronous
async def test_a_profile_that_was_put_back_says_so_and_is_let_in_anew(tmp_path: Path) -> None:
    async with put_back_in(tmp_path) as (house, alice, bobb), bobb.online():
        await until(lambda: bobb.log.halt is Halt.OLDER_COPY)
        await is_in(house, bobb)
        await both_say(house, alice, bobb)
        events = await bobb.events()
        assert [e for e in events if e in ("older-copy", "rejoining", "rejoined")] == [
            "older-copy",
            "rejoining",
            "rejoined",
        ]


@asynchronous
async def test_a_profile_that_was_put_back_twice_is_let_in_twice(tmp_path: Path) -> None:
    async with put_back_in(tmp_path) as (house, alice, bobb):
        for _ in range(2):
            async with bobb.online():
                await is_in(house, bobb)
                await both_say(house, alice, bobb)
            shutil.rmtree(bobb.folder)
            shutil.copytree(tmp_path / "copy", bobb.folder)
        assert len(await alice.texts()) == 3 + 4


# --- no state ----------------------------------------------------------------------------------


@asynchronous
async def test_a_profile_that_lost_a_group_is_let_in_anew(tmp_path: Path) -> None:
    async with house_in(tmp_path) as house:
        alice, bobb = house.person("alice"), house.person("bobb")
        async with alice.online():
            async with bobb.online():
                await until(lambda: len(house.asked(f.UploadKeyPackages)) == 2 * PARTS)
                await alice.create("bobb")
                await bobb.in_step()
                await say(house, bobb, "before")
                group_id = bobb.log.group_id
            store = bobb.open_store()
            store.forget_log(group_id)
            store.close()
            async with bobb.online():
                await is_in(house, bobb)
                await both_say(house, alice, bobb)
                assert "rejoined" in await bobb.events()


@asynchronous
async def test_who_cannot_open_his_invitation_is_let_in_anew(tmp_path: Path) -> None:
    async with house_in(tmp_path) as house:
        alice, bobb = house.person("alice"), house.person("bobb")
        async with alice.online():
            async with bobb.online():
                await until(lambda: len(house.asked(f.UploadKeyPackages)) == 2 * PARTS)
            await alice.create("bobb")
            store = bobb.open_store()
            store._db.execute("DELETE FROM key_package WHERE is_last_resort = 0")
            store.close()
            async with bobb.online():
                await is_in(house, bobb)
                await both_say(house, alice, bobb)


# --- in hostile hands --------------------------------------------------------------------------


@asynchronous
async def test_a_server_that_lists_us_in_groups_of_its_own_costs_little_and_makes_no_room(
    tmp_path: Path,
) -> None:
    async with house_in(tmp_path) as house:
        alice = house.person("alice")
        lines = tuple(f.GroupInfoLine(n.to_bytes(16, "big"), 5) for n in range(1_000))
        house.lies_to("alice", f.FetchGroups, f.Groups(lines))
        async with alice.online():
            await house.clock.advance(HOUR_S)
            assert not list(alice.rooms)
            assert len(house.asked(f.Subscribe)) < 100 * 12
            assert not house.asked(f.Post)


@asynchronous
async def test_a_proposal_that_commits_keep_passing_over_is_made_later_and_later(
    tmp_path: Path,
) -> None:
    """Alice's commits are dead, and nobody else is there."""
    async with house_in(tmp_path) as house:
        alice, bobb = house.person("alice"), house.person("bobb")
        async with bobb.online():
            async with alice.online():
                await until(lambda: len(house.asked(f.UploadKeyPackages)) == 2 * PARTS)
                await alice.create("bobb")
                await bobb.in_step()
                await stuck(house, alice, bobb)
            for _ in range(6 * 12):
                await house.clock.advance(5 * MINUTE_S)
                post_junk(house, alice, bobb.log.group_id, f.Kind.COMMIT)
                house.connection("bobb").tell(f.LogGrew(bobb.log.group_id, (), 0))
        assert 6 <= len({post.message_id for post in proposals(house, "bobb")}) <= 12
        assert len(house.asked(f.Post, "bobb")) < 40


def post_junk(house: House, person: Person, group_id: bytes, kind: f.Kind) -> None:
    """An entry that is dead, past the person's own client."""
    shared, device = house.shared, person.account.device
    first = chain.first(group_id)
    seen, _ = shared.store.reading.subscribe(group_id, device, 0, first)
    assert isinstance(seen, f.Subscribed)
    post = f.Post(group_id, kind, token_bytes(16), seen.count + 1, seen.head, b"junk")
    answer = shared.store.do(lambda t: t.logs.post(post, device), house.clock.now())
    assert isinstance(answer, f.Accepted)


@asynchronous
async def test_two_copies_that_push_each_other_out_do_so_later_and_later(tmp_path: Path) -> None:
    """Somebody cloned a machine, and both run."""
    async with pair_in(tmp_path) as (house, _, bobb):
        group_id = bobb.log.group_id
        for _ in range(4 * 60):
            if bobb.log.halt is Halt.OPEN:
                post_junk(house, bobb, group_id, f.Kind.MESSAGE)
                house.connection("bobb").tell(f.LogGrew(group_id, (), 0))
            await house.clock.advance(MINUTE_S)
        assert 4 <= len(proposals(house, "bobb")) <= 16


@asynchronous
async def test_a_proposal_that_the_server_refuses_for_good_is_made_later_and_later(
    tmp_path: Path,
) -> None:
    async with pair_in(tmp_path) as (house, alice, bobb):
        await stuck(house, alice, bobb)
        house.lie = _refuses_proposals
        await house.clock.advance(6 * HOUR_S)
        assert 2 <= len(proposals(house, "bobb")) <= 20


def _refuses_proposals(body: f.RequestBody, name: str) -> f.ReplyBody | None:
    is_proposal = isinstance(body, f.Post) and body.kind is f.Kind.PROPOSAL
    return f.Failed(f.Code.MALFORMED, "no") if is_proposal else None


@asynchronous
async def test_a_false_count_costs_a_delay_and_no_new_proposal(tmp_path: Path) -> None:
    async with pair_in(tmp_path) as (house, alice, bobb):
        await stuck(house, alice, bobb)
        answers: list[f.ReplyBody] = [f.Behind(1_000), f.OutOfOrder(0)]

        def miscount(body: f.RequestBody, name: str) -> f.ReplyBody | None:
            is_proposal = isinstance(body, f.Post) and body.kind is f.Kind.PROPOSAL
            return answers.pop() if answers and is_proposal else None

        house.lie = miscount
        await house.clock.advance(MINUTE_S)
        await is_in(house, bobb)
        await both_say(house, alice, bobb)
        assert len({post.message_id for post in proposals(house, "bobb")}) == 1


@asynchronous
async def test_the_invitation_of_before_shown_again_lets_nobody_in(tmp_path: Path) -> None:
    """The server hands out the Welcome of the first time, to a device that is stuck."""
    async with pair_in(tmp_path) as (house, alice, bobb):
        kept: list[f.InboxItem] = []

        def keep(body: f.RequestBody, reply: f.ReplyBody) -> f.ReplyBody:
            if isinstance(reply, f.Inbox):
                kept.extend(reply.items)
            return reply

        house.twist = keep
        await stuck(house, alice, bobb)
        await is_in(house, bobb)
        assert kept
        await stuck(house, alice, bobb)
        epoch = bobb.log.group.epoch
        again = structs.replace(kept[-1], number=kept[-1].number + 1)
        house.lies_to("bobb", f.FetchInbox, f.Inbox((again,)), f.Inbox(()))
        house.connection("bobb").tell(f.InboxGrew())
        await until(lambda: bool(bobb.notices))
        assert bobb.log.halt is Halt.STUCK
        assert bobb.log.group.epoch == epoch
        house.tells_the_truth()
        store = bobb.running.store if bobb.running else None
        assert store is not None
        store.put("inbox", kept[-1].number.to_bytes(8, "big"))
        await is_in(house, bobb)
        await both_say(house, alice, bobb)


@pytest.mark.parametrize("by", ["alice", ""])
@asynchronous
async def test_epochs_into_which_one_member_alone_led_us_do_not_keep_us_out(
    tmp_path: Path, by: str
) -> None:
    """Who let bobb in by a dead commit goes on committing in a group of the two, before anybody else speaks."""
    async with pair_in(tmp_path) as (house, alice, bobb):
        await stuck(house, alice, bobb)
        log = bobb.log
        ahead = replace(log.group, context=replace(log.group.context, epoch=1_000))
        bobb.rooms._logs[log.group_id] = replace(log, let_in_by=by, group=ahead)
        await house.clock.advance(MINUTE_S)
        assert bobb.log.halt is (Halt.OPEN if by else Halt.STUCK)
        assert bool(bobb.notices) is (not by)


@asynchronous
async def test_who_was_told_to_begin_where_the_log_does_not_reach_is_let_in_anew(
    tmp_path: Path,
) -> None:
    async with pair_in(tmp_path) as (house, alice, bobb):
        log = bobb.log
        false = replace(
            log, halt=Halt.JOINING, cursor=10**6, begins_with=b"n" * 16, let_in_by="alice"
        )
        bobb.rooms.save(log, Step(false))
        house.cut("bobb")
        await is_in(house, bobb)
        await both_say(house, alice, bobb)
        events = [event for event in await bobb.events() if event != "device"]
        assert events[-4:] == ["stuck", "rejoining", "rejoined", "joined"]


@asynchronous
async def test_a_group_whose_invitation_breaks_a_rule_is_not_asked(tmp_path: Path) -> None:
    async with pair_in(tmp_path) as (house, _, bobb):
        assert bobb.running is not None
        bobb.running.store.decline(b"n" * 16)
        line = f.GroupInfoLine(b"n" * 16, 5)
        house.lies_to("bobb", f.FetchGroups, f.Groups((line,)))
        house.cut("bobb")
        await house.clock.advance(MINUTE_S)
        assert all(asked.group != b"n" * 16 for asked in house.asked(f.Subscribe, "bobb"))


@asynchronous
async def test_a_group_that_its_room_left_while_it_was_asked_is_not_asked_again(
    tmp_path: Path,
) -> None:
    async with pair_in(tmp_path) as (house, alice, bobb):
        await stuck(house, alice, bobb)
        group_id, running = bobb.log.group_id, bobb.running
        assert running is not None
        rejoiner = running.sync._rejoiners[group_id]
        running.sync.unfollow(group_id)  # what ``Sync.go_on`` and ``Moves.go_on`` do
        running.store.forget_log(group_id)
        running.store.decline(group_id)
        bobb.rooms.forget(group_id)
        rejoiner.wake()
        await house.clock.advance(MINUTE_S)
        assert group_id not in running.sync._rejoiners
        house.cut("bobb")
        asked = len(house.asked(f.Subscribe, "bobb"))
        await house.clock.advance(MINUTE_S)
        assert running.store.has_declined(group_id)
        assert len(house.asked(f.Subscribe, "bobb")) == asked


@asynchronous
async def test_who_was_removed_and_is_added_by_a_welcome_that_does_not_open_is_in_all_the_same(
    tmp_path: Path,
) -> None:
    """A server gave out a key package twice; found by ``python -m tests.simulation --hostile old_key_package``."""
    async with pair_in(tmp_path) as (house, alice, bobb):
        name = (await alice.room()).name
        await alice.ask(api.RemoveMember(name, "bobb"))
        await until(lambda: bobb.log.halt is Halt.REMOVED)
        assert bobb.running is not None
        bobb.running.store._db.execute("DELETE FROM key_package")
        await alice.ask(api.AddMembers(name, ("bobb",)))
        await is_in(house, bobb)
        await both_say(house, alice, bobb)
        assert any("does not open" in notice for notice in bobb.notices)
        assert (await bobb.events())[-3:] == ["rejoining", "rejoined", "joined"]
