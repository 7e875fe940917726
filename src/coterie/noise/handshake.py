"""HandshakeState: Noise section 5.3, with the tokens of noise_hfs_spec section 4.

Pattern, DH and KEM are parameters.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeVar

from coterie.errors import LocalProtocolError, RemoteProtocolError
from coterie.noise.dh import DH, FFDHE2048, KeyPair
from coterie.noise.kem import KEM, MLKEM768, KemKeyPair
from coterie.noise.patterns import PATTERNS, Pattern, Token
from coterie.noise.symmetric import MAX_NONCE, TAGLEN, CipherState, SymmetricState
from coterie.secret import derived

MAX_MESSAGE = 65535  # bytes: section 3
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Suite:
    """A pattern with its functions. AESGCM and SHA256 are the only cipher and hash here."""

    pattern: Pattern
    dh: DH
    kem: KEM | None = None  # for patterns with "hfs"

    @property
    def name(self) -> str:
        """``Noise_NXhfs_FFDHE2048+MLKEM768_AESGCM_SHA256``, hashed first of all: section 8."""
        kem = f"+{self.kem.name}" if self.kem else ""
        return f"Noise_{self.pattern.name}_{self.dh.name}{kem}_AESGCM_SHA256"


PRODUCTION = Suite(PATTERNS["NXhfs"], FFDHE2048, MLKEM768)


@dataclass(frozen=True, slots=True)
class Keys:
    """What a side brings: its static pair, what it knows of the other's, and for vectors its ephemerals."""

    s: KeyPair | None = None
    rs: bytes | None = None
    e: KeyPair | None = None
    e1: KemKeyPair | None = None


