"""Typing and presence, sealed for the members of one epoch: PROTOCOL.md section 2, "Fleeting things".

Pure. They are never in the log and nothing depends on them: any member can forge one, the server can withhold it, and
whatever is wrong with one, it is dropped. The server sees a group, a device, a time, and bytes of always one length.
"""

from typing import Literal

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from coterie.errors import LocalProtocolError, RemoteProtocolError
from coterie.mls import Group
from coterie.secret import Secret

LABEL = b"coterie/1 fleeting"
NONCE_SIZE = 12  # bytes, random: all members share the key; good for 2^32 of them in an epoch, which lasts days
_KEY_SIZE, _TAG_SIZE = 32, 16
_LEAF_SIZE, _COUNTER_SIZE, _LENGTH_SIZE = 4, 8, 1
THING_SIZE = 51  # bytes of the thing itself, padded, so that typing and presence look alike
SEALED_SIZE = (
    NONCE_SIZE + _LEAF_SIZE + _COUNTER_SIZE + _LENGTH_SIZE + THING_SIZE + _TAG_SIZE
)  # 92 bytes

# Between two clocks, either way. Longer, and a server could say in the evening who typed at noon, or a member could
# silence another for the whole epoch by a counter in his name. Whose clock is further off is not seen typing.
MAX_AGE_MS = 120_000


class Typing(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="kind", tag="typing"):
    """The sender is writing; or, ``is_over``, has stopped without sending."""

    is_over: bool = False


class Presence(msgspec.Struct, frozen=True, tag_field="kind", tag="presence"):
    """Whether there is somebody at the sender's device."""

    state: Literal["online", "away", "offline"]


Fleeting = Typing | Presence

_encode = msgspec.msgpack.Encoder().encode
_decoder: msgspec.msgpack.Decoder[Fleeting] = msgspec.msgpack.Decoder(Fleeting)


class Whispers:
    """Seals and opens those of one group in one epoch: dropped with the epoch, and its key with it."""

    def __init__(
        self, key: Secret, group_id: bytes, epoch: int, own_leaf: int, leaves: frozenset[int]
    ) -> None:
        self._aead = key.exposed_to(AESGCM)
        self._bound_to = LABEL + group_id + epoch.to_bytes(8, "big")
        self._own_leaf, self._leaves = own_leaf, leaves
        self._counters: dict[int, int] = {}  # the last of each leaf, ours included

    @classmethod
    def of(cls, group: Group) -> "Whispers":
        """For the epoch that ``group`` is in."""
        leaves = frozenset(member.leaf_index for member in group.members())
        key = group.export(LABEL, b"", _KEY_SIZE)
        return cls(key, group.group_id, group.epoch, group.own_leaf_index, leaves)

    def seal(self, thing: Fleeting, now_ms: int, nonce: bytes) -> bytes:
        """``SEALED_SIZE`` bytes. The counter is the clock, made to rise, so that it survives a restart unsaved.

        ``nonce`` is ``NONCE_SIZE`` random bytes.
        """
        encoded = _encode(thing)
        if len(nonce) != NONCE_SIZE or len(encoded) > THING_SIZE:
            raise LocalProtocolError(f"nonce of {len(nonce)} bytes, thing of {len(encoded)}")
        counter = max(now_ms, self._counters.get(self._own_leaf, 0) + 1)
        self._counters[self._own_leaf] = counter
        plaintext = (
            self._own_leaf.to_bytes(_LEAF_SIZE, "big")
            + counter.to_bytes(_COUNTER_SIZE, "big")
            + len(encoded).to_bytes(_LENGTH_SIZE, "big")
            + encoded.ljust(THING_SIZE, b"\0")
        )
        return nonce + self._aead.encrypt(nonce, plaintext, self._bound_to)

    def open(self, sealed: bytes, now_ms: int) -> tuple[int, Fleeting]:
        """The sender's leaf, as somebody in the room claims it, and the thing.

        Raises RemoteProtocolError for what is to be dropped: not of this epoch, not a member's, not newer than what
        that leaf said last, too old, or of a kind that this version does not know.
        """
        if len(sealed) != SEALED_SIZE:
            raise RemoteProtocolError(f"{len(sealed)} bytes, must be {SEALED_SIZE}")
        nonce, ciphertext = sealed[:NONCE_SIZE], sealed[NONCE_SIZE:]
        try:
            plaintext = self._aead.decrypt(nonce, ciphertext, self._bound_to)
        except InvalidTag:
            raise RemoteProtocolError("not sealed in this epoch of this group") from None
        leaf = int.from_bytes(plaintext[:_LEAF_SIZE], "big")
        rest = plaintext[_LEAF_SIZE:]
        counter = int.from_bytes(rest[:_COUNTER_SIZE], "big")
        length, padded = rest[_COUNTER_SIZE], rest[_COUNTER_SIZE + _LENGTH_SIZE :]
        if leaf not in self._leaves or leaf == self._own_leaf:
            raise RemoteProtocolError(f"leaf {leaf} is no other member")
        if counter <= self._counters.get(leaf, 0):
            raise RemoteProtocolError(f"counter {counter} of leaf {leaf} was used")
        if abs(counter - now_ms) > MAX_AGE_MS:
            raise RemoteProtocolError(f"{abs(counter - now_ms)} ms away, at most {MAX_AGE_MS}")
        try:
            thing = _decoder.decode(padded[:length])
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise RemoteProtocolError("a thing of an unknown kind") from error
        self._counters[leaf] = counter
        return leaf, thing
