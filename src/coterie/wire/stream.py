"""Frames on a byte stream: a 4-byte big-endian length, then MessagePack."""

from collections.abc import Iterable
from typing import Generic, TypeVar, cast

import msgspec

from coterie.errors import LocalProtocolError, RemoteProtocolError
from coterie.wire import limits
from coterie.wire.frames import Entries, Entry, FromServer, Reply, ReplyBody, Request

LENGTH_SIZE = 4  # bytes
T = TypeVar("T")

_encoder = msgspec.msgpack.Encoder()


class EncodedEntries(msgspec.Struct, frozen=True, tag_field="type", tag=Entries.__name__):
    """``Entries`` as they go into a frame."""

    entries: msgspec.Raw
    head: int


def encode_entries(entries: Iterable[Entry], head: int) -> EncodedEntries:
    """Each entry as it comes, so that of a page of a log no more than one is held as an object too."""
    buffer, count = bytearray(), 0
    for count, entry in enumerate(entries, 1):  # noqa: B007  # how many there were
        _encoder.encode_into(entry, buffer, -1)
    return EncodedEntries(msgspec.Raw(_array_header(count) + buffer), head)


def _array_header(count: int) -> bytes:
    """MessagePack's, of up to 65,535 items: "array format family"."""
    return bytes((0x90 | count,)) if count < 16 else b"\xdc" + count.to_bytes(2, "big")  # noqa: PLR2004


def encode_reply(request_id: int, body: ReplyBody | EncodedEntries) -> bytes:
    """``encode_frame`` of a reply, part of which may be encoded already."""
    return encode_frame(Reply(request_id, cast("ReplyBody", body)))


def encode_frame(frame: Request | FromServer) -> bytes:
    """The frame with its length in front. Raises LocalProtocolError above ``limits.MAX_FRAME``."""
    encoded = _encoder.encode(frame)
    if len(encoded) > limits.MAX_FRAME:
        raise LocalProtocolError(f"frame of {len(encoded)} bytes, limit {limits.MAX_FRAME}")
    return len(encoded).to_bytes(LENGTH_SIZE, "big") + encoded


class FrameDecoder(Generic[T]):
    """Turns a byte stream into frames of one direction. Never buffers more than ``limit`` and a read."""

    def __init__(
        self, decoder: "msgspec.msgpack.Decoder[T]", limit: int = limits.MAX_FRAME
    ) -> None:
        self._decoder = decoder
        self._buffer = bytearray()
        self._length: int | None = None  # bytes of the frame that is coming, once that is known
        self.limit = limit  # bytes; the server raises it once a client has logged in
        self.last_size = 0  # bytes of the last frame given: for logs

    def receive_data(self, data: bytes) -> None:
        """Takes what came; ``next_frame`` gives what it completes."""
        self._buffer += data

    @property
    def expected(self) -> int:
        """Bytes of the frame that is coming, 0 while that is not known. The peer says so: above ``limit`` it lies."""
        if self._length is None:
            if len(self._buffer) < LENGTH_SIZE:
                return 0
            self._length = int.from_bytes(self._buffer[:LENGTH_SIZE], "big")
        return self._length

    def next_frame(self) -> T | None:
        """The next whole frame, None where more bytes are needed. Raises RemoteProtocolError."""
        length = self.expected
        if length > self.limit:
            raise RemoteProtocolError(f"frame of {length} bytes, limit {self.limit}")
        end = LENGTH_SIZE + length
        if len(self._buffer) < end:
            return None
        encoded = self._buffer[LENGTH_SIZE:end]
        del self._buffer[:end]
        self.last_size, self._length = length, None
        try:
            return self._decoder.decode(encoded)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise RemoteProtocolError(
                f"unreadable frame of {length} bytes: {why_unreadable(error)}"
            ) from error

    @property
    def is_empty(self) -> bool:
        """Whether no part of a frame is waiting for the rest."""
        return not self._buffer


def why_unreadable(error: Exception) -> str:
    """What msgspec said, without what the peer sent: a field name or tag of its choice has no place in our logs."""
    said = str(error)
    if said.startswith(("Expected", "Object missing", "Input data", "MessagePack data")):
        return said
    _, mark, place = said.rpartition(" - at ")
    return f"unknown content at {place}" if mark else "unknown content"


def requests(limit: int = limits.MAX_FRAME) -> FrameDecoder[Request]:
    """Decodes what a client sends."""
    return FrameDecoder(msgspec.msgpack.Decoder(Request), limit)


def from_server() -> FrameDecoder[FromServer]:
    """Decodes what a server sends."""
    return FrameDecoder(msgspec.msgpack.Decoder(FromServer))
