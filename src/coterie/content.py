"""What people say: the tagged, versioned union inside an application message.

A kind that this version does not know is kept as ``Unknown`` and shown as such, never dropped; fields that it does not
know are passed over, so that an older version reads a reply as the text it is. Nothing here decides whether an entry
of the log counts: that is MLS's and the room's alone. Who may edit or delete what is ``client.conversation``'s.
"""

from typing import Annotated

import msgspec
from msgspec import Meta

MAX_TEXT = 65_536  # characters; what is longer is a file
MAX_EMOJI = 16  # characters of one emoji; the longest today, a couple with two skin tones, has 10

# One emoji as it is drawn: a keycap, a flag, or signs that joiners hold together. By ranges and not by Python's
# Unicode tables, since all devices must judge alike; nothing in them can hide, space or turn a line.
_SIGN = (
    "[\u00a9\u00ae\u203c\u2049\u2122\u2139\u2190-\u21ff\u2300-\u23ff\u2460-\u24ff\u25a0-\u27bf\u2900-\u297f"
    "\u2b00-\u2bff\u3030\u303d\u3297\u3299\U0001f000-\U0001f1e5\U0001f200-\U0001faff]"
)
_DRAWN = f"{_SIGN}[\ufe0e\ufe0f]?[\U0001f3fb-\U0001f3ff]?[\U000e0020-\U000e007f]*"
EMOJI = f"^(?:[0-9#*]\ufe0f?\u20e3|[\U0001f1e6-\U0001f1ff]{{2}}|{_DRAWN}(?:\u200d{_DRAWN})*)\\Z"

Time = Annotated[int, Meta(ge=0, le=2**53)]  # the sender's clock, milliseconds since 1970 in UTC
_Id = Annotated[bytes, Meta(min_length=16, max_length=16)]
_Words = Annotated[str, Meta(max_length=MAX_TEXT)]


class Ref(msgspec.Struct, frozen=True, array_like=True):
    """Names a message of a room, in whichever of the room's groups it lies.

    Two devices may choose the same ``message_id``, by malice: it takes the device to name one.
    """

    device: _Id
    message_id: _Id


class _Kind(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="kind"):
    """What all share. Defaults are left out, so that a plain text has the same bytes in every version."""


class Text(_Kind, frozen=True, tag="text"):
    """A message in Markdown."""

    text: _Words
    time: Time
    reply_to: Ref | None = None  # the message that it answers
    thread: Ref | None = None  # the message that its thread hangs from
    is_action: bool = False  # ``/me``: the text goes on from the sender's name


class Edit(_Kind, frozen=True, tag="edit"):
    """Another text for a message of the sender's own."""

    target: Ref
    text: Annotated[str, Meta(min_length=1, max_length=MAX_TEXT)]  # to take all away is to delete
    time: Time


class Delete(_Kind, frozen=True, tag="delete"):
    """A message goes for good, by its author or by an admin of the room."""

    target: Ref
    time: Time


class Reaction(_Kind, frozen=True, tag="reaction"):
    """An emoji of the sender's under a message; or, ``is_removed``, no longer."""

    target: Ref
    emoji: Annotated[str, Meta(max_length=MAX_EMOJI, pattern=EMOJI)]
    time: Time
    is_removed: bool = False


class Unknown(msgspec.Struct, frozen=True):
    """A kind from a newer version, or bytes that are no content at all (``kind`` is then empty)."""

    kind: str
    encoded: bytes


Known = Text | Edit | Delete | Reaction
Content = Known | Unknown


class _Tag(msgspec.Struct):
    kind: Annotated[str, Meta(max_length=64)] = ""


_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[Known] = msgspec.msgpack.Decoder(Known)
_tag = msgspec.msgpack.Decoder(_Tag)


def encode(content: Content) -> bytes:
    """The bytes that MLS protects."""
    return content.encoded if isinstance(content, Unknown) else _encoder.encode(content)


def decode(encoded: bytes) -> Content:
    """Never raises: what cannot be read is ``Unknown``."""
    try:
        return _decoder.decode(encoded)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass  # none that we know: is it at least something with a kind?
    try:
        return Unknown(_tag.decode(encoded).kind, encoded)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Unknown("", encoded)
