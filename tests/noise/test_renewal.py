"""A whole exchange inside the channel: PROTOCOL.md section 1, "Renewal"."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coterie.errors import LocalProtocolError, RemoteProtocolError
from coterie.noise.channel import (
    Channel,
    CloseReceived,
    DataReceived,
    Event,
    RenewalMessage,
    Renewed,
)
from coterie.noise.dh import FFDHE2048
from tests.noise.pairs import STATIC, events, keys_of, pair, stream

STEPS = ["client data", "server data", "client rekey", "server rekey", "renew", "answer"]
STEPS += ["deliver to client", "deliver to server"]


def answer(server: Channel, found: list[Event]) -> None:
    for event in found:
        if isinstance(event, RenewalMessage):
            server.answer_renewal(server.renewal_response(event.payload, STATIC))


def renew(client: Channel, server: Channel) -> None:
    client.start_renewal()
    answer(server, events(server, client.data_to_send()))
    at_client = events(client, server.data_to_send())
    at_server = events(server, client.data_to_send())
    assert at_client == at_server == [Renewed(client.handshake_hash)]


def test_renewal_gives_both_sides_the_same_new_hash_and_new_keys_in_both_directions() -> None:
    client, server = pair()
    old = client.handshake_hash
    with keys_of("noise.initiator-to-responder.k", "noise.responder-to-initiator.k") as keys:
        renew(client, server)
        second = client.handshake_hash
        renew(client, server)
    assert len({old, second, client.handshake_hash}) == 3
    assert server.handshake_hash == client.handshake_hash
    assert len(keys) == 8
    assert len(set(keys)) == 4


def test_data_under_way_both_ways_during_a_renewal_arrives_once_and_in_order() -> None:
    client, server = pair()
    client.start_renewal()
    client.send_data(b"1")
    at_server = events(server, client.data_to_send())
    server.send_data(b"a")
    client.send_data(b"2")
    answer(server, at_server)
    server.send_data(b"b")  # under the new key
    client.send_data(b"3")  # still under the old one
    at_client = events(client, server.data_to_send())
    assert at_client == [DataReceived(b"a"), Renewed(client.handshake_hash), DataReceived(b"b")]
    client.send_data(b"4")
    server.send_data(b"c")
    at_server += events(server, client.data_to_send())
    assert stream(at_server) == b"1234"
    assert at_server[-2] == Renewed(client.handshake_hash)
    assert stream(events(client, server.data_to_send())) == b"c"


@given(
    st.lists(
        st.sampled_from(STEPS),
        max_size=60,
    )
)
@settings(max_examples=40, deadline=None)
def test_any_order_of_data_rekeys_and_renewals_loses_nothing(steps: list[str]) -> None:
    client, server = pair(rekey_after_records=5)
    sent = {"client": b"", "server": b""}
    got = {"client": b"", "server": b""}
    asked: list[Event] = []
    is_renewing = False
    for number, step in enumerate([*steps, "deliver to server", "answer", "deliver to client"] * 2):
        match step:
            case "client data" | "server data":
                who = step.split()[0]
                sent[who] += bytes([number % 256])
                (client if who == "client" else server).send_data(bytes([number % 256]))
            case "client rekey":
                client.rekey()
            case "server rekey":
                server.rekey()
            case "renew":
                if not is_renewing:
                    client.start_renewal()
                    is_renewing = True
            case "answer":
                answer(server, asked)
                asked.clear()
            case "deliver to client":
                found = events(client, server.data_to_send())
                is_renewing &= not any(isinstance(event, Renewed) for event in found)
                got["server"] += stream(found)
            case _:
                found = events(server, client.data_to_send())
                asked += [event for event in found if isinstance(event, RenewalMessage)]
                got["client"] += stream(found)
    got["client"] += stream(events(server, client.data_to_send()))
    assert got == sent
    assert client.handshake_hash == server.handshake_hash


def test_renewal_bound_to_another_channel_does_not_open() -> None:
    client, server = pair()
    server.handshake_hash = bytes(32)  # as if message 1 came from another channel
    client.start_renewal()
    answer(server, events(server, client.data_to_send()))
    client.receive_data(server.data_to_send())
    with pytest.raises(RemoteProtocolError):
        client.next_event()
    assert not client.is_open


def test_renewal_with_another_static_key_is_refused() -> None:
    client, server = pair()
    client.start_renewal()
    (asked,) = events(server, client.data_to_send())
    assert isinstance(asked, RenewalMessage)
    server.answer_renewal(server.renewal_response(asked.payload, FFDHE2048.generate()))
    client.receive_data(server.data_to_send())
    with pytest.raises(RemoteProtocolError, match="another static key"):
        client.next_event()
    assert client.data_to_send() == b""


@pytest.mark.parametrize("payload", [b"", b"x", bytes(1439), bytes(1440), bytes(1648)], ids=len)
def test_renewal_that_nobody_asked_for_is_refused(payload: bytes) -> None:
    client, server = pair()
    server._seal(b"\x02" + payload)
    client.receive_data(server.data_to_send())
    with pytest.raises(RemoteProtocolError):
        client.next_event()


def test_marker_without_a_renewal_and_a_second_message_within_one_are_refused() -> None:
    for first, second in ((b"", b""), (b"x", b"y"), (b"x", b"")):
        client, server = pair()
        client._seal(b"\x02" + first)
        client._seal(b"\x02" + second)
        server.receive_data(client.data_to_send())
        with pytest.raises(RemoteProtocolError):
            events(server)


@pytest.mark.parametrize("payload", [b"x", bytes(1440), b"\xff" * 1440], ids=["short", "0", "p+"])
def test_bad_first_message_of_a_renewal_is_refused_by_the_pure_part(payload: bytes) -> None:
    client, server = pair()
    client._seal(b"\x02" + payload)
    (asked,) = events(server, client.data_to_send())
    assert asked == RenewalMessage(payload)
    with pytest.raises(RemoteProtocolError):
        server.renewal_response(payload, STATIC)


def test_flipped_bit_in_message_2_ends_the_channel_of_the_client() -> None:
    client, server = pair()
    client.start_renewal()
    (asked,) = events(server, client.data_to_send())
    assert isinstance(asked, RenewalMessage)
    message, at_server = server.renewal_response(asked.payload, STATIC)
    server.answer_renewal((message[:300] + bytes([message[300] ^ 1]) + message[301:], at_server))
    client.receive_data(server.data_to_send())
    with pytest.raises(RemoteProtocolError):
        client.next_event()


def test_record_under_the_old_key_after_the_marker_is_refused() -> None:
    client, server = pair()
    old = client._send
    renew(client, server)
    client._send = old
    client.send_data(b"x")
    server.receive_data(client.data_to_send())
    with pytest.raises(RemoteProtocolError):
        server.next_event()


def test_renewal_misused_is_our_own_error() -> None:
    client, server = pair()
    with pytest.raises(LocalProtocolError):
        server.start_renewal()
    client.start_renewal()
    with pytest.raises(LocalProtocolError):
        client.start_renewal()
    (asked,) = events(server, client.data_to_send())
    assert isinstance(asked, RenewalMessage)
    response = server.renewal_response(asked.payload, STATIC)
    with pytest.raises(LocalProtocolError):
        client.answer_renewal(response)
    server.answer_renewal(response)
    with pytest.raises(LocalProtocolError):
        server.answer_renewal(response)
    client.close()
    with pytest.raises(LocalProtocolError):
        client.start_renewal()


def test_closing_in_the_middle_of_a_renewal_ends_both_directions_cleanly() -> None:
    client, server = pair()
    client.start_renewal()
    client.close()
    at_server = events(server, client.data_to_send())
    assert at_server[-1] == CloseReceived()
    answer(server, at_server)
    server.send_data(b"last words")
    server.close()
    found = events(client, server.data_to_send())
    assert found[1:] == [DataReceived(b"last words"), CloseReceived()]
    assert client.data_to_send() == b""


def test_server_that_closed_meanwhile_cannot_answer() -> None:
    client, server = pair()
    client.start_renewal()
    (asked,) = events(server, client.data_to_send())
    assert isinstance(asked, RenewalMessage)
    response = server.renewal_response(asked.payload, STATIC)
    server.close()
    assert not server.is_open
    with pytest.raises(LocalProtocolError):
        server.answer_renewal(response)
    assert events(client, server.data_to_send()) == [CloseReceived()]
