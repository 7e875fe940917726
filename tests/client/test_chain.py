"""The running hash that every message carries: PROTOCOL.md section 2, "Chain"."""

from collections.abc import Sequence

import msgspec
import pytest

from coterie.client import log as logs
from coterie.client.happening import Event
from coterie.client.intent import Change
from coterie.client.log import Halt
from coterie.client.position import Position
from coterie.wire.frames import Entry, Kind
from tests.client.people import Reader, new_device, new_room, room_of, twin_of

LIE = b"\x66" * 32


def says(
    author: Reader, reader: Reader, chain: bytes | None = None, seq: int | None = None
) -> Entry:
    """A message of ``author``, who claims to have read to where ``reader`` is, or something else."""
    log = reader.log
    return author.append_message(
        b"hello",
        Position(
            author.new_id(),
            log.cursor if seq is None else seq,
            log.chain if chain is None else chain,
        ),
    )


def is_stopped(reader: Reader) -> bool:
    """Whether what it wants to say is not sent."""
    reader.say(b"mine")
    reader.seal()
    return logs.next_posts(reader.log) == ()


def test_chain_that_matches_says_nothing() -> None:
    room, (alice, bobb) = new_room("alice", "bobb")
    for _ in range(3):
        alice.say(b"hello")
        bobb.say(b"hello")
    room.settle()
    assert alice.events == bobb.events == []
    assert not alice.log.forks


def test_two_logs_are_found_out_by_the_first_message_that_crosses() -> None:
    """The server shows bobb another entry than alice; then it lets a message of alice's through."""
    _room, (alice, bobb, carol) = new_room("alice", "bobb", "carol")
    carol.say(b"hello")
    entry = carol.post()
    assert entry is not None
    alice.read(entry)
    bobb.read(msgspec.structs.replace(entry, body=b"withheld"))
    bobb.happenings.clear()
    alice.say(b"did you hear?")
    crossing = alice.post()
    assert crossing is not None
    bobb.read(crossing)
    (line,) = bobb.lines
    assert line[0] is Event.FORK
    assert (
        f"alice's device {alice.device.id.hex()[:8]} saw another log than this device at 2"
        in line[1]
    )
    assert bobb.texts == [b"did you hear?"]  # it counts all the same
    assert bobb.log.halt is Halt.FORKED
    assert is_stopped(bobb)
    carol.catch_up()
    assert carol.texts == [b"hello", b"did you hear?"]


def test_fork_stops_until_it_is_acknowledged_whatever_the_device_says_then() -> None:
    _, (alice, mallory) = new_room("alice", "mallory")
    alice.read(says(mallory, alice, LIE))
    assert is_stopped(alice)
    alice.read(says(mallory, alice))  # it takes the lie back: that is nobody's acknowledgement
    assert is_stopped(alice)
    alice.log = logs.acknowledged(alice.log)
    assert not is_stopped(alice)


def test_fork_is_told_once() -> None:
    _, (alice, mallory) = new_room("alice", "mallory")
    for _ in range(3):
        alice.read(says(mallory, alice, LIE))
    assert alice.events == [Event.FORK]
    assert len(alice.texts) == 3


def test_acknowledged_device_stops_the_room_again_only_after_it_has_matched() -> None:
    _, (alice, mallory) = new_room("alice", "mallory")
    alice.read(says(mallory, alice, LIE))
    alice.log = logs.acknowledged(alice.log)
    alice.read(says(mallory, alice, LIE))
    assert not is_stopped(alice)
    assert alice.events == [Event.FORK]
    alice.read(says(mallory, alice))
    alice.read(says(mallory, alice, LIE))
    assert alice.log.halt is Halt.FORKED
    assert alice.events == [Event.FORK, Event.FORK]


def test_one_acknowledgement_is_for_all_devices_seen_so_far() -> None:
    _, (alice, bobb, mallory) = new_room("alice", "bobb", "mallory")
    alice.read(says(mallory, alice, LIE))
    alice.read(says(bobb, alice, LIE))
    assert alice.events == [Event.FORK, Event.FORK]
    alice.log = logs.acknowledged(alice.log)
    assert alice.log.halt is Halt.OPEN
    alice.read(says(bobb, alice, LIE))
    assert alice.log.halt is Halt.OPEN


def test_another_device_stops_the_room_though_one_was_acknowledged() -> None:
    _, (alice, bobb, mallory) = new_room("alice", "bobb", "mallory")
    alice.read(says(mallory, alice, LIE))
    alice.log = logs.acknowledged(alice.log)
    alice.read(says(bobb, alice, LIE))
    assert alice.log.halt is Halt.FORKED


def test_commit_of_a_device_that_saw_another_log_counts() -> None:
    _, (alice, mallory) = new_room("alice", "mallory")
    message_id, body = mallory.commit(where=Position(mallory.new_id(), 1, LIE))
    alice.read(mallory.append(Kind.COMMIT, body, message_id))
    assert alice.group.epoch == 2
    assert alice.log.halt is Halt.FORKED


