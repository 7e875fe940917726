"""What the members of a room agree on besides its tree: a GroupContext extension. PROTOCOL.md section 4."""

from typing import Annotated

import msgspec
from msgspec import Meta

from coterie.errors import RuleViolation

EXTENSION_TYPE = (
    0xF0C1  # private use (RFC 9420 section 17.3); the certificate in the leaf is 0xF0C0
)
RULES_VERSION = 1  # of the rules that decide whether an entry counts

MAX_NAME = 100  # characters; a line of a screen
MAX_ADMINS = 1_000


class Settings(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What the admins set."""

    members_may_add: bool = False  # whether a member who is no admin may add other accounts


class RoomState(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The whole state, replaced as one by a GroupContextExtensions proposal of an admin."""

    rules_version: Annotated[int, Meta(ge=1, le=2**16)]
    room_id: Annotated[bytes, Meta(min_length=16, max_length=32)]
    name: Annotated[str, Meta(min_length=1, max_length=MAX_NAME)]
    topic: Annotated[str, Meta(max_length=1_000)]
    admins: Annotated[
        tuple[Annotated[bytes, Meta(min_length=32, max_length=32)], ...],
        Meta(min_length=1, max_length=MAX_ADMINS),
    ]  # account keys
    settings: Settings = Settings()


def merged(seen: RoomState, wanted: RoomState, present: RoomState) -> RoomState:
    """What is wanted instead of ``seen``, done to ``present``: two admins' changes that raced are both kept."""
    changed = {
        name: getattr(wanted, name)
        for name in ("name", "topic", "settings")
        if getattr(wanted, name) != getattr(seen, name)
    }
    admins = [key for key in present.admins if key in wanted.admins or key not in seen.admins] + [
        key for key in wanted.admins if key not in seen.admins and key not in present.admins
    ]
    return msgspec.structs.replace(present, admins=tuple(admins), **changed)


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(RoomState)


def encode(state: RoomState) -> bytes:
    """The extension's data."""
    return _encoder.encode(state)


def decode(encoded: bytes) -> RoomState:
    """Raises RuleViolation where it is no room state that these rules can judge."""
    try:
        state = _decoder.decode(encoded)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RuleViolation("room-state", str(error)) from error
    # One state has one form: else two members could take different bytes for the same state.
    if encode(state) != encoded:
        raise RuleViolation("room-state", "not in its shortest form")
    if state.rules_version != RULES_VERSION:
        raise RuleViolation(
            "rules-version", f"{state.rules_version}, this client knows {RULES_VERSION}"
        )
    if len(set(state.admins)) != len(state.admins):
        raise RuleViolation("room-state", "an admin twice")
    return state
