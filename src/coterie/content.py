"""What people say: the tagged, versioned union inside an application message.

A kind that this version does not know is kept as ``Unknown`` and shown as such, never dropped. Nothing here decides
whether an entry of the log counts: that is MLS's and the room's alone.
"""

from typing import Annotated

import msgspec
from msgspec import Meta

MAX_TEXT = 65_536  # characters; what is longer is a file


class Text(msgspec.Struct, frozen=True, tag_field="kind", tag="text"):
    """A message in Markdown. ``time`` is the sender's clock, milliseconds since 1970 in UTC."""

    text: Annotated[str, Meta(max_length=MAX_TEXT)]
    time: Annotated[int, Meta(ge=0, le=2**53)]


class Unknown(msgspec.Struct, frozen=True):
    """A kind from a newer version, or bytes that are no content at all (``kind`` is then empty)."""

    kind: str
    encoded: bytes


Content = Text | Unknown


class _Tag(msgspec.Struct):
    kind: Annotated[str, Meta(max_length=64)] = ""


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Text)
_tag = msgspec.msgpack.Decoder(_Tag)


def encode(content: Content) -> bytes:
    """The bytes that MLS protects."""
    return content.encoded if isinstance(content, Unknown) else _encoder.encode(content)


def decode(encoded: bytes) -> Content:
    """Never raises: what cannot be read is ``Unknown``."""
    try:
        return _decoder.decode(encoded)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass  # not a text: is it at least something with a kind?
    try:
        return Unknown(_tag.decode(encoded).kind, encoded)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Unknown("", encoded)
