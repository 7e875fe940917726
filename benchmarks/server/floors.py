"""The floors: relays that do less and less of what a server does. A connection says which room it is in, one byte each.

``raw`` sends every frame to everybody in its room; ``aead`` seals it for each of them with AES-256-GCM; ``store`` does
so, and answers, when a group-committed SQLite append is durable; ``batch`` gives each of them all that one commit holds
for the room as one record, one seal, one write.
"""

import asyncio
import sqlite3
import struct
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

import uvloop
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from shapes import FRAME_SIZE

if TYPE_CHECKING:
    from collections.abc import Sequence

KINDS = ("raw", "aead", "store", "batch")
KEY = bytes(32)  # the load knows it, to read what it is sent
TAG_SIZE = 16
HELLO = struct.Struct(">H")  # the room
ANSWER = b"\0" * 12  # to who has sent, and to a hello


def sealed(cipher: AESGCM, number: int, plaintext: bytes) -> bytes:
    """As it goes on the wire, with its length in front."""
    out = cipher.encrypt(struct.pack(">4xQ", number), plaintext, b"")
    return len(out).to_bytes(4, "big") + out


class Relay:
    """All connections, by room. This one is ``raw`` and ``aead``."""

    def __init__(self, *, seals: bool) -> None:
        self.seals = seals
        self.rooms: defaultdict[int, list[Peer]] = defaultdict(list)

    def received(self, sender: "Peer", frames: list[bytes]) -> None:
        for frame in frames:
            for peer in self.rooms[sender.room]:
                peer.send(frame)


class StoringRelay(Relay):
    """``store`` and ``batch``: what comes during a commit goes into the next."""

    def __init__(self, folder: Path, *, batches: bool) -> None:
        super().__init__(seals=True)
        self._batches = batches
        self._waiting: list[tuple[Peer, bytes]] = []
        self._task: asyncio.Task[None] | None = None
        self._database = sqlite3.connect(
            folder / "floor.db", isolation_level=None, check_same_thread=False
        )
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = FULL")
        self._database.execute(
            "CREATE TABLE entry (seq INTEGER PRIMARY KEY, room INTEGER, body BLOB)"
        )

    def received(self, sender: "Peer", frames: list[bytes]) -> None:
        self._waiting += [(sender, frame) for frame in frames]
        if self._task is None:
            self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            batch, self._waiting = self._waiting, []
            await loop.run_in_executor(None, self._commit, batch)
            self._deliver(batch)
        self._task = None

    def _commit(self, batch: "Sequence[tuple[Peer, bytes]]") -> None:
        self._database.execute("BEGIN IMMEDIATE")
        rows = [(sender.room, frame) for sender, frame in batch]
        self._database.executemany("INSERT INTO entry (room, body) VALUES (?, ?)", rows)
        self._database.execute("COMMIT")

    def _deliver(self, batch: "Sequence[tuple[Peer, bytes]]") -> None:
        rooms: defaultdict[int, list[bytes]] = defaultdict(list)
        for sender, frame in batch:
            rooms[sender.room].append(frame)
            sender.send(ANSWER)
        for room, frames in rooms.items():
            grouped = [b"".join(frames)] if self._batches else frames
            for frame in grouped:
                for peer in self.rooms[room]:
                    peer.send(frame)


class Peer(asyncio.Protocol):
    """One connection."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay
        self._buffer = bytearray()
        self._cipher = AESGCM(KEY)
        self._sent = 0
        self.room = -1

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        if self.room >= 0:
            self._relay.rooms[self.room].remove(self)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        at, frames = 0, []
        if self.room < 0:
            (self.room,) = HELLO.unpack_from(self._buffer)
            self._relay.rooms[self.room].append(self)
            self.send(ANSWER)
            at = HELLO.size
        while len(self._buffer) >= at + 4:
            end = at + 4 + int.from_bytes(self._buffer[at : at + 4], "big")
            if len(self._buffer) < end:
                break
            frames.append(bytes(self._buffer[at + 4 : end]))
            at = end
        del self._buffer[:at]
        if frames:
            self._relay.received(self, frames)

    def send(self, frame: bytes) -> None:
        """As a record of its own."""
        if self._relay.seals:
            self._sent += 1
            record = sealed(self._cipher, self._sent, frame)
        else:
            record = len(frame).to_bytes(4, "big") + frame
        self._transport.write(record)  # type: ignore[attr-defined]  # uvloop's


def serve(kind: str, folder: Path) -> None:
    """Prints its port, and serves until it is killed."""
    storing = {"store": False, "batch": True}
    if kind in storing:
        relay: Relay = StoringRelay(folder, batches=storing[kind])
    else:
        relay = Relay(seals=kind == "aead")

    async def run() -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: Peer(relay), "127.0.0.1", 0, backlog=1_000)
        print(server.sockets[0].getsockname()[1], flush=True)
        await asyncio.Event().wait()

    assert len(ANSWER) < FRAME_SIZE  # the load tells them apart by their size
    uvloop.run(run())
