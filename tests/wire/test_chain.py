"""The running hash of a log, written once more from PROTOCOL.md."""

import hashlib

from hypothesis import given

from coterie.wire import chain
from coterie.wire.frames import Entry, Kind
from tests.wire.made import values

GROUP = bytes(range(16))


def test_chain_begins_with_the_group() -> None:
    assert chain.first(GROUP) == hashlib.sha256(b"coterie/1 log" + GROUP).digest()
    assert chain.first(GROUP) != chain.first(bytes(16))


@given(values(Entry))
def test_chain_goes_on_as_the_protocol_says(entry: Entry) -> None:
    before = chain.first(GROUP)
    written = hashlib.sha256(b"coterie/1 log")
    written.update(before)
    written.update(entry.seq.to_bytes(8, "big"))
    written.update(int(entry.kind).to_bytes(1, "big"))
    written.update(entry.device)
    written.update(entry.message_id)
    written.update(hashlib.sha256(entry.body).digest())
    assert chain.following(before, entry) == written.digest()


def test_known_chain_stays_what_it_was() -> None:
    """A vector of our own: a change of the chain would break every log there is."""
    entry = Entry(1, Kind.COMMIT, b"d" * 16, b"m" * 16, b"body")
    expected = "fe0f237d7d0cb5749b3d914fa23e9820c446bc46e0d68c3e3f732c6915b7829a"
    assert chain.following(chain.first(GROUP), entry).hex() == expected


def test_every_part_of_an_entry_is_in_the_chain() -> None:
    entry = Entry(1, Kind.COMMIT, b"d" * 16, b"m" * 16, b"body")
    others = [
        Entry(2, Kind.COMMIT, b"d" * 16, b"m" * 16, b"body"),
        Entry(1, Kind.MESSAGE, b"d" * 16, b"m" * 16, b"body"),
        Entry(1, Kind.COMMIT, b"e" * 16, b"m" * 16, b"body"),
        Entry(1, Kind.COMMIT, b"d" * 16, b"n" * 16, b"body"),
        Entry(1, Kind.COMMIT, b"d" * 16, b"m" * 16, b"bodY"),
    ]
    before = chain.first(GROUP)
    links = {chain.following(before, one) for one in [entry, *others]}
    assert len(links) == len(others) + 1
    assert chain.following(bytes(32), entry) not in links
