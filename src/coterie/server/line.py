"""What one connection is sent: all frames of a turn as one; pushes only while they are read."""

import asyncio
import itertools
from enum import Enum, auto
from typing import TYPE_CHECKING, cast

from coterie.logs import get_logger
from coterie.server import limits
from coterie.server.bus import INBOX_GREW, log_has
from coterie.server.house import House
from coterie.server.session import Session

if TYPE_CHECKING:
    from coterie.noise.channel import Channel

log = get_logger()

_numbers = itertools.count(1)  # of connections, for the log


class Stage(Enum):
    """How far the connection has come."""

    GREETING = auto()  # waiting for message 1
    SHAKING_HANDS = auto()  # a thread works on message 2
    OPEN = auto()
    FINISHING = auto()  # what was asked is answered, nothing more is taken
    CLOSING = auto()  # nothing more is sent; what was is on its way
    OVER = auto()


class Line:
    """The sending half of a connection, which can also end it: a ``house.Connected`` and an ``outbox.Sender``.

    A base of ``Peer``, not a part of it: a push reaches everybody in a room, and would cost each a call more.
    """

    _transport: asyncio.Transport
    _session: Session

    def __init__(self, house: House) -> None:
        self._house = house
        self._limits = house.limits
        self._stage = Stage.GREETING
        self._channel: Channel | None = None
        self._rekeyed_at = 0.0
        self._writable = asyncio.Event()
        self._writable.set()
        self._unsent = 0  # bytes that lay in the transport at the last look
        self._out: list[bytes] = []  # frames for the next flush
        self._whispers: list[bytes] = []  # and those behind them
        self._queued = 0  # bytes of all these
        self._is_flush_due = False
        self._missed: dict[bytes, int] = {}  # heads of groups that were not told
        self._missed_inbox = False
        self.address = "?"
        self.number = next(_numbers)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client, or anything else."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by inheritance
        self._transport.set_write_buffer_limits(high=limits.WRITE_BUFFER)
        peername = transport.get_extra_info("peername")
        self.address = str(peername[0]) if peername else "?"
        self._session = Session(self._house, self.address, self, self.number)

    def drop(self, reason: str) -> None:
        """Ends the connection at once."""
        if self._stage is not Stage.OVER:
            self._stage = Stage.OVER
            log.info("dropped", connection=self.number, reason=reason)
            self._transport.abort()

    def _failed(self) -> None:
        """Called where an exception is handled that none of ours expects: a bug is this connection's alone."""
        log.exception("connection-failed", connection=self.number)
        self.drop("a bug of the server's")

    def _close(self) -> None:
        self._stage = Stage.CLOSING
        if self._channel is not None:
            self._channel.close()
            self._transport.write(self._channel.data_to_send())
        self._transport.close()

    # --- pushes ----------------------------------------------------------------------------------

    def log_grew(self, group_id: bytes, head: int, frame: bytes) -> None:
        """``bus.Listener``: to a slow reader nothing is pushed; it is told later that it has missed something."""
        if self._can_push():
            self._send(frame)
        else:
            self._missed[group_id] = head

    def inbox_grew(self, frame: bytes) -> None:
        """``bus.Listener``."""
        if self._can_push():
            self._send(frame)
        else:
            self._missed_inbox = True

    def whispered(self, frame: bytes) -> None:
        """``bus.Listener``: never so many that anything else would have to wait, or be missed, for them."""
        if not self._can_push():
            return
        if self._queued + self._transport.get_write_buffer_size() < limits.WHISPER_BUFFER:
            self._whispers.append(frame)
            self._queued += len(frame)
            if not self._is_flush_due:
                self._flush_soon()

    def revoked(self) -> None:
        """``bus.Listener``."""
        self.drop("the device was revoked")

    def displaced(self) -> None:
        """``house.Connected``."""
        self.drop("the device has newer connections")

    def _can_push(self) -> bool:
        return (
            self._stage is Stage.OPEN
            and self._session.is_logged_in
            and self._writable.is_set()
            and self._queued < limits.WRITE_BUFFER
        )

    def _tell_missed(self) -> None:
        if not self._can_push():
            return
        missed, self._missed = self._missed, {}
        for group_id, head in missed.items():
            self._send(log_has(group_id, head))
        if self._missed_inbox:
            self._missed_inbox = False
            self._send(INBOX_GREW)

    # --- slow readers ----------------------------------------------------------------------------

    def pause_writing(self) -> None:
        """The reader is slow."""
        self._writable.clear()
        self._unsent = self._transport.get_write_buffer_size()

    def resume_writing(self) -> None:
        """The reader has caught up."""
        self._writable.set()
        self._tell_missed()

    def _is_draining(self) -> bool:
        """Whether a slow reader, of whom nothing is read, has taken something since the last look."""
        before, self._unsent = self._unsent, self._transport.get_write_buffer_size()
        return not self._writable.is_set() and self._unsent < before

    # --- the flush -------------------------------------------------------------------------------

    def _send(self, frame: bytes) -> None:
        """All frames that are ready in one turn of the loop go out as one."""
        self._out.append(frame)
        self._queued += len(frame)
        if not self._is_flush_due:
            self._flush_soon()

    def _flush_soon(self) -> None:
        self._is_flush_due = True
        self._house.outbox.add(self)

    def flush(self) -> None:
        """``outbox.Sender``."""
        self._is_flush_due = False
        try:
            self._flush()
        except Exception:  # the others' turn comes, whatever goes wrong with this one
            self._failed()

    def _flush(self) -> None:
        if (
            not self._queued
            or self._channel is None
            or self._stage not in (Stage.OPEN, Stage.FINISHING)
        ):
            return
        self._channel.send_data(b"".join(self._out + self._whispers))
        self._out.clear()
        self._whispers.clear()
        self._queued = 0
        now = self._house.clock.monotonic()
        if now - self._rekeyed_at > self._limits.rekey_after_s:
            self._rekeyed_at = now
            self._channel.rekey()
        self._transport.write(self._channel.data_to_send())
        if self._missed or self._missed_inbox:
            self._tell_missed()
