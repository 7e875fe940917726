"""The channel after its handshake: records, rekeying, renewal, closing. PROTOCOL.md section 1.

Each record is a Noise message whose plaintext begins with a type byte. Bytes in by ``receive_data``, events out by
``next_event``, bytes out by ``data_to_send``. After an error the channel is dead.

    client                                   server
      renew(message 1) ------------------------>    "please, a new exchange"; data flows on
      <------------------------ renew(message 2)    the server's last record under its old key
      renew(empty) ---------------------------->    the client's last record under its old key
"""

from dataclasses import dataclass
from enum import IntEnum

from coterie.errors import LocalProtocolError, RemoteProtocolError
from coterie.noise.production import (
    ClientHandshake,
    Established,
    fingerprint,
    renewal_prologue,
)
from coterie.noise.records import Splitter, with_length
from coterie.noise.symmetric import TAGLEN, CipherState

MAX_DATA = 65535 - TAGLEN - 1  # bytes of payload in a record: 65,518 behind the type byte
REKEY_AFTER_RECORDS = 2**20  # far below AES-GCM's limit of 2^32 under one key; costs nothing
REKEY_AFTER_BYTES = 2**32  # 4 GiB: likewise, 2^36 blocks are allowed


class RecordType(IntEnum):
    """The first byte of a record's plaintext."""

    DATA = 0
    REKEY = 1
    RENEW = 2
    CLOSE = 3


@dataclass(frozen=True, slots=True)
class DataReceived:
    """A part of the other side's stream."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Rekeyed:
    """The other side's direction has a new key."""


@dataclass(frozen=True, slots=True)
class RenewalRequested:
    """Server only: answer ``message`` with ``ServerHandshake(prologue=channel.renewal_prologue)``, in a thread."""

    message: bytes


@dataclass(frozen=True, slots=True)
class RenewalOffered:
    """Client only: finish with ``channel.read_renewal`` in a thread, then ``channel.finish_renewal``.

    Until then the channel reads nothing: what follows is under the new key.
    """

    message: bytes


@dataclass(frozen=True, slots=True)
class Renewed:
    """Both directions have keys of a new exchange; the device signs this hash anew."""

    handshake_hash: bytes


@dataclass(frozen=True, slots=True)
class Closed:
    """The other side said that it is done. A connection that ends without was cut."""


Event = DataReceived | Rekeyed | RenewalRequested | RenewalOffered | Renewed | Closed