# --- what cannot be ----------------------------------------------------------------------------


def test_place_below_the_last_commit_is_a_lie_and_no_stop() -> None:
    room, (alice, mallory) = new_room("alice", "mallory")
    chains = [alice.log.chain]
    alice.say(b"hello")
    alice.want(Change())
    room.settle()
    assert alice.log.base == 3
    alice.read(says(mallory, alice, chains[0], 1))
    (line,) = [line for line in alice.lines if line[0] is Event.LIE]
    assert f"mallory's device {mallory.device.id.hex()[:8]} claims to have read to 1" in line[1]
    assert alice.texts == [b"hello", b"hello"]
    assert not is_stopped(alice)
    alice.read(says(mallory, alice, LIE, 3))  # the commit itself is compared
    assert alice.log.halt is Halt.FORKED


def test_place_below_a_dead_commit_is_a_lie_too() -> None:
    """Whoever had read to there was to encrypt again."""
    _, (alice, mallory) = new_room("alice", "mallory")
    chain = alice.log.chain
    alice.read(mallory.append(Kind.COMMIT, b"garbage", mallory.new_id()))
    alice.read(says(mallory, alice, chain, 1))
    assert alice.events == [Event.DEAD, Event.LIE]


@pytest.mark.parametrize("ahead", [1, 2, 2**62])
def test_place_not_below_the_entrys_own_is_a_lie(ahead: int) -> None:
    _, (alice, mallory) = new_room("alice", "mallory")
    alice.read(says(mallory, alice, alice.log.chain, alice.log.cursor + ahead))
    assert alice.events == [Event.LIE]
    assert alice.log.halt is Halt.OPEN


def test_newcomer_compares_from_the_commit_that_added_it() -> None:
    room, (alice, mallory) = new_room("alice", "mallory")
    mallory.say(b"before")
    room.settle()
    carol = new_device("carol")
    alice.want(Change(adds=(room.newcomer(carol),)))
    room.settle()
    reader = room.readers[carol.id]
    reader.read(says(mallory, reader))
    reader.read(says(mallory, reader, LIE, 2))
    reader.read(says(mallory, reader, LIE, 3))
    assert reader.events == [Event.JOINED, Event.LIE, Event.FORK]


# --- entries that don't open -------------------------------------------------------------------


def read_garbage(reader: Reader, authors: Sequence[bytes]) -> list[Event]:
    for number, device in enumerate(authors):
        entry = Entry(reader.log.cursor + 1, Kind.MESSAGE, device, b"%016d" % number, b"garbage")
        reader.read(entry)
    return reader.events


def test_three_in_a_row_from_two_accounts_warn_of_a_fork() -> None:
    _, (alice, bobb, carol) = new_room("alice", "bobb", "carol")
    authors = [bobb.device.id, carol.device.id, bobb.device.id]
    assert read_garbage(alice, authors) == [Event.DEAD, Event.DEAD, Event.DEAD, Event.FORK]
    assert "3 entries in a row do not open" in alice.lines[-1][1]
    assert alice.log.halt is Halt.OPEN


def test_warning_of_a_fork_comes_after_each_three() -> None:
    _, (alice, bobb, carol) = new_room("alice", "bobb", "carol")
    authors = [bobb.device.id, carol.device.id] * 3
    assert read_garbage(alice, authors).count(Event.FORK) == 2


def test_one_account_alone_cannot_raise_the_warning() -> None:
    """Neither with all of its devices, nor with devices that it put on the server's list."""
    laptop = new_device("mallory")
    phone = new_device("mallory", laptop.account, number=2)
    _, (alice, _, _) = room_of([new_device("alice"), laptop, phone])
    stranger = new_device("stranger").id
    assert Event.FORK not in read_garbage(alice, [laptop.id, phone.id, stranger] * 3)


def test_entry_that_opens_in_between_ends_the_row() -> None:
    _, (alice, bobb, carol) = new_room("alice", "bobb", "carol")
    for author in (bobb, carol):
        alice.read(author.append(Kind.MESSAGE, b"garbage", author.new_id()))
    alice.read(says(bobb, alice))
    alice.read(carol.append(Kind.MESSAGE, b"garbage", carol.new_id()))
    assert Event.FORK not in alice.events


def test_who_saw_another_log_is_told_by_the_leaf_that_signed_and_not_by_the_stamp() -> None:
    """A server that registers a device id twice could have mallory's word taken for alice's."""
    _, (alice, bobb, mallory) = new_room("alice", "bobb", "mallory")
    twin, entry = twin_of(mallory, alice.device.id)
    bobb.read(entry)
    bobb.read(twin.append_message(b"hi", Position(twin.new_id(), entry.seq, b"?" * 32)))
    event, text = bobb.lines[-1]
    assert event is Event.FORK
    assert text.startswith("mallory's device")
    step = bobb.read(twin.append_commit())
    assert step.is_new_epoch
    assert step.author == "mallory"  # whose word stands for those whom a commit brings in
