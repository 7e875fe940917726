"""The channel after its handshake: two sides joined by a list of bytes."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coterie.errors import LocalProtocolError, RemoteProtocolError
from coterie.noise.channel import (
    MAX_DATA,
    Channel,
    CloseReceived,
    DataReceived,
    Direction,
    Event,
    Rekeyed,
)
from tests.noise.pairs import STATIC, established, events, handshake, keys_of, pair, stream


def drain_and_end(channel: Channel) -> list[Event]:
    """Reads to the end of what came, and of the connection."""
    found = events(channel)
    channel.receive_eof()
    return found


def test_record_arrives_whole_and_split_into_single_bytes() -> None:
    client, server = pair()
    client.send_data(b"hello")
    client.close()
    found = [e for byte in client.data_to_send() for e in events(server, bytes([byte]))]
    assert found == [DataReceived(b"hello"), CloseReceived()]


def test_record_holds_65518_bytes_of_data_and_larger_data_takes_more_records() -> None:
    for size, records in ((0, 0), (1, 1), (65_518, 1), (65_519, 2), (3 * 65_518 + 1, 4)):
        client, server = pair()
        data = bytes(size)
        client.send_data(data)
        wire = client.data_to_send()
        assert len(wire) == size + records * (4 + 1 + 16)
        found = events(server, wire)
        assert len(found) == records
        assert stream(found) == data


@given(st.lists(st.binary(min_size=1, max_size=3 * MAX_DATA), max_size=4), st.data())
@settings(max_examples=25, deadline=None)
def test_any_split_of_the_bytes_gives_the_same_events(
    parts: list[bytes], data: st.DataObject
) -> None:
    ends = established()
    whole = Channel(ends[1], is_initiator=False)
    split = Channel(established()[1], is_initiator=False)
    client = Channel(ends[0], is_initiator=True, rekey_after_records=2)
    for part in parts:
        client.send_data(part)
    client.close()
    wire = client.data_to_send()
    found, start = [], 0
    while start < len(wire):
        size = data.draw(st.integers(1, len(wire)))
        found += events(split, wire[start : start + size])
        start += size
    assert found == events(whole, wire)
    assert stream(found) == b"".join(parts)
    assert found[-1] == CloseReceived()


@given(st.integers(min_value=0), st.integers(0, 7))
@settings(max_examples=100, deadline=None)
def test_any_flipped_bit_ends_the_channel(at: int, bit: int) -> None:
    client, server = pair()
    client.send_data(b"first")
    client.rekey()
    client.send_data(b"second")
    client.close()
    wire = bytearray(client.data_to_send())
    wire[at % len(wire)] ^= 1 << bit
    server.send_data(b"queued: not for who broke the protocol")
    server.receive_data(bytes(wire))
    with pytest.raises(RemoteProtocolError):
        drain_and_end(server)
    assert not server.is_open
    with pytest.raises(LocalProtocolError):
        server.next_event()
    with pytest.raises(LocalProtocolError):
        server.send_data(b"more")
    assert server.data_to_send() == b""


@given(st.integers(min_value=0))
@settings(max_examples=50, deadline=None)
def test_stream_cut_anywhere_is_noticed(at: int) -> None:
    client, server = pair()
    client.send_data(b"first")
    client.close()
    wire = client.data_to_send()
    server.receive_data(wire[: at % len(wire)])
    with pytest.raises(RemoteProtocolError):
        drain_and_end(server)


def test_end_after_a_close_record_is_no_cut() -> None:
    client, server = pair()
    client.send_data(b"first")
    client.close()
    client.close()
    server.receive_data(client.data_to_send() + b"what a man in the middle appends")
    assert drain_and_end(server) == [DataReceived(b"first"), CloseReceived()]
    server._splitter.take_rest()
    server.receive_data(b"and goes on appending")
    assert server._splitter.take_rest() == b""
    assert not server.is_open
    server.close()
    assert events(client, server.data_to_send()) == [CloseReceived()]
    with pytest.raises(LocalProtocolError):
        client.send_data(b"more")


@pytest.mark.parametrize("order", [[0, 0], [1, 0], [0, 2], [2]], ids=str)
def test_replayed_reordered_and_dropped_records_are_refused(order: list[int]) -> None:
    client, server = pair()
    records = []
    for text in (b"a", b"b", b"c"):
        client.send_data(text)
        records.append(client.data_to_send())
    server.receive_data(b"".join(records[i] for i in order))
    with pytest.raises(RemoteProtocolError):
        events(server)


def test_record_sent_back_to_its_sender_is_refused() -> None:
    client, _ = pair()
    client.send_data(b"a")
    client.receive_data(client.data_to_send())
    with pytest.raises(RemoteProtocolError):
        events(client)


@pytest.mark.parametrize("length", [0, 65_536, 2**31, int.from_bytes(b"HTTP", "big")])
def test_length_that_no_record_has_is_refused_before_anything_is_buffered(length: int) -> None:
    _, server = pair()
    server.receive_data(length.to_bytes(4, "big"))
    with pytest.raises(RemoteProtocolError, match="limit 65535"):
        server.next_event()


@pytest.mark.parametrize("plaintext", [b"", b"\x04", b"\x04x", b"\xff", b"\x01x", b"\x03x"])
def test_unknown_and_malformed_records_are_refused(plaintext: bytes) -> None:
    client, server = pair()
    client._seal(plaintext)
    server.receive_data(client.data_to_send())
    with pytest.raises(RemoteProtocolError):
        server.next_event()


def test_rekey_by_count_comes_as_the_last_record_under_the_old_key() -> None:
    client, server = pair(rekey_after_records=3)
    with keys_of("noise.initiator-to-responder.k") as keys:
        for number in range(10):
            client.send_data(bytes([number]))
        assert events(client) == 3 * [Rekeyed(Direction.SEND)]
        found = events(server, client.data_to_send())
    received = [e.data[0] if isinstance(e, DataReceived) else "rekeyed" for e in found]
    assert received == [0, 1, 2, "rekeyed", 3, 4, 5, "rekeyed", 6, 7, 8, "rekeyed", 9]
    assert len(keys) == 6
    assert len(set(keys)) == 3  # each once on either side


def test_rekey_by_bytes_leaves_the_other_direction_alone() -> None:
    client, server = pair(rekey_after_bytes=1000)
    client.send_data(bytes(900))
    assert events(server, client.data_to_send()) == [DataReceived(bytes(900))]
    client.send_data(bytes(100))
    found = events(server, client.data_to_send())
    assert found == [DataReceived(bytes(100)), Rekeyed(Direction.RECEIVE)]
    assert events(server) == []  # nothing of its own
    server.send_data(b"back")
    assert events(client, server.data_to_send())[1:] == [DataReceived(b"back")]


@given(st.lists(st.tuples(st.booleans(), st.sampled_from(["data", "rekey", "deliver"]))))
@settings(max_examples=50, deadline=None)
def test_rekeys_at_any_time_with_data_under_way_both_ways_lose_nothing(
    steps: list[tuple[bool, str]],
) -> None:
    client, server = pair(rekey_after_records=4)
    ends = {True: (client, server), False: (server, client)}
    sent: dict[bool, bytes] = {True: b"", False: b""}
    got: dict[bool, bytes] = {True: b"", False: b""}
    for number, (is_client, step) in enumerate([*steps, (True, "deliver"), (False, "deliver")]):
        sender, receiver = ends[is_client]
        match step:
            case "data":
                sent[is_client] += bytes([number % 256])
                sender.send_data(bytes([number % 256]))
            case "rekey":
                sender.rekey()
            case _:
                got[is_client] += stream(events(receiver, sender.data_to_send()))
    assert got == sent


def test_nothing_of_a_channel_prints_a_key() -> None:
    with keys_of() as keys:
        ends = handshake()
        channels = [Channel(end, is_initiator=end is ends[0]) for end in ends]
    assert len(keys) > 16
    shown = repr((ends, [vars(channel) for channel in channels], STATIC))
    assert all(key.hex() not in shown and repr(key)[2:-1] not in shown for key in keys if key)
