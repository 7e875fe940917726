"""Counts what records hold without opening them: a record's length says how much of the stream is in it."""


class RecordWalker:
    """Counts what records hold by their lengths."""

    def __init__(self) -> None:
        self.size = self.records = 0
        self._skip = 0  # bytes of a record that are still to come
        self._head = b""  # of a length that was cut

    def take(self, data: bytes, overhead: int) -> None:
        at = self._skip
        if self._head:
            data, at, self._head = self._head + data, 0, b""
        end = len(data)
        while at + 4 <= end:
            length = int.from_bytes(data[at : at + 4], "big")
            self.records += 1
            self.size += length - overhead
            at += 4 + length
        if at < end:
            self._head, self._skip = data[at:], 0
        else:
            self._skip = at - end
