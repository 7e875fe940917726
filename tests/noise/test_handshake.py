"""HandshakeState: turns, what it needs, and that it is over after any error."""

import pytest

from coterie.errors import LocalProtocolError, RemoteProtocolError
from coterie.noise.dh import X25519
from coterie.noise.handshake import HandshakeState, Keys, Suite
from coterie.noise.kem import MLKEM768
from coterie.noise.patterns import PATTERNS


def sides(name: str, *, hfs: bool = False) -> tuple[HandshakeState, HandshakeState]:
    """An initiator and a responder who know of each other what the pattern asks for."""
    suite = Suite(PATTERNS[name], X25519, MLKEM768 if hfs else None)
    s, rs = X25519.generate(), X25519.generate()
    pattern = suite.pattern
    return (
        HandshakeState(
            suite, is_initiator=True, keys=Keys(s, rs.public if pattern.responder_pre else None)
        ),
        HandshakeState(
            suite, is_initiator=False, keys=Keys(rs, s.public if pattern.initiator_pre else None)
        ),
    )


def test_hybrid_is_over_any_dh() -> None:
    initiator, responder = sides("NXhfs", hfs=True)
    first = initiator.write_message(b"payload 1")
    assert len(first) == 32 + 1184 + len(b"payload 1")
    assert responder.read_message(first) == b"payload 1"
    second = responder.write_message(b"payload 2")
    assert len(second) == 32 + 1104 + 48 + 16 + len(b"payload 2")
    assert initiator.read_message(second) == b"payload 2"
    assert initiator.handshake_hash == responder.handshake_hash


def test_pattern_with_hfs_needs_a_kem() -> None:
    initiator, _ = sides("NXhfs")
    with pytest.raises(LocalProtocolError):
        initiator.write_message()


def test_pattern_says_whose_turn_it_is() -> None:
    initiator, responder = sides("NN")
    with pytest.raises(LocalProtocolError):
        responder.write_message()
    with pytest.raises(LocalProtocolError):
        initiator.read_message(bytes(32))
    with pytest.raises(LocalProtocolError):
        initiator.split()
    responder.read_message(initiator.write_message())
    initiator.read_message(responder.write_message())
    assert initiator.is_finished
    with pytest.raises(LocalProtocolError):
        initiator.write_message()
    initiator.split()
    with pytest.raises(LocalProtocolError):
        initiator.split()  # the same keys twice would mean the same nonces twice


def test_handshake_is_over_after_an_error() -> None:
    initiator, responder = sides("NN")
    responder.read_message(initiator.write_message())
    second = responder.write_message()
    with pytest.raises(RemoteProtocolError):
        initiator.read_message(second[:-1])
    with pytest.raises(LocalProtocolError, match="over"):
        initiator.read_message(second)


def test_missing_keys_are_our_own_error() -> None:
    with pytest.raises(LocalProtocolError):
        HandshakeState(Suite(PATTERNS["NK"], X25519), is_initiator=True)
    initiator = HandshakeState(Suite(PATTERNS["XX"], X25519), is_initiator=True)
    _, responder = sides("XX")
    responder.read_message(initiator.write_message())
    initiator.read_message(responder.write_message())
    with pytest.raises(LocalProtocolError):
        initiator.write_message()


def test_message_above_65535_bytes_is_neither_written_nor_read() -> None:
    initiator, _ = sides("NN")
    assert len(initiator.write_message(bytes(65535 - 32))) == 65535
    initiator, responder = sides("NN")
    with pytest.raises(LocalProtocolError):
        initiator.write_message(bytes(65535 - 31))
    with pytest.raises(RemoteProtocolError):
        responder.read_message(bytes(65536))


@pytest.mark.parametrize("name", ["N", "K", "X"])
def test_recipient_of_a_one_way_pattern_cannot_answer(name: str) -> None:
    initiator, responder = sides(name)
    responder.read_message(initiator.write_message())
    send, _ = initiator.split()
    back, receive = responder.split()
    assert receive.decrypt_with_ad(b"", send.encrypt_with_ad(b"", b"one way")) == b"one way"
    with pytest.raises(LocalProtocolError):
        back.encrypt_with_ad(b"", b"an answer")


@pytest.mark.parametrize("public", [bytes(32), b"\x01" + bytes(31)], ids=["0", "1"])
def test_x25519_value_of_low_order_is_refused(public: bytes) -> None:
    _, responder = sides("NN")
    responder.read_message(public)
    with pytest.raises(RemoteProtocolError):
        responder.write_message()
