"""The channel: records of one connection after its handshake, rekeying, renewal, closing. PROTOCOL.md section 1.

Each record is a Noise message whose plaintext begins with a type byte. Bytes in by ``receive_data``, events out by
``next_event``, bytes out by ``data_to_send``. After an error of the other side the channel is dead.

A renewal is a handshake inside the channel, while data flows on in both directions:

    client                                    server
      renew(message 1) ------------------------->
      <------------------------- renew(message 2)    the server's last record under its old key
      renew() ---------------------------------->    the client's last record under its old key
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, StrEnum, auto
from types import MappingProxyType

from coterie.errors import CoterieError, LocalProtocolError, RemoteProtocolError, ServerNotTrusted
from coterie.noise.dh import KeyPair
from coterie.noise.handshake import MAX_MESSAGE
from coterie.noise.production import (
    MESSAGE_1_SIZE,
    MESSAGE_2_SIZE,
    PROLOGUE,
    ClientHandshake,
    Established,
    ServerHandshake,
    fingerprint,
    renewal_prologue,
)
from coterie.noise.records import LENGTH_SIZE, MessageSplitter, frame_message
from coterie.noise.symmetric import TAGLEN, CipherState
from coterie.secret import Secret

__all__ = [
    "MAX_DATA",
    "MESSAGE_1_SIZE",
    "MESSAGE_2_SIZE",
    "PROLOGUE",
    "Channel",
    "ClientHandshake",
    "CloseReceived",
    "DataReceived",
    "Direction",
    "Established",
    "Event",
    "KeyLog",
    "MessageSplitter",
    "RecordKey",
    "Rekeyed",
    "RenewalMessage",
    "Renewed",
    "ServerHandshake",
    "fingerprint",
    "frame_message",
]

MAX_DATA = (
    MAX_MESSAGE - TAGLEN - 1
)  # 65,518 bytes of the stream in one record, behind its type byte
REKEY_AFTER_RECORDS = (
    2**16
)  # what a thief of the key can read back; RFC 8446 section 5.5 would allow 2^24.5
REKEY_AFTER_BYTES = 2**30  # likewise; a new key costs less than one large record

DATA, REKEY, RENEW, CLOSE = b"\x00", b"\x01", b"\x02", b"\x03"  # the type byte of a record


class Direction(StrEnum):
    """Whose records: ours or the other side's."""

    SEND = "send"
    RECEIVE = "receive"


@dataclass(frozen=True, slots=True)
class DataReceived:
    """The next part of the other side's stream, at most ``MAX_DATA`` bytes."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Rekeyed:
    """From here on this direction has a new key (Noise section 11.3)."""

    direction: Direction


@dataclass(frozen=True, slots=True)
class RenewalMessage:
    """Server only: answer with ``renewal_response(payload, …)`` in a pool thread, then ``answer_renewal``."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class Renewed:
    """Both directions have keys of a new exchange; the device signs this hash as it did on connecting."""

    handshake_hash: bytes


@dataclass(frozen=True, slots=True)
class CloseReceived:
    """The other side sends no more, on purpose. A connection that ends without this was cut."""


Event = DataReceived | Rekeyed | RenewalMessage | Renewed | CloseReceived


@dataclass(frozen=True, slots=True)
class RecordKey:
    """What opens one direction's records from ``first_record`` on, until the next key: a line of a key log."""

    direction: str  # "initiator-to-responder" or "responder-to-initiator"
    first_record: int  # how many records that direction had before, since the handshake
    n: int  # the counter of that record: a rekey leaves it, a renewal begins at 0
    key: Secret


KeyLog = Callable[[RecordKey], object]


class _Renewal(Enum):
    NONE = auto()
    ASKED = auto()  # message 1 is on its way or being answered
    ANSWERED = auto()  # message 2 is; the server sends under its new key


class _Step(Enum):
    ASK = auto()
    ANSWER = auto()
    FINISH = auto()  # the client's marker: both send under new keys


_RENEWAL = MappingProxyType(
    {
        (_Renewal.NONE, _Step.ASK): _Renewal.ASKED,
        (_Renewal.ASKED, _Step.ANSWER): _Renewal.ANSWERED,
        (_Renewal.ANSWERED, _Step.FINISH): _Renewal.NONE,
    }
)


