"""The handshake of a connection, up to the keys: who answers there, and is it the server that is trusted?"""

import asyncio
from collections.abc import Callable

from coterie.client.refusal import stranger
from coterie.client.seams import Clock, Threads
from coterie.errors import CoterieError, RemoteProtocolError, ServerNotTrusted
from coterie.logs import get_logger
from coterie.noise.channel import MESSAGE_2_SIZE, ClientHandshake, Established, frame_message
from coterie.noise.records import LENGTH_SIZE
from coterie.wire.invite import Address, show_fingerprint

log = get_logger()

MAX_GREETING = (
    2**18
)  # bytes before the channel is there: message 2, then what a server may say at once


class Greeting:
    """Takes the bytes that come before there is a channel, and finds message 2 among them."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self.message_1 = b""  # once it is sent
        self._buffer = bytearray()
        self._message_2: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def receive_data(self, data: bytes) -> None:
        """Raises RemoteProtocolError as soon as it is plain that it is no Coterie server."""
        self._buffer += data
        if len(self._buffer) > MAX_GREETING:
            raise RemoteProtocolError(f"{self._address} sends before it is asked")
        if self._message_2.done() or len(self._buffer) < LENGTH_SIZE:
            return
        if int.from_bytes(self._buffer[:LENGTH_SIZE], "big") != MESSAGE_2_SIZE:
            raise stranger(self._address, bytes(self._buffer[:LENGTH_SIZE]))
        end = LENGTH_SIZE + MESSAGE_2_SIZE
        if len(self._buffer) >= end:
            self._message_2.set_result(bytes(self._buffer[LENGTH_SIZE:end]))
            del self._buffer[:end]

    def fail(self, error: CoterieError) -> None:
        """Whoever waits for message 2 gets ``error``."""
        if not self._message_2.done():
            self._message_2.set_exception(error)
            self._message_2.exception()  # where nobody waits, that is no news

    def take_rest(self) -> bytes:
        """What came behind message 2: the channel's."""
        rest = bytes(self._buffer)
        self._buffer.clear()
        return rest

    async def shake_hands(
        self, fingerprint: bytes, threads: Threads, clock: Clock, write: Callable[[bytes], object]
    ) -> Established:
        """The keys, agreed with the server whose static key has that fingerprint (32 bytes).

        The powers are taken in a thread. Raises ServerNotTrusted, RemoteProtocolError, and what ``fail`` was given.
        """
        began = clock.monotonic()
        handshake = ClientHandshake()
        self.message_1 = await threads.run(handshake.write)
        log.debug("handshake-sent", message=1, size=len(self.message_1))
        write(frame_message(self.message_1))
        message_2 = await self._message_2
        log.debug("handshake-received", message=2, size=len(message_2))
        shown = b""

        def is_trusted(given: bytes) -> bool:
            nonlocal shown
            shown = given
            return given == fingerprint  # neither is secret

        try:
            established = await threads.run(handshake.read, message_2, is_trusted)
        except ServerNotTrusted as error:
            raise ServerNotTrusted(
                f"the server at {self._address} is not the trusted one: nothing was sent to it",
                hint=f"its key has the fingerprint {show_fingerprint(shown)}, trusted is "
                f"{show_fingerprint(fingerprint)}: compare with the server's operator",
            ) from error
        except RemoteProtocolError as error:
            raise RemoteProtocolError(
                f"the handshake with {self._address} failed: {error}",
                hint="it was altered on its way, or the server speaks another version of Coterie",
            ) from error
        duration = clock.monotonic() - began
        log.debug(
            "handshake-done",
            handshake_hash=established.handshake_hash.hex()[:16],
            duration_ms=round(duration * 1000, 1),
        )
        return established
