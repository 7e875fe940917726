"""Noise messages on a byte stream: a 4-byte big-endian length before each. PROTOCOL.md section 1."""

from coterie.errors import RemoteProtocolError
from coterie.noise.handshake import MAX_MESSAGE

LENGTH_SIZE = 4  # bytes


def frame_message(message: bytes) -> bytes:
    """``message`` as it goes on the wire."""
    return len(message).to_bytes(LENGTH_SIZE, "big") + message


class MessageSplitter:
    """Finds the messages in what was received. Holds no more than one message and one read."""

    def __init__(self, limit: int = MAX_MESSAGE) -> None:
        self.limit = limit  # bytes; a server waits for no more than message 1 from a stranger
        self._buffer = bytearray()
        self._start = (
            0  # what lies before it was taken; dropped when more comes, so nothing is moved twice
        )

    def receive_data(self, data: bytes) -> None:
        """Takes what came from the network."""
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
            raise RemoteProtocolError(f"Noise message of {length} bytes, limit {self.limit}")
        end = body + length
        if len(self._buffer) < end:
            return None
        self._start = end
        return bytes(self._buffer[body:end])

    def take_rest(self) -> bytes:
        """All that came and was not taken: the beginning of what the channel reads."""
        rest = bytes(self._buffer[self._start :])
        self._buffer.clear()
        self._start = 0
        return rest
