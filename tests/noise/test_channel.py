"""The production channel: two sides joined by a list of bytes."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coterie.errors import LocalProtocolError, RemoteProtocolError, ServerNotTrusted
from coterie.noise.channel import (
    MAX_DATA,
    Channel,
    Closed,
    DataReceived,
    Event,
    Rekeyed,
    RenewalOffered,
    RenewalRequested,
    Renewed,
)
from coterie.noise.production import (
    ClientHandshake,
    ServerHandshake,
    fingerprint,
    new_static,
)
from coterie.secret import Secret, observe

STATIC = new_static()
PIN = fingerprint(STATIC.public)


def pair(**limits: int) -> tuple[Channel, Channel]:
    client = ClientHandshake(PIN)
    message, at_server = ServerHandshake(STATIC).respond(client.write())
    return (
        Channel(client.read(message), is_client=True, **limits),
        Channel(at_server, is_client=False, **limits),
    )


def events(channel: Channel, data: bytes) -> list[Event]:
    channel.receive_data(data)
    found = []
    while (event := channel.next_event()) is not None:
        found.append(event)
    return found


def drain(channel: Channel, got: list[Event]) -> None:
    """Reads on until an error; EOFError where it waits for bytes that never come (a longer length)."""
    while (event := channel.next_event()) is not None:
        got.append(event)
    raise EOFError


def stream(found: list[Event]) -> bytes:
    return b"".join(event.data for event in found if isinstance(event, DataReceived))


def test_handshake_messages_have_the_sizes_of_the_specification() -> None:
    client = ClientHandshake(PIN)
    first = client.write()
    second, _ = ServerHandshake(STATIC).respond(first)
    assert len(first) == 256 + 1184
    assert len(second) == 256 + 1104 + 272 + 16


def test_two_connections_share_no_key() -> None:
    seen: list[bytes] = []
    observe(lambda _, key: seen.append(key.expose()))
    try:
        one, _ = pair()
        other, _ = pair()
    finally:
        observe(None)
    assert one.handshake_hash != other.handshake_hash
    half = len(seen) // 2
    assert half > 8
    assert not set(seen[:half]) & set(seen[half:])


def test_another_server_key_is_refused() -> None:
    client = ClientHandshake(fingerprint(new_static().public))
    message, _ = ServerHandshake(STATIC).respond(client.write())
    with pytest.raises(ServerNotTrusted):
        client.read(message)


@pytest.mark.parametrize("at", [0, 255, 256, 256 + 1103, 256 + 1104, 256 + 1104 + 271, -1])
def test_flipped_bit_in_the_handshake_ends_it(at: int) -> None:
    client = ClientHandshake(PIN)
    message, _ = ServerHandshake(STATIC).respond(client.write())
    altered = bytearray(message)
    altered[at] ^= 1
    with pytest.raises(RemoteProtocolError):
        client.read(bytes(altered))


def test_record_arrives_whole_and_split_into_single_bytes() -> None:
    client, server = pair()
    client.send_data(b"hello")
    client.close()
    found = [e for byte in client.data_to_send() for e in events(server, bytes([byte]))]
    assert found == [DataReceived(b"hello"), Closed()]


@given(st.lists(st.binary(min_size=1, max_size=3 * MAX_DATA), max_size=4), st.data())
@settings(max_examples=20, deadline=None)
def test_any_split_of_the_bytes_gives_the_same_stream(
    parts: list[bytes], data: st.DataObject
) -> None:
    client, server = pair(rekey_after_records=2)
    for part in parts:
        client.send_data(part)
    wire = client.data_to_send()
    found, start = [], 0
    while start < len(wire):
        size = data.draw(st.integers(1, len(wire)))
        found += events(server, wire[start : start + size])
        start += size
    assert stream(found) == b"".join(parts)


@given(st.integers(min_value=0), st.integers(0, 7))
@settings(max_examples=60, deadline=None)
def test_any_flipped_bit_of_a_record_ends_the_channel(at: int, bit: int) -> None:
    client, server = pair()
    client.send_data(b"first")
    client.send_data(b"second")
    wire = bytearray(client.data_to_send())
    wire[at % len(wire)] ^= 1 << bit
    got: list[Event] = []
    server.receive_data(bytes(wire))
    with pytest.raises((RemoteProtocolError, EOFError)):
        drain(server, got)
    assert stream(got) in (b"", b"first")


def test_replayed_and_reordered_and_dropped_records_are_refused() -> None:
    for order in ([0, 0], [1, 0], [0, 2]):
        client, server = pair()
        records = []
        for text in (b"a", b"b", b"c"):
            client.send_data(text)
            records.append(client.data_to_send())
        server.receive_data(b"".join(records[i] for i in order))
        with pytest.raises(RemoteProtocolError):
            drain(server, [])
        with pytest.raises(LocalProtocolError):
            server.next_event()


def test_record_above_the_limit_is_refused_before_it_is_buffered() -> None:
    _, server = pair()
    server.receive_data((2**31).to_bytes(4, "big"))
    with pytest.raises(RemoteProtocolError, match="limit 65535"):
        server.next_event()


def test_rekey_by_count_is_invisible_and_changes_the_key() -> None:
    keys: list[bytes] = []
    client, server = pair(rekey_after_records=3)
    observe(lambda _, key: keys.append(key.expose()))
    try:
        for number in range(10):
            client.send_data(bytes([number]))
        found = events(server, client.data_to_send())
    finally:
        observe(None)
    assert stream(found) == bytes(range(10))
    assert found.count(Rekeyed()) == 3
    assert len(set(keys)) == 3  # each new key once, alike on both sides


def answer(server: Channel, found: list[Event]) -> None:
    for event in found:
        if isinstance(event, RenewalRequested):
            handshake = ServerHandshake(STATIC, prologue=server.renewal_prologue)
            server.answer_renewal(*handshake.respond(event.message))


def test_renewal_changes_both_keys_while_data_flows_both_ways() -> None:
    client, server = pair()
    old = client.handshake_hash
    client.start_renewal(*client.new_renewal())
    client.send_data(b"under way before the answer ")
    found = events(server, client.data_to_send())
    server.send_data(b"old key ")
    answer(server, found)
    server.send_data(b"new key")
    client.send_data(b"still the old key ")
    at_client = events(client, server.data_to_send())
    assert isinstance(at_client[-1], RenewalOffered)
    renewed = client.finish_renewal(client.read_renewal(at_client[-1].message))
    at_client += events(client, b"")
    assert stream(at_client) == b"old key new key"
    client.send_data(b"new key")
    found += events(server, client.data_to_send())
    assert stream(found) == b"under way before the answer still the old key new key"
    assert found[-2] == renewed
    assert isinstance(renewed, Renewed)
    assert server.handshake_hash == client.handshake_hash == renewed.handshake_hash != old


def test_renewal_of_another_channel_does_not_open() -> None:
    client, server = pair()
    other, _ = pair()
    client.start_renewal(*other.new_renewal())  # bound to the other channel's hash
    answer(server, events(server, client.data_to_send()))
    offered = events(client, server.data_to_send())[-1]
    assert isinstance(offered, RenewalOffered)
    with pytest.raises(RemoteProtocolError):
        client.read_renewal(offered.message)


def test_unknown_record_types_and_unasked_renewals_are_refused() -> None:
    for plaintext in (b"", b"\x04", b"\x01x", b"\x03x", b"\x02"):
        client, server = pair()
        record = client._send.encrypt_with_ad(b"", plaintext)
        server.receive_data(len(record).to_bytes(4, "big") + record)
        with pytest.raises(RemoteProtocolError):
            server.next_event()


def test_nothing_of_a_channel_prints_a_key() -> None:
    seen: list[bytes] = []
    observe(lambda _, key: seen.append(key.expose()))
    try:
        client, server = pair()
    finally:
        observe(None)
    shown = repr((client, server, client._send, client._receive, STATIC, Secret(b"x")))
    assert all(key.hex() not in shown and repr(key) not in shown for key in seen if key)
