"""What reading a log does to a device: its own entries, joining, being removed, halts. PROTOCOL.md section 2."""

from dataclasses import replace

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coterie.client import log as logs
from coterie.client.happening import Dropped, Event, Landed, Said
from coterie.client.intent import Change, Leave, Say
from coterie.client.log import Halt
from coterie.errors import LocalProtocolError
from coterie.mls import DEFAULT_SUITE
from coterie.wire import chain
from coterie.wire.frames import Kind
from tests.client.people import (
    NOW,
    Reader,
    Room,
    direct_room,
    new_device,
    new_room,
    new_state,
    same_everywhere,
)

# --- a room that works -------------------------------------------------------------------------


@pytest.mark.parametrize("suite", [1, DEFAULT_SUITE])
def test_everybody_reads_the_same_in_the_same_order(suite: int) -> None:
    room, (alice, bobb, carol) = new_room("alice", "bobb", "carol", suite=suite)
    for reader in (alice, bobb, carol):
        reader.say(b"hello from " + reader.device.name.encode())
    room.settle()
    bobb.want(Change())
    carol.say(b"after the new epoch")
    room.settle()
    texts = same_everywhere(room.everybody(), lambda reader: reader.texts)
    assert len(texts) == 4
    assert texts[-1] == b"after the new epoch"
    same_everywhere(room.everybody(), lambda reader: reader.log.chain)
    same_everywhere(room.everybody(), lambda reader: reader.group.epoch_authenticator)


def test_own_message_is_shown_at_its_place_and_who_waits_is_told() -> None:
    room, (alice, bobb) = new_room("alice", "bobb")
    ticket = alice.say(b"mine")
    entry = alice.post()
    room.settle()
    assert entry is not None
    expected = Said(
        entry.seq,
        entry.message_id,
        "alice",
        alice.device.account_key,
        alice.device.id,
        b"mine",
        is_moderator=True,
        is_own=True,
    )
    assert alice.happenings == [expected, Landed(ticket, entry.seq)]
    assert bobb.happenings == [replace(expected, is_own=False)]


def test_who_says_something_is_an_admin_or_not_in_the_epoch_of_the_entry() -> None:
    """It decides who may delete: what was said before a commit is judged as of before it."""
    room, (alice, bobb) = new_room("alice", "bobb")
    bobb.say(b"before")
    bobb.post()
    room.settle()
    admins = (*alice.state.admins, bobb.device.account_key)
    alice.want(Change(room_state=msgspec.structs.replace(alice.state, admins=admins)))
    alice.post()
    room.settle()
    bobb.say(b"after")
    bobb.post()
    room.settle()
    for reader in (alice, bobb):
        said = {h.content: h for h in reader.happenings if isinstance(h, Said)}
        assert [said[text].is_moderator for text in (b"before", b"after")] == [False, True]
        assert {h.account_key for h in said.values()} == {bobb.device.account_key}


def test_of_two_who_talk_alone_neither_deletes_what_the_other_said() -> None:
    room, readers = direct_room()
    for reader in readers:
        reader.say(b"hello")
    room.settle()
    for reader in readers:
        said = reader.told(Said)
        assert [one.is_moderator for one in said] == [False, False]
        assert {one.account_key for one in said} == set(reader.state.admins)


def test_chain_is_that_of_the_protocol() -> None:
    room, (alice, _) = new_room("alice", "bobb")
    alice.say(b"hello")
    room.settle()
    running = chain.first(room.group_id)
    for entry in room.entries:
        running = chain.following(running, entry)
    assert alice.log.chain == running


@pytest.mark.parametrize("seq", [0, 1, 3])
def test_entry_that_is_not_the_next_is_not_read(seq: int) -> None:
    room, (alice, _) = new_room("alice", "bobb")
    assert alice.log.cursor == 1
    entry = msgspec.structs.replace(room.entries[0], seq=seq)
    with pytest.raises(LocalProtocolError, match=f"entry {seq} after 1"):
        alice.read(entry)


