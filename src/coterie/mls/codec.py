"""The TLS presentation language as MLS uses it: RFC 9420 section 2.1.

``encode_*`` give bytes; a ``Reader`` takes them apart. Lengths are checked against what is there before anything is
read, so a message that claims to be huge costs nothing.
"""

from collections.abc import Callable, Iterable
from typing import TypeVar

from coterie.errors import LocalProtocolError, RemoteProtocolError

T = TypeVar("T")
MAX_LENGTH = 2**30 - 1  # of a variable-length vector: section 2.1.2


def encode_uint8(value: int) -> bytes:
    """1 byte."""
    return value.to_bytes(1, "big")


def encode_uint16(value: int) -> bytes:
    """2 bytes."""
    return value.to_bytes(2, "big")


def encode_uint32(value: int) -> bytes:
    """4 bytes."""
    return value.to_bytes(4, "big")


def encode_uint64(value: int) -> bytes:
    """8 bytes."""
    return value.to_bytes(8, "big")


_SHORT = tuple(length.to_bytes(1, "big") for length in range(2**6))


def encode_length(length: int) -> bytes:
    """The header of a variable-length vector, in its shortest form: section 2.1.2."""
    if length < 2**6:
        return _SHORT[length]
    if length < 2**14:
        return (length | 0x4000).to_bytes(2, "big")
    if length <= MAX_LENGTH:
        return (length | 0x8000_0000).to_bytes(4, "big")
    raise LocalProtocolError(f"vector of {length} bytes, limit {MAX_LENGTH}")


def encode_opaque(data: bytes) -> bytes:
    """``opaque data<V>``."""
    return encode_length(len(data)) + data


def encode_vector(items: Iterable[bytes]) -> bytes:
    """``T items<V>`` from the items' encodings."""
    return encode_opaque(b"".join(items))


def encode_optional(encoded: bytes | None) -> bytes:
    """``optional<T>``: section 2.1.1."""
    return b"\x00" if encoded is None else b"\x01" + encoded


class Reader:
    """Takes encoded bytes apart from the front. Everything raises RemoteProtocolError on bytes that do not fit."""

    __slots__ = ("_data", "_end", "_position")

    def __init__(self, data: bytes, start: int = 0, end: int | None = None) -> None:
        self._data = data
        self._position = start
        self._end = len(data) if end is None else end

    @property
    def is_at_end(self) -> bool:
        """Whether everything was taken."""
        return self._position == self._end

    @property
    def position(self) -> int:
        """For ``since``."""
        return self._position

    def since(self, start: int) -> bytes:
        """All that was taken since that position."""
        return self._data[start : self._position]

    def fixed(self, size: int) -> bytes:
        """``opaque data[size]``."""
        start = self._position
        end = start + size
        if end > self._end:
            raise RemoteProtocolError(f"{size} bytes wanted, {self._end - start} left")
        self._position = end
        return self._data[start:end]

    def uint8(self) -> int:
        """1 byte."""
        return self.fixed(1)[0]

    def uint16(self) -> int:
        """2 bytes."""
        return int.from_bytes(self.fixed(2), "big")

    def uint32(self) -> int:
        """4 bytes."""
        return int.from_bytes(self.fixed(4), "big")

    def uint64(self) -> int:
        """8 bytes."""
        return int.from_bytes(self.fixed(8), "big")

    def length(self) -> int:
        """The header of a variable-length vector."""
        position = self._position
        if position >= self._end:
            raise RemoteProtocolError("1 bytes wanted, 0 left")
        first = self._data[position]
        self._position = position + 1
        prefix, length = first >> 6, first & 0x3F
        if prefix == 0:
            return length
        if prefix == 3:  # noqa: PLR2004  # "Values that start with the prefix 11 are invalid"
            raise RemoteProtocolError("vector length with the invalid prefix 11")
        size = 1 if prefix == 1 else 3
        length = length << (8 * size) | int.from_bytes(self.fixed(size), "big")
        # "Decoders MUST check that the value is encoded with the minimum number of bits"
        if length < (2**6 if prefix == 1 else 2**14):
            raise RemoteProtocolError("vector length not in its shortest form")
        return length

    def opaque(self) -> bytes:
        """``opaque data<V>``."""
        return self.fixed(self.length())

    def vector(self, read: Callable[["Reader"], T]) -> tuple[T, ...]:
        """``T items<V>``."""
        length = self.length()
        start, end = self._position, self._position + length
        if end > self._end:
            raise RemoteProtocolError(f"{length} bytes wanted, {self._end - start} left")
        inner = Reader(self._data, start, end)
        items = []
        while not inner.is_at_end:
            items.append(read(inner))
        self._position = end
        return tuple(items)

    def optional(self, read: Callable[["Reader"], T]) -> T | None:
        """``optional<T>``."""
        present = self.uint8()
        if present > 1:
            raise RemoteProtocolError(f"presence byte {present}, must be 0 or 1")
        return read(self) if present else None

    def rest(self) -> bytes:
        """All that is left."""
        return self.fixed(self._end - self._position)


def keep_encoding(value: T, encoded: bytes) -> T:
    """The same frozen value, which will not be encoded again: one encoding alone decodes to it."""
    object.__setattr__(value, "_encoded", encoded)
    return value


def decode(read: Callable[[Reader], T], encoded: bytes) -> T:
    """The one value that ``encoded`` holds. Raises RemoteProtocolError, also for bytes left over."""
    reader = Reader(encoded)
    value = read(reader)
    if not reader.is_at_end:
        raise RemoteProtocolError(f"{len(reader.rest())} bytes too many")
    return value


def read_uint16(reader: Reader) -> int:
    """For ``Reader.vector``."""
    return reader.uint16()


def read_uint32(reader: Reader) -> int:
    """For ``Reader.vector``."""
    return reader.uint32()
