"""TLS around one connection: between the socket and the peer, over Python's ``ssl`` and memory.

Not asyncio's own TLS, which shows a connection only once its handshake is done: the peer has it from the beginning, so
that half-open ones are counted, held back and ended in time as all are.
"""

import asyncio
import ssl
from contextlib import suppress
from enum import Enum, auto
from typing import Any, cast

from coterie.logs import get_logger
from coterie.server.peer import Peer
from coterie.wire.tls import ALPN

log = get_logger()

READ_SIZE = 2**14  # bytes of the largest record: no read gives more
NO_TLS = b"\x15\x03\x03\x00\x02\x02\x46"  # a fatal alert, "protocol_version": RFC 8446 section 6


class _Stage(Enum):
    SHAKING_HANDS = auto()
    OPEN = auto()
    CLOSED = auto()  # nothing goes in or out; what was written is on its way


class TlsLayer(asyncio.Transport, asyncio.Protocol):
    """A protocol to the socket, and a transport to the peer."""

    _socket: asyncio.Transport

    def __init__(self, context: ssl.SSLContext, peer: Peer) -> None:
        super().__init__()
        self._peer = peer
        self._stage = _Stage.SHAKING_HANDS
        self._is_reading = True
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)

    # --- a protocol to the socket ----------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client, or anything else."""
        self._socket = cast("asyncio.Transport", transport)  # uvloop's is none by inheritance
        self._peer.connection_made(self)

    def data_received(self, data: bytes) -> None:
        """Ciphertext, or what pretends to be."""
        if self._stage is not _Stage.CLOSED:
            self._incoming.write(data)
            self._advance()

    def connection_lost(self, error: Exception | None) -> None:
        """The socket is gone."""
        self._stage = _Stage.CLOSED
        self._peer.connection_lost(error)
        del self._peer  # which has this layer: so both are free without a search for garbage

    def pause_writing(self) -> None:
        """The client reads slowly."""
        self._peer.pause_writing()

    def resume_writing(self) -> None:
        """It has caught up."""
        self._peer.resume_writing()

    # --- TLS -------------------------------------------------------------------------------------

    def _advance(self) -> None:
        """As far as what has come goes, and as the peer takes it."""
        try:
            if self._stage is _Stage.SHAKING_HANDS and self._is_reading:
                self._shake_hands()
            while self._stage is _Stage.OPEN and self._is_reading:
                data = self._tls.read(READ_SIZE)
                if not data:  # "close_notify": RFC 8446 section 6.1
                    self.close()
                    break
                self._peer.data_received(data)
        except ssl.SSLWantReadError:
            pass  # it goes on with the next bytes
        except ssl.SSLError as error:
            self._refuse(error.reason or type(error).__name__)
        self._flush()

    def _shake_hands(self) -> None:
        self._tls.do_handshake()
        if self._tls.selected_alpn_protocol() != ALPN:
            self._refuse(f"no client of {ALPN}")
            return
        self._stage = _Stage.OPEN
        log.debug("tls", connection=self._peer.number, cipher=self._tls.cipher())

    def _refuse(self, reason: str) -> None:
        """Ends it with the alert that says why. OpenSSL has none for who begins without TLS, and a client needs it."""
        told = reason.replace("_", " ").lower()
        log.info("dropped", connection=self._peer.number, reason=f"tls: {told}")
        if reason == "WRONG_VERSION_NUMBER":
            self._socket.write(NO_TLS)
        self._flush()
        self._stage = _Stage.CLOSED
        self._socket.close()

    def _flush(self) -> None:
        if self._outgoing.pending and not self._socket.is_closing():
            self._socket.write(self._outgoing.read())

    # --- a transport to the peer -----------------------------------------------------------------

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Before the handshake is done nobody has anything to say."""
        if self._stage is not _Stage.OPEN:
            return
        left = memoryview(data)
        while left:
            left = left[self._tls.write(left) :]
        self._flush()

    def close(self) -> None:
        """Once all is sent. The other side's end is not waited for: the channel inside has its own."""
        if self._stage is _Stage.OPEN:
            with suppress(ssl.SSLError):  # it wants to read the other side's end
                self._tls.unwrap()
            self._flush()
        self._stage = _Stage.CLOSED
        self._socket.close()

    def abort(self) -> None:
        """At once."""
        self._stage = _Stage.CLOSED
        self._socket.abort()

    def is_closing(self) -> bool:
        """Whether nothing more goes out."""
        return self._socket.is_closing()

    def pause_reading(self) -> None:
        """Nothing is given to the peer, nor taken from the socket."""
        if self._is_reading:
            self._is_reading = False
            self._socket.pause_reading()

    def resume_reading(self) -> None:
        """What came meanwhile is given first, though not before the caller has returned."""
        if not self._is_reading:
            self._is_reading = True
            self._socket.resume_reading()
            asyncio.get_running_loop().call_soon(self._advance)

    def is_reading(self) -> bool:
        """Whether the peer is given what comes."""
        return self._is_reading

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """The socket's."""
        return self._socket.get_extra_info(name, default)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """The socket's, of ciphertext."""
        self._socket.set_write_buffer_limits(high, low)

    def get_write_buffer_size(self) -> int:
        """Bytes of ciphertext that the client has not taken."""
        return self._socket.get_write_buffer_size()