HOSTILE = ("garbage", "commit", "late", "public", "replay", "id", "nothing")


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_all_members_agree_whatever_is_in_the_log(data: st.DataObject) -> None:
    """People talk, add, heal and leave while somebody with a device on the list posts what he likes."""
    room, (alice, bobb, mallory) = new_room("alice", "bobb", "mallory", admins=2)
    honest = [alice, bobb]
    late = mallory.protect(b"late")
    for number in range(data.draw(st.integers(1, 8))):
        reader = data.draw(st.sampled_from(honest))
        wish = data.draw(st.sampled_from(["say", "heal", "add"]))
        if wish == "say":
            reader.say(b"%d" % number)
        elif wish == "heal":
            reader.want(Change())
        else:
            newcomer = room.newcomer(new_device(f"guest{number}"))
            reader.want(Change(adds=(newcomer,)))
        sabotage(room, mallory, data.draw(st.sampled_from(HOSTILE)), late)
        reader.post()
    for _ in range(20):
        for reader in room.everybody():
            if reader is not mallory:
                reader.post()
    for reader in honest:
        reader.catch_up()
    assert not alice.log.outbox
    assert not bobb.log.outbox
    same_everywhere(honest, lambda reader: reader.texts)
    same_everywhere(honest, lambda reader: reader.log.chain)
    same_everywhere(honest, lambda reader: reader.group.epoch_authenticator)
    everybody = [r for r in room.everybody() if r is not mallory]
    same_everywhere(everybody, lambda reader: reader.group.epoch_authenticator)
    assert all(reader.log.halt is Halt.OPEN for reader in everybody)


def sabotage(room: Room, mallory: Reader, how: str, late: tuple[bytes, bytes]) -> None:
    match how:
        case "garbage":
            mallory.append(Kind.MESSAGE, b"garbage", mallory.new_id())
        case "commit":
            mallory.append(Kind.COMMIT, b"garbage", mallory.new_id())
        case "late":
            mallory.append(Kind.MESSAGE, late[1], late[0])
        case "public":
            message_id, body = mallory.commit(is_public=True)
            mallory.append(Kind.COMMIT, body, message_id)
        case "replay" if room.entries:
            entry = room.entries[-1]
            mallory.append(entry.kind, entry.body, entry.message_id)
        case "id" if room.entries:
            mallory.append_message(b"under another's id", mallory.here(room.entries[-1].message_id))


# --- one's own entry comes back byte for byte --------------------------------------------------


@pytest.mark.parametrize("what", ["body", "kind"])
def test_own_message_that_comes_back_altered_is_told_and_not_shown(what: str) -> None:
    _, (alice, _) = new_room("alice", "bobb")
    ticket = alice.say(b"mine")
    entry = alice.post()
    assert entry is not None
    altered = {"body": entry.body[:-1] + b"x", "kind": Kind.PROPOSAL}[what]
    alice.read(msgspec.structs.replace(entry, **{what: altered}))
    assert alice.events == [Event.ALTERED]
    assert [d.ticket for d in alice.told(Dropped)] == [ticket]
    assert alice.texts == []
    assert not alice.log.outbox
    alice.say(b"the next")  # its count follows on the one that the server used
    alice.seal()
    assert [count for count, _, _ in logs.next_posts(alice.log)] == [2 + 1]


def test_own_commit_that_comes_back_altered_is_not_applied() -> None:
    _, (alice, _) = new_room("alice", "bobb")
    alice.want(Change())
    entry = alice.post()
    assert entry is not None
    alice.read(msgspec.structs.replace(entry, body=entry.body[:-1] + b"x"))
    assert alice.events == [Event.ALTERED]
    assert alice.group.epoch == 1
    assert alice.log.pending is None


def test_own_message_behind_a_commit_that_it_had_not_seen_is_told() -> None:
    """The server took it all the same: nobody can read it, and the person must know."""
    room, (alice, bobb) = new_room("alice", "bobb")
    ticket = alice.say(b"mine")
    alice.seal()
    ((_, out, sealed),) = logs.next_posts(alice.log)
    bobb.want(Change())
    bobb.post()
    room.append(alice.device, Kind.MESSAGE, out.message_id, sealed.body)
    room.catch_up()
    assert alice.events == [Event.ALTERED]
    assert [d.ticket for d in alice.told(Dropped)] == [ticket]
    assert bobb.events == [Event.DEAD]


def test_own_entry_that_is_not_known_shows_an_older_copy() -> None:
    room, (alice, bobb) = new_room("alice", "bobb")
    backup = alice.log
    alice.say(b"after the backup")
    room.settle()
    alice.log, alice.kept = backup, type(alice.kept).begin(backup)
    alice.happenings.clear()
    alice.say(b"after it was put back")
    bobb.say(b"hello")
    room.settle()
    assert alice.log.halt is Halt.OLDER_COPY
    assert alice.events == [Event.OLDER_COPY]
    assert alice.texts == []  # it reads no more
    assert bobb.texts == [b"after the backup", b"hello"]  # and says nothing
    assert alice.log.chain == bobb.log.chain  # but goes on hashing
    assert alice.log.cursor == bobb.log.cursor


