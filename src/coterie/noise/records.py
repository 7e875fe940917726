"""Length-prefixed Noise messages on a byte stream: 4 bytes, big-endian, then the message (PROTOCOL.md section 1)."""

from coterie.errors import RemoteProtocolError
from coterie.noise.handshake import MAX_MESSAGE

LENGTH_SIZE = 4  # bytes


def with_length(message: bytes) -> bytes:
    """``message`` as it goes on the wire."""
    return len(message).to_bytes(LENGTH_SIZE, "big") + message


class Splitter:
    """Finds the messages in what was received. Buffers no more than one message and one read."""

    def __init__(self, limit: int = MAX_MESSAGE) -> None:
        self.limit = limit
        self._buffer = bytearray()
        self._start = 0  # what lies before has been taken; deleted when new data comes

    def receive_data(self, data: bytes) -> None:
        """Takes what came."""
        if self._start:
            del self._buffer[: self._start]
            self._start = 0
        self._buffer += data

    def next_message(self) -> bytes | None:
        """The next whole message, None where more bytes are needed. Raises RemoteProtocolError above the limit."""
        body = self._start + LENGTH_SIZE
        if len(self._buffer) < body:
            return None
        length = int.from_bytes(self._buffer[self._start : body], "big")
        if not 0 < length <= self.limit:
            raise RemoteProtocolError(f"record of {length} bytes, limit {self.limit}")
        end = body + length
        if len(self._buffer) < end:
            return None
        self._start = end
        return bytes(self._buffer[body:end])

    def rest(self) -> bytes:
        """What has come and was not taken."""
        rest = bytes(self._buffer[self._start :])
        self._buffer.clear()
        self._start = 0
        return rest
