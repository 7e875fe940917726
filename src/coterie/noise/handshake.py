"""HandshakeState: Noise section 5.3, with the tokens of noise_hfs_spec section 4. DH and KEM are parameters."""

from dataclasses import dataclass
from types import MappingProxyType

from coterie.errors import LocalProtocolError, RemoteProtocolError
from coterie.noise.dh import DH, FFDHE2048, KeyPair
from coterie.noise.kem import MLKEM768, KemKeyPair
from coterie.noise.patterns import PATTERNS, Pattern, Token
from coterie.noise.symmetric import TAGLEN, CipherState, SymmetricState
from coterie.secret import derived

MAX_MESSAGE = 65535  # bytes: section 3


@dataclass(frozen=True, slots=True)
class Suite:
    """A pattern with its functions; the name goes into the handshake hash."""

    pattern: Pattern
    dh: DH

    @property
    def name(self) -> str:
        """``Noise_NXhfs_FFDHE2048+MLKEM768_AESGCM_SHA256`` and the like: section 8."""
        kem = f"+{MLKEM768.name}" if self.pattern.name.endswith("hfs") else ""
        return f"Noise_{self.pattern.name}_{self.dh.name}{kem}_AESGCM_SHA256"


PRODUCTION = Suite(PATTERNS["NXhfs"], FFDHE2048)


@dataclass(frozen=True, slots=True)
class Keys:
    """What a side brings: its static pair, what it knows of the other's, and for vectors its ephemerals."""

    s: KeyPair | None = None
    rs: bytes | None = None
    e: KeyPair | None = None
    e1: KemKeyPair | None = None


class HandshakeState:
    """One side of one handshake. ``write_message`` and ``read_message`` take turns as the pattern says."""

    def __init__(
        self, suite: Suite, *, is_initiator: bool, prologue: bytes = b"", keys: Keys = Keys()
    ) -> None:  # frozen
        self._suite = suite
        self._is_initiator = is_initiator
        self._s, self.rs = keys.s, keys.rs
        self._e, self._re = keys.e, None
        self._e1, self._re1 = keys.e1, None
        self._next = 0  # message of the pattern
        self._symmetric = SymmetricState(suite.name)
        self._symmetric.mix_hash(prologue)
        pattern = suite.pattern
        for tokens, is_ours in (
            (pattern.initiator_pre, is_initiator),
            (pattern.responder_pre, not is_initiator),
        ):
            for _ in tokens:  # patterns of section 7 have no pre-message but "s"
                public = (self._s.public if self._s else None) if is_ours else self.rs
                if public is None:
                    raise LocalProtocolError(f"{pattern.name} needs both known static keys")
                self._symmetric.mix_hash(public)

    _re: bytes | None
    _re1: bytes | None

    @property
    def handshake_hash(self) -> bytes:
        """``h``: after the last message the channel binding of section 11.2."""
        return self._symmetric.h

    @property
    def is_finished(self) -> bool:
        """Whether ``split`` may be called."""
        return self._next == len(self._suite.pattern.messages)

    @property
    def is_our_turn(self) -> bool:
        """Whether the next message is ours to write."""
        return not self.is_finished and (self._next % 2 == 0) == self._is_initiator

    def write_message(self, payload: bytes = b"") -> bytes:
        """The next handshake message. Raises LocalProtocolError out of turn."""
        if not self.is_our_turn:
            raise LocalProtocolError("not our turn to write")
        dh, symmetric = self._suite.dh, self._symmetric
        message = b""
        for token in self._suite.pattern.messages[self._next]:
            match token:
                case Token.E:
                    self._e = self._e or dh.generate()
                    message += self._e.public
                    symmetric.mix_hash(self._e.public)
                case Token.S:
                    if self._s is None:
                        raise LocalProtocolError("no static key")
                    message += symmetric.encrypt_and_hash(self._s.public)
                case Token.E1:
                    self._e1 = self._e1 or MLKEM768.generate()
                    message += symmetric.encrypt_and_hash(self._e1.public)
                case Token.EKEM1:
                    if self._re1 is None:
                        raise LocalProtocolError("no KEM key of the other side")
                    ciphertext, output = MLKEM768.encapsulate(self._re1)
                    message += symmetric.encrypt_and_hash(ciphertext)
                    symmetric.mix_key(derived("noise.ekem1", output))
                case _:
                    self._mix_dh(token)
        message += symmetric.encrypt_and_hash(payload)
        if len(message) > MAX_MESSAGE:
            raise LocalProtocolError(f"message of {len(message)} bytes, limit {MAX_MESSAGE}")
        self._next += 1
        return message

    def read_message(self, message: bytes) -> bytes:
        """The payload of the other side's next message. Raises RemoteProtocolError: the handshake is over then."""
        if self.is_finished or self.is_our_turn:
            raise LocalProtocolError("not our turn to read")
        dh, symmetric, rest = self._suite.dh, self._symmetric, memoryview(message)

        def take(size: int, *, is_encrypted: bool) -> bytes:
            nonlocal rest
            size += TAGLEN if is_encrypted else 0
            if len(rest) < size:
                raise RemoteProtocolError(f"handshake message of {len(message)} bytes is too short")
            taken, rest = bytes(rest[:size]), rest[size:]
            return taken

        for token in self._suite.pattern.messages[self._next]:
            match token:
                case Token.E:
                    self._re = take(dh.dhlen, is_encrypted=False)
                    symmetric.mix_hash(self._re)
                case Token.S:
                    self.rs = symmetric.decrypt_and_hash(
                        take(dh.dhlen, is_encrypted=symmetric.has_key)
                    )
                case Token.E1:
                    self._re1 = symmetric.decrypt_and_hash(
                        take(MLKEM768.public_key_len, is_encrypted=symmetric.has_key)
                    )
                case Token.EKEM1:
                    if self._e1 is None:
                        raise LocalProtocolError("no KEM key of our own")
                    ciphertext = symmetric.decrypt_and_hash(
                        take(MLKEM768.ciphertext_len, is_encrypted=symmetric.has_key)
                    )
                    output = MLKEM768.decapsulate(self._e1, ciphertext)
                    symmetric.mix_key(derived("noise.ekem1", output))
                case _:
                    self._mix_dh(token)
        payload = symmetric.decrypt_and_hash(bytes(rest))
        self._next += 1
        return payload

    def split(self) -> tuple[CipherState, CipherState]:
        """The sending cipher and the receiving one; the ephemeral keys are dropped. Section 5.3, the last lines."""
        if not self.is_finished:
            raise LocalProtocolError("the handshake is not finished")
        to_responder, to_initiator = self._symmetric.split()
        self._e = self._e1 = self._s = None
        return (to_responder, to_initiator) if self._is_initiator else (to_initiator, to_responder)

    def _mix_dh(self, token: Token) -> None:
        ours_is_s, theirs_is_s = _DH_TOKENS[token, self._is_initiator]
        ours = self._s if ours_is_s else self._e
        theirs = self.rs if theirs_is_s else self._re
        if ours is None or theirs is None:
            raise LocalProtocolError(f"no keys for {token}")
        self._symmetric.mix_key(derived(f"noise.{token}", self._suite.dh.dh(ours, theirs)))


# (token, we are the initiator): whether our key is static, whether theirs is
_DH_TOKENS = MappingProxyType(
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