@pytest.mark.parametrize("wish", [Say(b"before the backup"), Leave()])
def test_own_entry_that_was_encrypted_otherwise_shows_an_older_copy(wish: Say | Leave) -> None:
    """The copy was made while it waited. Taken for an alteration of the server's, it would go on under used keys."""
    room, (alice, bobb) = new_room("alice", "bobb")
    ticket = bobb.want(wish)
    bobb.seal()
    backup = bobb.log
    alice.append(Kind.COMMIT, b"garbage", alice.new_id())
    bobb.post()
    bobb.log, bobb.kept = backup, type(bobb.kept).begin(backup)
    bobb.happenings.clear()
    bobb.catch_up()
    assert bobb.log.halt is Halt.OLDER_COPY
    assert bobb.events == [Event.DEAD, Event.OLDER_COPY]
    assert bobb.told(Dropped) == []
    assert bobb.told(Landed) == [Landed(ticket, len(room.entries))]
    assert bobb.log.outbox == ()  # it is in the log: it must not be said again


def test_own_entry_that_the_server_shows_again_is_dead_and_no_older_copy() -> None:
    room, (alice, bobb) = new_room("alice", "bobb")
    alice.say(b"once")
    entry = alice.post()
    assert entry is not None
    room.append(alice.device, entry.kind, entry.message_id, entry.body)
    room.catch_up()
    assert alice.events == bobb.events == [Event.DEAD]
    assert alice.texts == bobb.texts == [b"once"]
    assert alice.log.halt is Halt.OPEN


# --- joining -----------------------------------------------------------------------------------


def test_newcomer_hashes_what_it_cannot_read_and_begins_at_the_commit_that_added_it() -> None:
    room, (alice, bobb) = new_room("alice", "bobb")
    carol = new_device("carol")
    alice.want(Change(adds=(room.newcomer(carol),)))
    alice.seal()
    bobb.say(b"between the Welcome's position and its commit")
    bobb.post()
    bobb.append(Kind.MESSAGE, b"garbage", bobb.new_id())
    alice.post()
    reader = room.readers[carol.id]
    assert reader.log.halt is Halt.JOINING
    reader.say(b"too early")
    reader.seal()
    assert logs.next_posts(reader.log) == ()
    reader.read(room.entries[1])
    reader.read(room.entries[2])
    assert reader.happenings == []
    assert reader.log.halt is Halt.JOINING
    reader.read(room.entries[3])
    assert reader.lines == [(Event.JOINED, "you are in #ops with alice, bobb and carol")]
    alice.catch_up()
    assert reader.log.chain == alice.log.chain
    assert reader.group.epoch_authenticator == alice.group.epoch_authenticator


def test_newcomer_heals_before_its_first_message() -> None:
    room, (alice, _) = new_room("alice", "bobb")
    carol = new_device("carol")
    alice.want(Change(adds=(room.newcomer(carol),)))
    alice.post()
    reader = room.readers[carol.id]
    reader.say(b"hello")
    before = len(room.entries)
    room.settle()
    assert [entry.kind for entry in room.entries[before:]] == [Kind.COMMIT, Kind.MESSAGE]
    assert {entry.device for entry in room.entries[before:]} == {carol.id}
    assert alice.texts == [b"hello"]
    assert reader.log.heal_first is False
    reader.say(b"and on")
    room.settle()
    assert room.entries[-1].kind == Kind.MESSAGE


def test_newcomer_cannot_read_what_was_said_before() -> None:
    room, (alice, bobb) = new_room("alice", "bobb")
    bobb.say(b"among us")
    room.settle()
    carol = new_device("carol")
    alice.want(Change(adds=(room.newcomer(carol),)))
    room.settle()
    assert room.readers[carol.id].texts == []
    assert alice.texts == [b"among us"]


def test_founder_alone_talks_without_healing() -> None:
    room = Room()
    device = new_device("alice")
    alice = room.create(device, new_state(device))
    alice.say(b"note to myself")
    room.settle()
    assert [entry.kind for entry in room.entries] == [Kind.MESSAGE]


# --- being removed -----------------------------------------------------------------------------