class Channel:
    """One side of an established channel; the initiator is the client."""

    def __init__(
        self,
        established: Established,
        *,
        is_initiator: bool,
        rekey_after_records: int = REKEY_AFTER_RECORDS,
        rekey_after_bytes: int = REKEY_AFTER_BYTES,
    ) -> None:
        self.handshake_hash = established.handshake_hash  # of the newest exchange that has finished
        self.remote_static = established.remote_static
        self._is_initiator = is_initiator
        self._send, self._receive = established.send, established.receive
        self._rekey_after_records = rekey_after_records
        self._rekey_after_bytes = rekey_after_bytes
        self._sent_records = self._sent_bytes = 0  # under the present key
        self._splitter = MessageSplitter()
        self._out: list[bytes] = []
        self._own_events: deque[Event] = deque()  # what we did ourselves
        self._renewal = _Renewal.NONE
        self._renewing: ClientHandshake | None = None  # client: while ASKED
        self._next: Established | None = None  # server: while ANSWERED
        self._is_dead = self._is_closed = self._is_peer_closed = False
        self._key_log: KeyLog | None = None
        self._sent_before = self._received_before = 0  # records, before the newest exchange

    @property
    def is_open(self) -> bool:
        """Whether nothing has ended it: no error, no ``close`` of ours, none of the other side's."""
        return not (self._is_dead or self._is_closed or self._is_peer_closed)

    def log_keys(self, key_log: KeyLog) -> None:
        """Hands out the key of each direction, and every new one as it comes. Whoever has them reads everything.

        For looking at one's own traffic, when a person has asked for it; nothing else in Coterie calls this.
        """
        self._key_log = key_log
        self._log_send_key()
        self._log_receive_key()

    def _log_send_key(self) -> None:
        self._log_key(self._send, self._sent_before)

    def _log_receive_key(self) -> None:
        self._log_key(self._receive, self._received_before)

    def _log_key(self, cipher: CipherState, before: int) -> None:
        if self._key_log is not None:
            direction, key = cipher.key_for_key_log()
            self._key_log(RecordKey(direction, before + cipher.n, cipher.n, key))

    # Sending

    def send_data(self, data: bytes) -> None:
        """Puts ``data`` into our stream, in as few records as hold it. Raises LocalProtocolError once closed."""
        if 0 < len(data) <= MAX_DATA:
            self._seal_data(DATA + data)
            return
        view = memoryview(data)
        for start in range(0, len(data), MAX_DATA):
            self._seal_data(b"".join((DATA, view[start : start + MAX_DATA])))

    def rekey(self) -> None:
        """Changes our direction's key, so that who steals it cannot read what went before.

        Happens by itself by count and bytes; by time it is the caller's, who has the clock.
        """
        self._seal(REKEY)
        self._send.rekey()
        self._log_send_key()
        self._sent_records = self._sent_bytes = 0
        self._own_events.append(Rekeyed(Direction.SEND))

    def close(self) -> None:
        """Ends our direction with a ``close`` record. Does nothing a second time, or on a dead channel."""
        if not (self._is_dead or self._is_closed):
            self._seal(CLOSE)
            self._is_closed = True

    def data_to_send(self) -> bytes:
        """What is to be written to the network now."""
        out = b"".join(self._out)
        self._out.clear()
        return out

    def _seal_data(self, plaintext: bytes) -> None:
        self._seal(plaintext)
        if (
            self._sent_records >= self._rekey_after_records
            or self._sent_bytes >= self._rekey_after_bytes
        ):
            self.rekey()

    def _seal(self, plaintext: bytes) -> None:
        if self._is_dead or self._is_closed:
            raise LocalProtocolError("the channel is closed")
        record = self._send.encrypt_with_ad(b"", plaintext)
        size = len(record)
        self._sent_records += 1
        self._sent_bytes += size
        self._out += (size.to_bytes(LENGTH_SIZE, "big"), record)

    # Receiving

    def receive_data(self, data: bytes) -> None:
        """Takes what came from the network; ``next_event`` gives what it completes."""
        if not (self._is_dead or self._is_peer_closed):  # after the last record nothing is theirs
            self._splitter.receive_data(data)

    def receive_eof(self) -> None:
        """The connection ended. Raises RemoteProtocolError where it was cut: no ``close`` was among the events."""
        if not self._is_peer_closed:
            self._die()
            raise RemoteProtocolError("the connection was cut: it ended without a close record")

    def next_event(self) -> Event | None:
        """What happened next, None where more bytes are needed.

        Raises RemoteProtocolError for a record that was altered, replayed, dropped, put out of order or makes no sense.
        """
        if self._own_events:
            return self._own_events.popleft()
        if self._is_dead:
            raise LocalProtocolError("the channel is dead")
        if self._is_peer_closed:
            return None
        try:
            record = self._splitter.next_message()
            if record is None:
                return None
            plaintext = self._receive.decrypt_with_ad(b"", record)
            if plaintext[:1] == DATA:
                return DataReceived(plaintext[1:])
            return self._take_control(plaintext[:1], plaintext[1:])
        except CoterieError:
            self._die()
            raise

    def _take_control(self, record_type: bytes, payload: bytes) -> Event:
        if record_type == RENEW:
            return self._take_answer(payload) if self._is_initiator else self._take_ask(payload)
        if record_type == REKEY and not payload:
            self._receive.rekey()
            self._log_receive_key()
            return Rekeyed(Direction.RECEIVE)
        if record_type == CLOSE and not payload:
            self._is_peer_closed = True
            return CloseReceived()
        raise RemoteProtocolError(
            f"record of type {record_type.hex() or 'none'} with {len(payload)} bytes"
        )

    def _die(self) -> None:
        self._is_dead = True
        self._out.clear()  # nothing more goes to who broke the protocol
        self._renewing = self._next = None

    # Renewal

    def start_renewal(self) -> None:
        """Client: asks for new keys (half a millisecond). ``Renewed`` follows. Raises LocalProtocolError."""
        if not self._is_initiator:
            raise LocalProtocolError("a renewal is the client's to start")
        if not self.is_open:
            raise LocalProtocolError("the channel is closed")
        self._advance(_Step.ASK, LocalProtocolError)
        self._renewing = ClientHandshake(prologue=renewal_prologue(self.handshake_hash))
        self._seal(RENEW + self._renewing.write())

    def renewal_response(self, payload: bytes, static: KeyPair) -> tuple[bytes, Established]:
        """Server: what ``answer_renewal`` takes. Heavy and pure: for a pool thread. Raises RemoteProtocolError.

        ``static`` is the server's key of this channel's first handshake; the client refuses any other.
        """
        prologue = renewal_prologue(self.handshake_hash)
        return ServerHandshake(static, prologue=prologue).respond(payload)

    def answer_renewal(self, response: tuple[bytes, Established]) -> None:
        """Server: sends message 2 as its marker. Raises LocalProtocolError; the channel may have closed meanwhile."""
        if self._is_initiator:
            raise LocalProtocolError("a renewal is the server's to answer")
        message, established = response
        self._seal(RENEW + message)
        self._advance(_Step.ANSWER, LocalProtocolError)
        self._next = established
        self._send_under(established.send)

    def _take_ask(self, payload: bytes) -> Event:
        """Server: message 1, or the client's marker."""
        if payload:
            self._advance(_Step.ASK, RemoteProtocolError)
            return RenewalMessage(payload)
        self._advance(_Step.FINISH, RemoteProtocolError)
        if self._next is None:  # never: it is there while ANSWERED
            raise LocalProtocolError("a renewal was answered with nothing")
        established, self._next = self._next, None
        self._receive_under(established.receive)
        self.handshake_hash = established.handshake_hash
        return Renewed(self.handshake_hash)

    def _take_answer(self, payload: bytes) -> Event:
        """Client: message 2, the server's marker. Ours follows at once."""
        self._advance(_Step.ANSWER, RemoteProtocolError)
        handshake, self._renewing = self._renewing, None
        if handshake is None or self.remote_static is None:  # never: both are there while ASKED
            raise LocalProtocolError("a renewal was asked for without a handshake")
        try:
            established = handshake.read(payload, fingerprint(self.remote_static))
        except ServerNotTrusted as error:
            raise RemoteProtocolError("the server renewed with another static key") from error
        if not self._is_closed:  # else our direction has ended, and only theirs goes on
            self._seal(RENEW)
            self._send_under(established.send)
        self._advance(_Step.FINISH, LocalProtocolError)
        self._receive_under(established.receive)
        self.handshake_hash = established.handshake_hash
        return Renewed(self.handshake_hash)

    def _advance(self, step: _Step, error: type[CoterieError]) -> None:
        following = _RENEWAL.get((self._renewal, step))
        if following is None:
            raise error(f"renewal: {step.name} while {self._renewal.name}")
        self._renewal = following

    def _send_under(self, cipher: CipherState) -> None:
        self._sent_before += self._send.n
        self._send = cipher
        self._sent_records = self._sent_bytes = 0
        self._log_send_key()

    def _receive_under(self, cipher: CipherState) -> None:
        self._received_before += self._receive.n
        self._receive = cipher
        self._log_receive_key()
