"""What is said of what was said: answers, threads, edits, deletions, reactions, and what waits or failed."""

from pathlib import Path

from coterie.client import api
from coterie.client.conversation import MAX_REACTIONS_EACH
from coterie.client.finding import message_ref
from coterie.client.intent import Say
from coterie.client.saying import MAX_DRAFT
from coterie.content import Delete, Edit, Reaction, Text, encode
from coterie.errors import InvalidInput
from coterie.wire import frames as f
from tests.asynchronous import asynchronous
from tests.client.house import House, Person, error_of, pair_in, until

THUMB, HEART = "\U0001f44d", "\u2764\ufe0f"


async def shown(person: Person, text: str) -> api.Message:
    """The message that says it."""
    (found,) = [one for one in await person.read() if one.text == text]
    return found


async def why_not(person: Person, request: api.Request) -> str:
    error = await error_of(person.ask(request))
    assert isinstance(error, InvalidInput), error
    return str(error)


@asynchronous
async def test_an_answer_quotes_and_an_action_is_one_on_both_sides(tmp_path: Path) -> None:
    async with pair_in(tmp_path) as (_, alice, bobb):
        sent = await alice.say("lunch?")
        await bobb.in_step()
        await bobb.ask(api.SendText("ops", "yes", reply_to=sent.ref))
        await bobb.ask(api.SendText("ops", "puts on a coat", is_action=True))
        await alice.in_step()
        answer = await shown(alice, "yes")
        assert answer.reply_to is not None
        assert (answer.reply_to.ref, answer.reply_to.text) == (sent.ref, "lunch?")
        assert (await shown(alice, "puts on a coat")).is_action


@asynchronous
async def test_a_thread_hangs_from_its_root_whichever_message_of_it_is_named(
    tmp_path: Path,
) -> None:
    async with pair_in(tmp_path) as (_, alice, bobb):
        root = await alice.say("root")
        first = await alice.ask(api.SendText("ops", "first", thread=root.ref))
        assert isinstance(first, api.Sent)
        await bobb.in_step()
        await bobb.ask(api.SendText("ops", "second", thread=first.ref))
        await alice.in_step()
        assert [(await shown(alice, text)).thread for text in ("first", "second")] == [root.ref] * 2
        assert (await shown(alice, "root")).replies == 2
        page = await alice.ask(api.GetPage("ops", thread=first.ref))
        assert isinstance(page, api.Page)
        assert [one.text for one in page.messages] == ["root", "first", "second"]


@asynchronous
async def test_an_edit_a_reaction_and_a_deletion_are_seen_by_the_other_side(tmp_path: Path) -> None:
    async with pair_in(tmp_path) as (_, alice, bobb):
        sent = await alice.say("tpyo")
        await alice.ask(api.EditMessage("ops", sent.ref, "typo"))
        await bobb.in_step()
        edited = await shown(bobb, "typo")
        assert edited.edited
        await bobb.ask(api.React("ops", edited.ref, THUMB))
        await bobb.ask(api.React("ops", edited.ref, HEART))
        await bobb.ask(api.React("ops", edited.ref, HEART, remove=True))
        await alice.in_step()
        assert (await shown(alice, "typo")).reactions == (api.Reactions(THUMB, ("bobb",)),)
        said = await bobb.say("off topic")
        await alice.in_step()
        await alice.ask(api.DeleteMessage("ops", said.ref))  # as an admin
        await bobb.in_step()
        assert [one.deleted_by for one in await bobb.read() if one.ref == said.ref] == ["alice"]


@asynchronous
async def test_what_could_not_count_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    async with pair_in(tmp_path) as (house, alice, bobb):
        hers, his = await alice.say("hers"), await bobb.say("his")
        await alice.in_step()
        gone = await alice.say("gone")
        await alice.ask(api.DeleteMessage("ops", gone.ref))
        await alice.ask(api.React("ops", hers.ref, THUMB))
        await alice.in_step()
        await bobb.in_step()
        posts = len(house.asked(f.Post))
        nobodys = "00" * 32
        for person, request, why in (
            (alice, api.EditMessage("ops", his.ref, "x"), "bobb wrote it, who alone may edit it"),
            (alice, api.EditMessage("ops", gone.ref, "x"), "that message was deleted"),
            (alice, api.EditMessage("ops", nobodys, "x"), "that message is not here"),
            (alice, api.EditMessage("ops", hers.ref, ""), "there is nothing left of it"),
            (alice, api.EditMessage("ops", hers.ref, "x" * 65_537), "the limit is 65536"),
            (alice, api.EditMessage("ops", "hers", "x"), "that names no message"),
            (alice, api.EditMessage("ops", hers.ref[:62], "x"), "that names no message"),
            (bobb, api.DeleteMessage("ops", hers.ref), "alice wrote it: only that account"),
            (alice, api.DeleteMessage("ops", gone.ref), "that message was deleted"),
            (alice, api.React("ops", hers.ref, THUMB), f"you reacted with {THUMB} already"),
            (alice, api.React("ops", hers.ref, HEART, remove=True), "you did not react with"),
            (alice, api.React("ops", hers.ref, "yes"), "that is no emoji"),
            (alice, api.React("ops", hers.ref, THUMB * 2), "that is no emoji"),
            (alice, api.React("ops", hers.ref, ""), "that is no emoji"),
            (alice, api.React("ops", gone.ref, THUMB), "that message was deleted"),
            (alice, api.SendText("ops", "x", reply_to=gone.ref), "that message was deleted"),
            (alice, api.SendText("ops", "x", reply_to=nobodys), "that message is not here"),
            (alice, api.SendText("ops", "x", thread=nobodys), "that message is not here"),
            (alice, api.SetDraft("ops", "x" * (MAX_DRAFT + 1)), "a draft of"),
            (alice, api.SetDraft("ops", "\udce4"), "no text"),
            (alice, api.Resend("ops", "00" * 16), "nothing that failed"),
            (alice, api.Resend("ops", "x"), "that names nothing that waits"),
            (alice, api.Discard("ops", "00" * 16), "nothing that waits"),
            (bobb, api.ChangeRoom("ops", topic="x"), "only an admin"),
            (alice, api.ChangeRoom("ops", name=""), "a name has 1 to 100 characters"),
            (alice, api.ChangeRoom("ops", topic="x" * 1_001), "a topic at most 1,000"),
        ):
            assert why in await why_not(person, request), request
        assert len(house.asked(f.Post)) == posts