class HandshakeState:
    """One side of one handshake. ``write_message`` and ``read_message`` take turns as the pattern says.

    After any error it is dead: "the handshake has failed and the HandshakeState is deleted" (section 5).
    """

    rs: bytes | None  # the other side's static public key, once known

    def __init__(
        self, suite: Suite, *, is_initiator: bool, prologue: bytes = b"", keys: Keys | None = None
    ) -> None:
        keys = keys or Keys()
        self._pattern, self._dh, self._kem = suite.pattern, suite.dh, suite.kem
        self._is_initiator = is_initiator
        self._s, self.rs = keys.s, keys.rs
        self._e, self._e1 = keys.e, keys.e1
        self._re: bytes | None = None
        self._re1: bytes | None = None
        self._next = 0  # the message of the pattern whose turn it is
        self._is_dead = False
        self._symmetric = SymmetricState(suite.name)
        self._symmetric.mix_hash(prologue)
        # "If both initiator and responder have pre-messages, the initiator's public keys are hashed first."
        if self._pattern.initiator_pre:
            self._symmetric.mix_hash(self._static(is_ours=is_initiator))
        if self._pattern.responder_pre:
            self._symmetric.mix_hash(self._static(is_ours=not is_initiator))

    @property
    def handshake_hash(self) -> bytes:
        """``h``: after the last message the channel binding of section 11.2."""
        return self._symmetric.h

    @property
    def is_finished(self) -> bool:
        """Whether ``split`` may be called."""
        return self._next == len(self._pattern.messages)

    def write_message(self, payload: bytes = b"") -> bytes:
        """The next handshake message.

        Raises LocalProtocolError out of turn, RemoteProtocolError where the other side's public values are no good.
        """
        with self._turn(is_ours=True) as tokens:
            message = b"".join(map(self._write, tokens)) + self._symmetric.encrypt_and_hash(payload)
            if len(message) > MAX_MESSAGE:
                raise LocalProtocolError(f"message of {len(message)} bytes, limit {MAX_MESSAGE}")
        return message

    def read_message(self, message: bytes) -> bytes:
        """The payload of the other side's next message. Raises RemoteProtocolError, LocalProtocolError out of turn."""
        with self._turn(is_ours=False) as tokens:
            if len(message) > MAX_MESSAGE:
                raise RemoteProtocolError(f"message of {len(message)} bytes, limit {MAX_MESSAGE}")
            rest = message
            for token in tokens:
                size = self._size(token)
                if len(rest) < size:
                    raise RemoteProtocolError(
                        f"handshake message of {len(message)} bytes ends within {token}"
                    )
                self._read(token, rest[:size])
                rest = rest[size:]
            return self._symmetric.decrypt_and_hash(rest)

    def split(self) -> tuple[CipherState, CipherState]:
        """The sending cipher and the receiving one; what made them is dropped. Once. Section 5.3, the last lines."""
        if not self.is_finished or self._is_dead:
            raise LocalProtocolError("the handshake is not finished")
        to_responder, to_initiator = self._symmetric.split()
        if self._pattern.is_one_way:
            to_initiator.n = MAX_NONCE  # "must not send any messages using it" (section 7.4)
        self._e = self._e1 = self._s = None
        self._is_dead = True
        return (to_responder, to_initiator) if self._is_initiator else (to_initiator, to_responder)

    @contextmanager
    def _turn(self, *, is_ours: bool) -> Iterator[tuple[Token, ...]]:
        """The tokens of the next message. Whatever goes wrong with them is the end of the handshake."""
        if self._is_dead or self.is_finished:
            raise LocalProtocolError("the handshake is over")
        if ((self._next % 2 == 0) == self._is_initiator) is not is_ours:
            raise LocalProtocolError("it is the other side's turn")
        self._is_dead = True
        yield self._pattern.messages[self._next]
        self._next += 1
        self._is_dead = False

    def _write(self, token: Token) -> bytes:
        symmetric = self._symmetric
        match token:
            case Token.E:
                self._e = self._e or self._dh.generate()
                symmetric.mix_hash(self._e.public)
                return self._e.public
            case Token.S:
                return symmetric.encrypt_and_hash(self._static(is_ours=True))
            case Token.E1:
                self._e1 = self._e1 or self._needed(self._kem).generate()
                return symmetric.encrypt_and_hash(self._e1.public)
            case Token.EKEM1:
                ciphertext, output = self._needed(self._kem).encapsulate(self._needed(self._re1))
                encrypted = symmetric.encrypt_and_hash(ciphertext)
                symmetric.mix_key(derived("noise.ekem1", output))
                return encrypted
            case Token.EE | Token.ES | Token.SE | Token.SS:
                self._mix_dh(token)
                return b""

    def _read(self, token: Token, taken: bytes) -> None:
        symmetric = self._symmetric
        match token:
            case Token.E:
                self._re = taken
                symmetric.mix_hash(taken)
            case Token.S:
                self.rs = symmetric.decrypt_and_hash(taken)
            case Token.E1:
                self._re1 = symmetric.decrypt_and_hash(taken)
            case Token.EKEM1:
                ciphertext = symmetric.decrypt_and_hash(taken)
                output = self._needed(self._kem).decapsulate(self._needed(self._e1), ciphertext)
                symmetric.mix_key(derived("noise.ekem1", output))
            case Token.EE | Token.ES | Token.SE | Token.SS:
                self._mix_dh(token)

    def _size(self, token: Token) -> int:
        """How many bytes of the message are ``token``'s: a tag more where there is a key, but for ``e``."""
        match token:
            case Token.E:
                return self._dh.size
            case Token.S:
                size = self._dh.size
            case Token.E1:
                size = self._needed(self._kem).public_key_size
            case Token.EKEM1:
                size = self._needed(self._kem).ciphertext_size
            case Token.EE | Token.ES | Token.SE | Token.SS:
                return 0
        return size + TAGLEN if self._symmetric.has_key else size

    def _mix_dh(self, token: Token) -> None:
        ours_is_static, theirs_is_static = _STATIC_IN[token, self._is_initiator]
        ours = self._needed(self._s if ours_is_static else self._e)
        theirs = self._needed(self.rs if theirs_is_static else self._re)
        self._symmetric.mix_key(derived(f"noise.{token}", self._dh.dh(ours, theirs)))

    def _static(self, *, is_ours: bool) -> bytes:
        return self._needed(self._s).public if is_ours else self._needed(self.rs)

    def _needed(self, value: T | None) -> T:
        if value is None:
            raise LocalProtocolError(f"{self._pattern.name} needs a key that was not given")
        return value


# (token, we are the initiator): whether it takes our static key, whether it takes theirs
_STATIC_IN = MappingProxyType(
    {
        (Token.EE, True): (False, False),
        (Token.EE, False): (False, False),
        (Token.ES, True): (False, True),
        (Token.ES, False): (True, False),
        (Token.SE, True): (True, False),
        (Token.SE, False): (False, True),
        (Token.SS, True): (True, True),
        (Token.SS, False): (True, True),
    }
)
