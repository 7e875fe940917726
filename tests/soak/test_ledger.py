"""Sabotage: the checks of the soak find every way in which a server can break its promise."""

from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec
import pytest

from coterie.wire import chain
from coterie.wire.frames import Entry, Kind
from tests.soak.ledger import BrokenPromise, Draft, Outgoing, Reader, Stretches

GROUP = b"g" * 16
DEVICE = b"d" * 16


@dataclass
class Side:
    """One device that posts and reads, and the log that a server should have."""

    outgoing: Outgoing = field(default_factory=Outgoing)
    reader: Reader = field(default_factory=lambda: Reader(GROUP, Stretches()))
    log: list[Entry] = field(default_factory=list)

    def post(self, number: int) -> list[Draft]:
        drafts = [self.outgoing.add(Kind.MESSAGE, f"text {n}".encode(), 0.0) for n in range(number)]
        for draft in drafts:
            seq = len(self.log) + 1
            self.log.append(Entry(seq, draft.kind, DEVICE, draft.message_id, draft.body))
        return drafts

    def read(self, *entries: Entry) -> None:
        stretch = self.reader.take(entries)
        assert stretch is not None
        for entry in stretch.by_device.get(DEVICE, ()):
            self.outgoing.was_read(entry)


def test_what_is_posted_acknowledged_and_read_once_is_forgotten() -> None:
    side = Side()
    first, second = side.post(2)
    side.outgoing.was_acknowledged(first, 1)
    side.read(*side.log)
    side.outgoing.was_acknowledged(second, 2)
    side.outgoing.was_acknowledged(second, 2)  # asked again after a cut
    assert side.outgoing.waiting == 0
    assert side.outgoing.acknowledged == 2
    assert side.reader.cursor == 2
    assert side.reader.chain == chain.following(
        chain.following(chain.first(GROUP), side.log[0]), side.log[1]
    )


def test_members_who_read_other_parts_have_one_chain() -> None:
    side, stretches = Side(), Stretches()
    side.post(6)
    one, other = Reader(GROUP, stretches), Reader(GROUP, stretches)
    one.take(side.log[:4])
    one.take(side.log[2:])  # some of it again
    other.take(side.log)
    assert (one.cursor, one.chain) == (other.cursor, other.chain)


def test_an_entry_that_one_member_gets_altered_gives_him_another_chain() -> None:
    side, stretches = Side(), Stretches()
    side.post(3)
    one, other = Reader(GROUP, stretches), Reader(GROUP, stretches)
    one.take(side.log)
    other.take([*side.log[:2], msgspec.structs.replace(side.log[2], body=b"altered")])
    assert one.chain != other.chain


def test_what_does_not_follow_is_left_to_be_fetched() -> None:
    side = Side()
    side.post(3)
    assert side.reader.take(side.log[1:]) is None
    assert side.reader.cursor == 0


def _dropped(side: Side) -> None:
    """The server has lost the second, and numbers on."""
    side.read(side.log[0], msgspec.structs.replace(side.log[2], seq=2))


def _doubled(side: Side) -> None:
    side.read(side.log[0], msgspec.structs.replace(side.log[0], seq=2))


def _swapped(side: Side) -> None:
    one, two = (msgspec.structs.replace(side.log[at], seq=seq) for at, seq in ((1, 1), (0, 2)))
    side.read(one, two)


def _invented(side: Side) -> None:
    side.read(Entry(1, Kind.MESSAGE, DEVICE, b"n" * 16, b"never said"))


def _altered(side: Side) -> None:
    side.read(msgspec.structs.replace(side.log[0], body=b"something else"))


def _gapped(side: Side) -> None:
    side.read(side.log[0], side.log[2])


def _doubled_at_the_end(side: Side) -> None:
    side.read(*side.log, msgspec.structs.replace(side.log[2], seq=4))


@pytest.mark.parametrize(
    "sabotage",
    [_dropped, _doubled, _swapped, _invented, _altered, _gapped, _doubled_at_the_end],
)
def test_a_server_that_does_this_is_found_out(sabotage: Callable[[Side], None]) -> None:
    side = Side()
    side.post(3)
    with pytest.raises(BrokenPromise):
        sabotage(side)


def test_a_post_acknowledged_at_two_places_is_found_out() -> None:
    side = Side()
    (draft,) = side.post(1)
    side.outgoing.was_acknowledged(draft, 1)
    with pytest.raises(BrokenPromise):
        side.outgoing.was_acknowledged(draft, 2)


def test_a_post_that_stands_elsewhere_than_acknowledged_is_found_out() -> None:
    side = Side()
    (draft,) = side.post(1)
    side.outgoing.was_acknowledged(draft, 5)
    with pytest.raises(BrokenPromise):
        side.read(*side.log)


def test_posts_go_on_from_the_first_that_is_not_acknowledged() -> None:
    side = Side()
    first, second, third = side.post(3)
    assert side.outgoing.following(0) is first
    side.outgoing.was_acknowledged(first, 1)
    assert side.outgoing.following(0) is second
    assert side.outgoing.following(2) is third
    assert side.outgoing.following(3) is None
