"""The production handshake: Noise_NXhfs_FFDHE2048+MLKEM768_AESGCM_SHA256. PROTOCOL.md section 1.

    -> e, e1                     256 + 1,184 bytes, empty payload, no early data
    <- e, ee, ekem1, s, es       256 + 1,104 + 272 bytes + the tag of the empty payload

Each step takes about two milliseconds: a server runs its one in a pool thread, after ``dh.prepare_thread``.
"""

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass

from coterie.errors import RemoteProtocolError, ServerNotTrusted
from coterie.noise.dh import KeyPair
from coterie.noise.handshake import PRODUCTION, HandshakeState, Keys
from coterie.noise.symmetric import CipherState

PROLOGUE = b"coterie/1"
RENEWAL_LABEL = b"coterie/1 renew"
MESSAGE_1_SIZE = 256 + 1184  # bytes
MESSAGE_2_SIZE = 256 + 1104 + 272 + 16  # bytes

Pin = bytes | Callable[[bytes], bool]  # a fingerprint, or what says whether one is trusted


@dataclass(frozen=True, slots=True)
class Established:
    """What a finished handshake leaves: whom it was with, and a cipher for each direction."""

    handshake_hash: bytes  # 32 bytes, the channel binding: Noise section 11.2
    remote_static: bytes | None  # 256 bytes at the client; a client has none
    send: CipherState
    receive: CipherState


def renewal_prologue(handshake_hash: bytes) -> bytes:
    """Binds a renewal to the channel in which it runs."""
    return RENEWAL_LABEL + handshake_hash


def fingerprint(static_public: bytes) -> bytes:
    """SHA-256 of a static public key: what an invite carries and a client pins."""
    return hashlib.sha256(static_public).digest()


class ClientHandshake:
    """The initiator."""

    def __init__(self, *, prologue: bytes = PROLOGUE, keys: Keys | None = None) -> None:
        # ``keys`` are fixed ephemerals, for vectors alone
        self._state = HandshakeState(PRODUCTION, is_initiator=True, prologue=prologue, keys=keys)

    def write(self) -> bytes:
        """Message 1, 1,440 bytes."""
        return self._state.write_message()

    def read(self, message: bytes, pin: Pin) -> Established:
        """Takes message 2, 1,648 bytes.

        Raises RemoteProtocolError, and ServerNotTrusted where the server has proved another key than the pinned one:
        before there is anything to send with.
        """
        _check_size(message, MESSAGE_2_SIZE)  # so that its payload is empty
        self._state.read_message(message)
        static = self._state.rs or b""
        given = fingerprint(static)
        if not (pin(given) if callable(pin) else hmac.compare_digest(given, pin)):
            raise ServerNotTrusted(
                f"the server has the key {given.hex()[:16]}…, not the pinned one",
                hint="the address leads to another server, or its key was replaced: ask its operator",
            )
        send, receive = self._state.split()
        return Established(self._state.handshake_hash, static, send, receive)


class ServerHandshake:
    """The responder."""

    def __init__(self, static: KeyPair, *, prologue: bytes = PROLOGUE) -> None:
        self._state = HandshakeState(
            PRODUCTION, is_initiator=False, prologue=prologue, keys=Keys(s=static)
        )

    def respond(self, message: bytes) -> tuple[bytes, Established]:
        """Message 2 for message 1, and the keys. Heavy. Raises RemoteProtocolError."""
        _check_size(message, MESSAGE_1_SIZE)
        self._state.read_message(message)
        reply = self._state.write_message()
        send, receive = self._state.split()
        return reply, Established(self._state.handshake_hash, None, send, receive)


def _check_size(message: bytes, size: int) -> None:
    if len(message) != size:
        raise RemoteProtocolError(f"handshake message of {len(message)} bytes, must be {size}")
