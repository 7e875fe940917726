"""Lines as they are typed or piped in, without the event loop waiting for stdin.

A thread of its own reads: a loop can watch a pipe or a terminal but no file. It reads the descriptor itself, since a
thread that holds the lock of ``sys.stdin`` when the program ends would bring down the interpreter.
"""

import asyncio
import os
import threading
from collections.abc import AsyncIterator
from contextlib import suppress

from coterie.errors import InvalidInput

CHUNK = 65_536  # bytes
MAX_CHUNKS = (
    16  # read ahead of who takes the lines; then the pipe fills, and who writes to it waits
)


class LineSplitter:
    """Bytes in, whole lines out, without their ends. A line above the limit is an error, and the next one is not."""

    def __init__(self, max_size: int) -> None:
        self._max_size = max_size
        self._begun = bytearray()
        self._is_skipping = False  # to the end of a line that is too long

    def feed(self, data: bytes) -> list[str | InvalidInput]:
        """The lines that ended in ``data``."""
        *ended, rest = data.split(b"\n")
        lines: list[str | InvalidInput] = []
        for part in ended:
            lines += self._take(part)
            lines += self._end()
        return lines + self._take(rest)

    def end(self) -> list[str | InvalidInput]:
        """The last line, where it had no end."""
        return self._end() if self._begun else []

    def _take(self, part: bytes) -> list[str | InvalidInput]:
        if self._is_skipping:
            return []
        self._begun += part
        if len(self._begun) <= self._max_size:
            return []
        self._begun.clear()
        self._is_skipping = True
        return [InvalidInput(f"a line of more than {self._max_size} bytes is too long")]

    def _end(self) -> list[str | InvalidInput]:
        if self._is_skipping:
            self._is_skipping = False
            return []
        line = bytes(self._begun).removesuffix(b"\r")
        self._begun.clear()
        try:
            return [line.decode()]
        except UnicodeDecodeError:
            return [InvalidInput("a line is not UTF-8")]


async def typed_lines(descriptor: int, max_size: int) -> AsyncIterator[str | InvalidInput]:
    """The lines of a descriptor until its end, and what is wrong with those that cannot be used."""
    loop = asyncio.get_running_loop()
    chunks: asyncio.Queue[bytes | OSError] = asyncio.Queue()
    room = threading.Semaphore(MAX_CHUNKS)

    own = os.dup(
        descriptor
    )  # the thread may outlive who gave it, and then read from whatever has its number

    def read() -> None:
        chunk: bytes | OSError = b"more"
        with suppress(RuntimeError):  # the loop is closed: nobody takes lines any more
            while chunk and not isinstance(chunk, OSError):
                room.acquire()
                try:
                    chunk = os.read(own, CHUNK)
                except OSError as error:
                    chunk = error
                loop.call_soon_threadsafe(chunks.put_nowait, chunk)
        os.close(own)

    threading.Thread(target=read, name="stdin", daemon=True).start()
    splitter = LineSplitter(max_size)
    while True:
        chunk = await chunks.get()
        room.release()
        if isinstance(chunk, OSError):
            raise InvalidInput(f"standard input: {chunk.strerror}")
        for line in splitter.feed(chunk) if chunk else splitter.end():
            yield line
        if not chunk:
            return
