"""A capture file, written from what two sides of a TCP connection say: libpcap's format, IPv4 without a link layer."""

import struct
from dataclasses import dataclass, field
from pathlib import Path

RAW = 101  # LINKTYPE_RAW
MSS = 1460  # bytes of data in a segment, as on Ethernet
LARGEST = 65_000  # bytes in a segment of loopback
SYN, ACK, PSH = 0x02, 0x10, 0x08
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