class Channel:
    """One side of an established channel."""

    def __init__(
        self,
        established: Established,
        *,
        is_client: bool,
        rekey_after_records: int = REKEY_AFTER_RECORDS,
        rekey_after_bytes: int = REKEY_AFTER_BYTES,
    ) -> None:
        self.handshake_hash = established.handshake_hash
        self.server_key = established.server_key
        self._is_client = is_client
        self._send, self._receive = established.send, established.receive
        self._splitter = Splitter()
        self._out: list[bytes] = []
        self._rekey_after_records = rekey_after_records
        self._rekey_after_bytes = rekey_after_bytes
        self._sent_bytes = 0  # under the present key
        self._sent_records = 0
        self._renewal: ClientHandshake | None = None  # client: from the request to the offer
        self._is_paused = False  # client: between offer and finish; server: never
        self._next: Established | None = None  # server: from its marker to the client's
        self._is_dead = False
        self._is_closed = False
        self._is_peer_closed = False

    # --- sending -------------------------------------------------------------------------------

    def send_data(self, data: bytes) -> None:
        """Puts ``data`` into the stream, in as few records as it takes."""
        for start in range(0, len(data), MAX_DATA):
            self._seal(RecordType.DATA, data[start : start + MAX_DATA])

    def rekey(self) -> None:
        """The next record of our direction is under a new key; a thief of it cannot read what went before."""
        self._seal(RecordType.REKEY, b"", is_marker=True)
        self._send.rekey()
        self._sent_bytes = self._sent_records = 0

    def close(self) -> None:
        """The last record of our direction."""
        if not self._is_closed and not self._is_dead:
            self._seal(RecordType.CLOSE, b"", is_marker=True)
            self._is_closed = True

    def data_to_send(self) -> bytes:
        """What is to be written now."""
        out = b"".join(self._out)
        self._out.clear()
        return out

    def _seal(self, record_type: RecordType, payload: bytes, *, is_marker: bool = False) -> None:
        if self._is_dead or self._is_closed:
            raise LocalProtocolError("the channel is closed")
        if not is_marker and (
            self._sent_records >= self._rekey_after_records
            or self._sent_bytes >= self._rekey_after_bytes
        ):
            self.rekey()
        record = self._send.encrypt_with_ad(b"", bytes((record_type,)) + payload)
        self._sent_records += 1
        self._sent_bytes += len(record)
        self._out.append(with_length(record))

    # --- receiving -----------------------------------------------------------------------------

    def receive_data(self, data: bytes) -> None:
        """Takes what came from the network."""
        self._splitter.receive_data(data)

    def next_event(self) -> Event | None:
        """What the next record means, None where more bytes are needed. Raises RemoteProtocolError."""
        if self._is_dead:
            raise LocalProtocolError("the channel is dead")
        if self._is_paused or self._is_peer_closed:
            return None
        try:
            record = self._splitter.next_message()
            return None if record is None else self._open(record)
        except RemoteProtocolError:
            self._is_dead = True
            raise

    def _open(self, record: bytes) -> Event:
        plaintext = self._receive.decrypt_with_ad(b"", record)
        kind, payload = plaintext[:1], plaintext[1:]
        if kind == b"\x00":
            return DataReceived(payload)
        if kind == b"\x01" and not payload:
            self._receive.rekey()
            return Rekeyed()
        if kind == b"\x02":
            return self._take_renewal(payload)
        if kind == b"\x03" and not payload:
            self._is_peer_closed = True
            return Closed()
        raise RemoteProtocolError(
            f"record of type {kind.hex() or 'none'} with {len(payload)} bytes"
        )

    # --- renewal -------------------------------------------------------------------------------

    @property
    def renewal_prologue(self) -> bytes:
        """Binds the new exchange to this channel."""
        return renewal_prologue(self.handshake_hash)

    def new_renewal(self) -> tuple[ClientHandshake, bytes]:
        """Client: a handshake for ``start_renewal`` and its first message. Heavy: run it in a thread."""
        pin = fingerprint(self.server_key)
        handshake = ClientHandshake(pin, prologue=self.renewal_prologue)
        return handshake, handshake.write()

    def start_renewal(self, handshake: ClientHandshake, message: bytes) -> None:
        """Client: asks for new keys. Data flows on in both directions."""
        if not self._is_client or self._renewal or self._is_paused:
            raise LocalProtocolError("a renewal is the client's, and one at a time")
        self._renewal = handshake
        self._seal(RecordType.RENEW, message)

    def answer_renewal(self, message: bytes, established: Established) -> None:
        """Server: sends message 2 as the last record under its old key."""
        if self._is_client or self._next:
            raise LocalProtocolError("no renewal to answer")
        self._seal(RecordType.RENEW, message, is_marker=True)
        self._use_to_send(established.send)
        self._next = established

    def read_renewal(self, message: bytes) -> Established:
        """Client: the keys that ``message`` leads to. Heavy: run it in a thread. Raises RemoteProtocolError."""
        if self._renewal is None:
            raise LocalProtocolError("no renewal to finish")
        return self._renewal.read(message)

    def finish_renewal(self, established: Established) -> Renewed:
        """Client: its marker, the new keys; reading goes on."""
        if not self._is_paused:
            raise LocalProtocolError("no renewal to finish")
        self._seal(RecordType.RENEW, b"", is_marker=True)
        self._use_to_send(established.send)
        self._receive = established.receive
        self.handshake_hash = established.handshake_hash
        self._renewal, self._is_paused = None, False
        return Renewed(self.handshake_hash)

    def _take_renewal(self, payload: bytes) -> Event:
        if self._is_client:
            if self._renewal is None:
                raise RemoteProtocolError("a renewal that nobody asked for")
            self._is_paused = True
            return RenewalOffered(payload)
        if payload:
            if self._next is not None:
                raise RemoteProtocolError("a second renewal within one")
            return RenewalRequested(payload)
        if self._next is None:
            raise RemoteProtocolError("the end of a renewal that was not begun")
        self._receive = self._next.receive
        self.handshake_hash = self._next.handshake_hash
        self._next = None
        return Renewed(self.handshake_hash)

    def _use_to_send(self, cipher: CipherState) -> None:
        self._send = cipher
        self._sent_bytes = self._sent_records = 0