@asynchronous
async def test_nobody_gives_a_message_more_reactions_than_all_will_keep(tmp_path: Path) -> None:
    async with pair_in(tmp_path) as (_, alice, _bobb):
        sent = await alice.say("so many")
        for number in range(MAX_REACTIONS_EACH):
            await alice.ask(api.React("ops", sent.ref, chr(0x1F600 + number), wait=False))
        await alice.in_step()
        why = await why_not(alice, api.React("ops", sent.ref, HEART))
        assert why == "you gave it 20 reactions, which is the most"


@asynchronous
async def test_a_name_and_a_topic_are_changed_for_all_and_told_by_a_line(tmp_path: Path) -> None:
    async with pair_in(tmp_path) as (_, alice, bobb):
        room = await alice.ask(api.ChangeRoom("ops", "war", "only peace"))
        assert isinstance(room, api.Room)
        assert (room.name, room.topic) == ("war", "only peace")
        await bobb.in_step()
        seen = await bobb.room("war")
        assert seen.topic == "only peace"
        assert (await bobb.events("war")).count("changed") == 2
        assert await alice.ask(api.ChangeRoom("war", "war")) == await alice.room("war")


# --- what is on its way ------------------------------------------------------------------------


@asynchronous
async def test_what_waits_is_listed_and_can_be_discarded_before_it_was_posted(
    tmp_path: Path,
) -> None:
    async with pair_in(tmp_path) as (house, alice, bobb):
        said = await alice.say("hello")
        house.go_down()
        sent = await alice.ask(api.SendText("ops", "one", wait=False, reply_to=said.ref))
        again = await alice.ask(api.EditMessage("ops", said.ref, "hello all", wait=False))
        assert isinstance(sent, api.Sent)
        assert isinstance(again, api.Sent)
        assert (await shown(alice, "hello")).state == "changing"
        await alice.ask(api.Discard("ops", sent.ticket))
        assert (await alice.room()).waiting == 1
        house.is_down = False
        await house.clock.advance(60.0)
        await bobb.in_step()
        assert await bobb.texts() == ["hello all"]


@asynchronous
async def test_what_was_refused_for_good_is_kept_until_it_is_sent_again(tmp_path: Path) -> None:
    async with pair_in(tmp_path) as (house, alice, bobb):
        await refused(house, alice, "one")
        await refused(house, alice, "two")
        pending = await alice.ask(api.GetPending("ops"))
        assert isinstance(pending, api.Pending)
        one, two = pending.messages
        assert [(m.text, m.state) for m in (one, two)] == [("one", "failed"), ("two", "failed")]
        assert one.reason
        assert await alice.ask(api.Resend("ops", one.ticket)) == api.Done()
        assert await alice.ask(api.Discard("ops", two.ticket)) == api.Done()
        await house.clock.advance(30.0)
        await alice.in_step()
        await bobb.in_step()
        assert await bobb.texts() == ["one"]


async def refused(house: House, person: Person, text: str) -> None:
    """The server takes no message of that person."""
    house.lies_to(person.name, f.Post, f.Failed(f.Code.TOO_LARGE, "no"))
    await person.ask(api.SendText("ops", text, wait=False))
    await house.clock.advance(30.0)  # it rests after a refusal
    await until(lambda: not person.log.outbox)
    house.tells_the_truth()


@asynchronous
async def test_what_refers_to_a_message_of_another_room_shows_and_changes_nothing_of_it(
    tmp_path: Path,
) -> None:
    """Its author may: but who is in the one room alone is not to see what was said in the other."""
    async with pair_in(tmp_path) as (_, alice, bobb):
        ops = bobb.log.group_id
        await bobb.ask(api.CreateRoom("war", ("alice",)))
        secret = await bobb.say("secret plan", "war")
        target = message_ref(secret.ref)
        for said in (
            Text("a reply", 1, reply_to=target),
            Text("in a thread", 2, thread=target),
            Edit(target, "edited", 3),
            Reaction(target, THUMB, 4),
            Delete(target, 5),
        ):
            await bobb.rooms.enqueue(ops, Say(encode(said))).placed
        await alice.in_step()
        await until(lambda: len(alice.rooms.shown()) == 2)
        assert "secret plan" not in str(await alice.read("ops"))
        reply = await shown(alice, "a reply")
        assert reply.reply_to == api.Quote(secret.ref)
        page = await alice.ask(api.GetPage("ops", thread=secret.ref))
        assert isinstance(page, api.Page)
        assert [one.text for one in page.messages] == ["in a thread"]
        (kept,) = [one for one in await bobb.read("war") if one.ref == secret.ref]
        assert (kept.text, kept.edited, kept.reactions, kept.replies) == ("secret plan", "", (), 0)