def test_who_is_removed_is_told_and_reads_and_says_nothing_more() -> None:
    room, (alice, bobb, carol) = new_room("alice", "bobb", "carol")
    ticket = bobb.say(b"never sent")
    alice.want(Change(removes=("bobb",)))
    alice.post()
    alice.say(b"behind his back")
    alice.post()
    room.catch_up()
    assert bobb.lines == [(Event.REMOVED, "alice removed you")]
    assert bobb.log.halt is Halt.REMOVED
    assert bobb.told(Dropped) == [Dropped(ticket, "you are no longer in this room")]
    assert bobb.log.outbox == ()
    assert bobb.texts == []
    assert carol.texts == [b"behind his back"]
    bobb.say(b"I am still here")
    room.settle()
    assert carol.texts == [b"behind his back"]
    assert room.entries[-1].device == alice.device.id


def test_who_left_is_told_so() -> None:
    room, (alice, bobb) = new_room("alice", "bobb")
    bobb.want(Leave())
    bobb.post()
    alice.want(Change())
    room.settle()
    assert bobb.lines[-1] == (Event.REMOVED, "you left")
    assert alice.lines == [(Event.LEAVING, "bobb is leaving"), (Event.REMOVED, "bobb left")]


# --- halts that the log does not show ----------------------------------------------------------


def test_halted_log_sends_nothing_and_goes_on_hashing() -> None:
    room, (alice, bobb) = new_room("alice", "bobb")
    step = logs.halted(alice.log, Halt.LOST, Event.LOST, "the server lost 3 entries")
    alice.log = step.log
    assert [h.text for h in step.happenings if hasattr(h, "text")] == ["the server lost 3 entries"]
    alice.say(b"not sent")
    bobb.say(b"hello")
    room.settle()
    assert alice.texts == []
    assert alice.log.chain == bobb.log.chain
    assert len(alice.log.outbox) == 1


def test_first_reason_to_halt_stays() -> None:
    _, (alice, _) = new_room("alice", "bobb")
    removed = replace(alice.log, halt=Halt.REMOVED)
    assert logs.halted(removed, Halt.LOST, Event.LOST, "").log is removed
    assert logs.acknowledged(removed).halt is Halt.REMOVED


def test_post_that_the_server_refuses_for_good_gives_its_count_to_the_next() -> None:
    room, (alice, bobb) = new_room("alice", "bobb")
    tickets = [alice.say(b"%d" % number) for number in range(3)]
    alice.seal()
    posts = logs.next_posts(alice.log)
    step = logs.drop(alice.log, posts[1][1].message_id, "too large")
    assert step.happenings == (Dropped(tickets[1], "too large"),)
    left = logs.next_posts(step.log)
    assert [count for count, _, _ in left] == [posts[0][0], posts[1][0]]
    assert [sealed.body for _, _, sealed in left] == [posts[0][2].body, posts[2][2].body]
    alice.log = step.log
    room.settle()
    assert bobb.texts == [b"0", b"2"]
    assert logs.drop(alice.log, b"unknown", "too large") == logs.Step(alice.log)


def test_commit_that_the_server_refuses_for_good_leaves_nothing_pending() -> None:
    _, (alice, _) = new_room("alice", "bobb")
    alice.want(Change())
    alice.seal()
    ((_, out, _),) = logs.next_posts(alice.log)
    log = logs.drop(alice.log, out.message_id, "too large").log
    assert log.pending is None
    assert log.outbox == ()


# --- what other versions may do ----------------------------------------------------------------


def test_behind_a_successor_what_waits_is_encrypted_again_dead_or_not() -> None:
    room, (alice, bobb) = new_room("alice", "bobb")
    alice.say(b"hello")
    alice.seal()
    bobb.append(Kind.SUCCESSOR, b"signed by an admin", bobb.new_id())
    before = logs.next_posts(alice.log)
    room.settle()
    assert alice.events == [Event.DEAD]
    assert alice.texts == [b"hello"]
    assert room.entries[-1].message_id == before[0][1].message_id
    assert room.entries[-1].body != before[0][2].body


def test_times_of_commits_are_kept_for_pacing() -> None:
    room, (alice, bobb) = new_room("alice", "bobb")
    alice.log = replace(alice.log, healed_at=0.0, committed_at=0.0)
    bobb.want(Change())
    room.settle()
    assert (alice.log.healed_at, alice.log.committed_at) == (0.0, NOW)
    alice.want(Change())
    room.settle()
    assert alice.log.healed_at == NOW
