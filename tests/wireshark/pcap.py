"""Capture files in libpcap's format: written from what two sides of a connection say, and read as what they said."""

import struct
from dataclasses import dataclass, field
from pathlib import Path

ETHERNET, RAW = 1, 101  # LINKTYPE_ETHERNET, as of loopback, and LINKTYPE_RAW: IP alone
HEADER_SIZE = 24  # bytes of the file's own
ETHERNET_SIZE = 14  # bytes of its header
MSS = 1460  # bytes of data in a segment, as on Ethernet
LARGEST = 65_000  # bytes in a segment of loopback
FIN, SYN, RST, PSH, ACK = 0x01, 0x02, 0x04, 0x08, 0x10
CLIENT, SERVER = bytes([192, 0, 2, 1]), bytes([192, 0, 2, 2])


@dataclass
class Capture:
    """Packets, in the order in which they were seen."""

    packets: list[bytes] = field(default_factory=list)
    cut_to: int = 2**18  # bytes kept of a packet: the snapshot length

    def save(self, path: Path) -> Path:
        header = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, self.cut_to, RAW)
        records = [
            struct.pack("<IIII", number // 1000, number % 1000, min(len(p), self.cut_to), len(p))
            + p[: self.cut_to]
            for number, p in enumerate(self.packets)
        ]
        path.write_bytes(header + b"".join(records))
        return path


class Stream:
    """One TCP connection in a capture."""

    def __init__(
        self, capture: Capture, *, server_port: int, client_port: int = 50_000, first: int = 1000
    ) -> None:
        self._capture = capture
        self._first = first  # sequence number, of both sides
        self._ports = {True: client_port, False: server_port}
        self._sent = {True: 0, False: 0}
        for is_client, flags in ((True, SYN), (False, SYN | ACK), (True, ACK)):
            self._packet(is_client, flags, b"")
            self._sent[is_client] += 1 if flags & SYN else 0

    def says(self, data: bytes, *, is_client: bool, segment: int = MSS) -> None:
        """In segments of at most so many bytes."""
        for start in range(0, len(data), segment):
            part = data[start : start + segment]
            self._packet(is_client, PSH | ACK, part)
            self._sent[is_client] += len(part)

    def _packet(self, is_client: bool, flags: int, data: bytes) -> None:
        source, target = (CLIENT, SERVER) if is_client else (SERVER, CLIENT)
        acknowledged = self._sent[not is_client] if flags & ACK else 0
        tcp = struct.pack(
            ">HHIIBBHHH",
            self._ports[is_client],
            self._ports[not is_client],
            self._first + self._sent[is_client],
            self._first + acknowledged if flags & ACK else 0,
            5 << 4,
            flags,
            65_535,
            0,
            0,
        )
        size = 20 + len(tcp) + len(data)
        ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, size, 0, 0, 64, 6, 0, source, target)
        self._capture.packets.append(ip + tcp + data)


@dataclass
class Connection:
    """What each side of a connection said, and whether the capture has its end."""

    client: bytes = b""
    server: bytes = b""
    has_ended: bool = False


def read(path: Path, server_port: int) -> dict[int, Connection]:
    """The connections to a server's port, by the port of the client, in the order of their beginning.

    Of IPv4 alone, and without what came out of order: loopback has neither.
    """
    data = path.read_bytes()
    if len(data) < HEADER_SIZE:  # it is being made
        return {}
    (link,) = struct.unpack_from("<I", data, 20)
    skipped = {ETHERNET: ETHERNET_SIZE, RAW: 0}[link]
    found: dict[int, Connection] = {}
    at = HEADER_SIZE
    while at + 16 <= len(data):
        size, full = struct.unpack_from("<II", data, at + 8)
        packet = data[at + 16 : at + 16 + size]
        at += 16 + size
        if len(packet) < size:  # it is being written
            break
        assert size == full, "cut off"
        ip = packet[skipped:]
        tcp = ip[(ip[0] & 15) * 4 : int.from_bytes(ip[2:4], "big")]
        source, target = struct.unpack_from(">HH", tcp)
        said, flags = tcp[(tcp[12] >> 4) * 4 :], tcp[13]
        is_client = target == server_port
        connection = found.setdefault(source if is_client else target, Connection())
        if is_client:
            connection.client += said
        else:
            connection.server += said
        connection.has_ended |= bool(flags & (FIN | RST))
    return found
