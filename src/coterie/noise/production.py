"""The production handshake: Noise_NXhfs_FFDHE2048+MLKEM768_AESGCM_SHA256. PROTOCOL.md section 1.

    -> e, e1                     256 + 1,184 bytes, empty payload, no early data
    <- e, ee, ekem1, s, es       256 + 1,104 + 272 bytes + the tag of the empty payload

Each step takes milliseconds, so the I/O side runs it in a thread (after ``dh.prepare_thread``).
"""

import hashlib
import hmac
from dataclasses import dataclass

from coterie.errors import RemoteProtocolError, ServerNotTrusted
from coterie.noise.dh import FFDHE2048, KeyPair
from coterie.noise.handshake import PRODUCTION, HandshakeState, Keys
from coterie.noise.symmetric import CipherState

PROLOGUE = b"coterie/1"
RENEWAL_LABEL = b"coterie/1 renew"
MESSAGE_1_SIZE = 256 + 1184
MESSAGE_2_SIZE = 256 + 1104 + 272 + 16


@dataclass(frozen=True, slots=True)
class Established:
    """What a finished handshake leaves: who it was with, and a cipher for each direction."""

    handshake_hash: bytes  # 32 bytes, the channel binding
    server_key: bytes  # the server's static public key, 256 bytes
    send: CipherState
    receive: CipherState


def renewal_prologue(handshake_hash: bytes) -> bytes:
    """Binds a renewal to the channel in which it runs."""
    return RENEWAL_LABEL + handshake_hash


def fingerprint(server_key: bytes) -> bytes:
    """SHA-256 of a static public key: what is pinned."""
    return hashlib.sha256(server_key).digest()


class ClientHandshake:
    """The initiator."""

    def __init__(self, pin: bytes, *, prologue: bytes = PROLOGUE) -> None:
        self._pin = pin  # 32 bytes: ``fingerprint`` of the only server key that will do
        self._state = HandshakeState(PRODUCTION, is_initiator=True, prologue=prologue)

    def write(self) -> bytes:
        """Message 1, 1,440 bytes."""
        return self._state.write_message()

    def read(self, message: bytes) -> Established:
        """Takes message 2. Raises RemoteProtocolError, or ServerNotTrusted for another key than the pinned one."""
        if self._state.read_message(message) != b"":
            raise RemoteProtocolError("the handshake carries a payload")
        server_key = self._state.rs or b""
        if not hmac.compare_digest(fingerprint(server_key), self._pin):
            raise ServerNotTrusted("the server has another key than the pinned one")
        send, receive = self._state.split()
        return Established(self._state.handshake_hash, server_key, send, receive)


class ServerHandshake:
    """The responder."""

    def __init__(self, static: KeyPair, *, prologue: bytes = PROLOGUE) -> None:
        self._static = static
        self._state = HandshakeState(
            PRODUCTION, is_initiator=False, prologue=prologue, keys=Keys(s=static)
        )

    def respond(self, message: bytes) -> tuple[bytes, Established]:
        """Message 2, 1,648 bytes, and the keys. Raises RemoteProtocolError."""
        if len(message) != MESSAGE_1_SIZE:
            raise RemoteProtocolError(
                f"first message of {len(message)} bytes, must be {MESSAGE_1_SIZE}"
            )
        self._state.read_message(message)
        reply = self._state.write_message()
        send, receive = self._state.split()
        return reply, Established(self._state.handshake_hash, self._static.public, send, receive)


def new_static() -> KeyPair:
    """A server's static key pair, for its first start."""
    return FFDHE2048.generate()
