"""The load's side of a connection to a floor: it only counts, or it opens what it is sent."""

import asyncio
import time
from typing import TYPE_CHECKING

import floors
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from shapes import FRAME_SIZE, TIME
from walker import RecordWalker

from coterie.noise.channel import MessageSplitter

if TYPE_CHECKING:
    from collections.abc import Callable

_PADDING = bytes(FRAME_SIZE - TIME.size - 8)


class FloorMember(asyncio.Protocol):
    """Somebody in a room."""

    def __init__(self, kind: str, room: int, number: int, *, only_counts: bool) -> None:
        self.latencies: list[float] | None = None  # seconds
        self.on_answer: Callable[[int], None] | None = None
        self.sent = self.answered = 0
        self._is_answered = kind in ("store", "batch")
        self._is_sealed = kind != "raw"
        self._room = room
        self._mark = number.to_bytes(8, "big")  # in its frames, to know its own
        self._overhead = floors.TAG_SIZE if self._is_sealed else 0
        self._walker = RecordWalker() if only_counts else None
        self._splitter = MessageSplitter(limit=2**24)
        self._cipher, self._opened = AESGCM(floors.KEY), 0
        self._read_frames = 0
        self._entered: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._write(floors.HELLO.pack(self._room))

    async def enter(self) -> None:
        """Until it counts as one of its room."""
        await self._entered

    def post(self, number: int) -> None:
        """Sends so many."""
        frame = TIME.pack(time.perf_counter()) + self._mark + _PADDING
        self.sent += number
        self._write((len(frame).to_bytes(4, "big") + frame) * number)

    def received(self) -> int:
        """Messages that have come."""
        if self._walker is None:
            return self._read_frames
        return (self._walker.size - len(floors.ANSWER)) // FRAME_SIZE

    def data_received(self, data: bytes) -> None:
        if self._walker is not None:
            self._walker.take(data, self._overhead)
        else:
            self._read(data)
        if not self._entered.done():
            self._entered.set_result(None)

    def _read(self, data: bytes) -> None:
        answers = 0
        self._splitter.receive_data(data)
        while (record := self._splitter.next_message()) is not None:
            plaintext = self._open(record) if self._is_sealed else record
            if len(plaintext) == len(floors.ANSWER):
                answers += self._is_answered and self._entered.done()
                continue
            for at in range(0, len(plaintext), FRAME_SIZE):
                self._read_frames += 1
                answers += not self._is_answered and plaintext[at + 8 : at + 16] == self._mark
                if self.latencies is not None:
                    self.latencies.append(time.perf_counter() - TIME.unpack_from(plaintext, at)[0])
        if answers:
            self.answered += answers
            if self.on_answer is not None:
                self.on_answer(answers)

    def _open(self, record: bytes) -> bytes:
        self._opened += 1
        return self._cipher.decrypt(self._opened.to_bytes(12, "big"), record, b"")

    def _write(self, data: bytes) -> None:
        self._transport.write(data)  # type: ignore[attr-defined]  # uvloop's

    def close(self) -> None:
        self._transport.close()
