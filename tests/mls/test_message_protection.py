"""Encryption of messages, beyond what the vectors show."""

from coterie.mls import ApplicationReceived, decode_message, message_protection, process
from coterie.mls.framing import PrivateMessage
from tests.mls.rooms import ONE, Room


def sent(message: bytes) -> PrivateMessage:
    private = decode_message(message)
    assert isinstance(private, PrivateMessage)
    return private


def test_a_state_that_was_restored_and_sends_again_uses_no_nonce_twice() -> None:
    """Key and nonce of a generation are one; the reuse guard keeps them apart (section 6.3.1)."""
    room = Room(ONE, "alice", "bobb")
    alice, bobb = room["alice"], room["bobb"]
    first, again = (alice.protect(b"the same")[1] for _ in range(2))
    datas = [
        message_protection.open_sender_data(ONE, sent(message), bobb.epoch_secrets)
        for message in (first, again)
    ]
    assert datas[0].generation == datas[1].generation
    assert datas[0].reuse_guard != datas[1].reuse_guard
    assert sent(first).ciphertext != sent(again).ciphertext
    for message in (first, again):
        received = process(bobb, message)
        assert isinstance(received, ApplicationReceived)
        assert received.data == b"the same"
