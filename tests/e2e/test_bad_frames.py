"""Who breaks the protocol is dropped with a clear sentence, in both directions, and the others do not notice."""

from collections.abc import Callable

import pytest

from coterie.noise.channel import MESSAGE_1_SIZE, Channel, fingerprint
from coterie.noise.dh import FFDHE2048
from coterie.server.keys import Keys
from coterie.wire.frames import Ping, Request
from coterie.wire.invite import Invite, decode_invite
from coterie.wire.stream import encode_frame
from tests.e2e.stage import Stage
from tests.e2e.strangers import (
    MISDEEDS,
    after_handshake,
    answering,
    frame_cut_short,
    frame_of_an_unknown_type,
    frame_too_long,
    misbehave,
    record_altered,
    record_of_garbage,
    record_too_long,
    sealed,
    send_raw,
)

WHOLE_MESSAGE_1 = len(b"1234") + MESSAGE_1_SIZE
TOLD: dict[Callable[[Channel], bytes], str] = {
    frame_too_long: "frame of 2147483648 bytes, limit",
    frame_of_an_unknown_type: "unreadable frame",
    frame_cut_short: "was cut",
    record_of_garbage: "was ended",
    record_too_long: "Noise message of 2147483648 bytes",
    record_altered: "was ended",
}


@pytest.mark.parametrize("misdeed", TOLD, ids=lambda misdeed: misdeed.__name__)
def test_a_server_that_breaks_the_protocol_is_told_by_who_joins(
    stage: Stage, misdeed: Callable[[Channel], bytes]
) -> None:
    static = FFDHE2048.generate()
    with answering(after_handshake(static, misdeed)) as address:
        invite = Invite(address, fingerprint(static.public), bytes(16))
        ended = stage.begin_to_join("alice", invite.encode()).ended()
    ended.failed_with(TOLD[misdeed], str(address))
    assert not stage.person("alice").profile.exists()


def test_what_is_said_to_a_server_that_breaks_the_protocol_goes_out_once_it_is_mended(
    shared: Stage,
) -> None:
    """It has the right key, and each connection meets another misdeed."""
    alice, bobb = shared.people["alice"], shared.people["bobb"]
    static = Keys.open(shared.server.data).static
    shared.server.stop().check()
    lies = [after_handshake(static, misdeed) for misdeed in MISDEEDS]
    with answering(*lies, port=shared.server.address.port):
        alice.run("send", "ops", "said to a liar").failed_with("kept on this device")
    shared.server.start()
    alice.does("status")
    assert alice.reads("ops") == bobb.reads("ops") == ["said to a liar"]


def test_a_client_that_breaks_the_protocol_is_dropped_and_the_others_chat_on(
    shared: Stage,
) -> None:
    server = shared.server
    server_key = decode_invite(server.told["invite"]).fingerprint

    def request_before_hello(channel: Channel) -> bytes:
        return sealed(channel, encode_frame(Request(1, Ping())))

    alice, bobb = shared.people["alice"].chat("ops"), shared.people["bobb"].chat("ops")
    for misdeed in (*MISDEEDS, request_before_hello):
        misbehave(server.address, server_key, misdeed)
        alice.type(f"after {misdeed.__name__}")
        bobb.until_text(f"after {misdeed.__name__}")
    raw = {
        "HTTP": b"GET / HTTP/1.1\r\nHost: chat.example.org\r\n\r\n",
        "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(400),
        "nothing": b"",
        "a message 1 cut short": (MESSAGE_1_SIZE).to_bytes(4, "big") + bytes(700),
        "a message 1 of zeros": (MESSAGE_1_SIZE).to_bytes(4, "big") + bytes(MESSAGE_1_SIZE),
        "a message 1 too long": (MESSAGE_1_SIZE + 1).to_bytes(4, "big") + bytes(WHOLE_MESSAGE_1),
    }
    for what, data in raw.items():
        send_raw(server.address, data)
        bobb.type(f"after {what}")
        alice.until_text(f"after {what}")
    for chat in (alice, bobb):
        chat.type("/quit")
        assert chat.ended().check().err == "", "the connection was never lost"
    assert not server.program.has_ended
    assert server.program.err == []
