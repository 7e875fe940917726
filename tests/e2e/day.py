"""A day in the life of two people and their server, over real sockets, while tshark records what crosses."""

import asyncio
import secrets
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from coterie.client import api
from coterie.client.backend import open_backend
from coterie.client.custody import Custody
from coterie.client.enrolment import password_login
from coterie.client.joining import join
from coterie.client.key_log import KeyLogFile
from coterie.client.rotation import Rotation
from coterie.client.sdk import Client
from coterie.client.seams import LoopClock, PoolThreads, Seams
from coterie.client.transport import TCP
from coterie.errors import NotAuthenticated
from coterie.secret import Secret, observe
from tests.e2e.talk import mark, secrets_in
from tests.server.world import Server, serving
from tests.wireshark.pcap import Connection, read
from tests.wireshark.tshark import MISSING, TSHARK, environment

DEADLINE_S = 20.0
OFTEN = Rotation(rekey_after_records=4, renew_after_s=1.0)
FILE_SIZE = 50_000  # characters: as much of a file as a message takes


@dataclass
class Day:
    """What was recorded, and what must not be in it."""

    capture: Path
    keys_file: Path
    said: dict[str, bytes] = field(default_factory=dict)  # texts, files, names of rooms, people
    typed: dict[str, bytes] = field(default_factory=dict)  # passwords
    keys: dict[str, bytes] = field(default_factory=dict)  # every key that either side derived
    connections: dict[int, Connection] = field(default_factory=dict)

    @property
    def everything(self) -> dict[str, bytes]:
        return self.said | self.typed | self.keys

    @property
    def streams(self) -> list[tuple[str, bytes]]:
        """What each side said on each connection."""
        said = [(f"what client {port} said", c.client) for port, c in self.connections.items()]
        heard = [(f"what client {port} heard", c.server) for port, c in self.connections.items()]
        return said + heard


async def until(is_so: Callable[[], bool], deadline_s: float = DEADLINE_S) -> None:
    """Looks again and again: what another process writes into a file wakes nobody. Raises TimeoutError."""
    async with asyncio.timeout(deadline_s):
        while not is_so():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


@asynccontextmanager
async def recording(path: Path, port: int) -> AsyncIterator[None]:
    """tshark, from before the first packet until it has written the last one. Skips where it may not record."""
    if TSHARK is None:
        pytest.skip(MISSING)
    command = [TSHARK, "-i", "lo", "-f", f"tcp port {port}", "-w", str(path), "-F", "pcap", "-q"]
    log = path.with_suffix(".log")
    with log.open("wb") as errors:
        process = subprocess.Popen(  # noqa: ASYNC220, S603
            command, stdout=errors, stderr=errors, env=environment(path.parent)
        )
    try:
        while not await _is_recorded(path, port):
            if process.poll() is not None:
                pytest.skip(f"tshark may not record on loopback: {log.read_text()[-300:]}")
        yield
        await until(lambda: all(c.has_ended for c in read(path, port).values()))
    finally:
        process.terminate()
        process.wait()


async def _is_recorded(path: Path, port: int) -> bool:
    """Whether a connection made now is in the file soon."""
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    ours = writer.get_extra_info("sockname")[1]
    writer.close()
    await writer.wait_closed()
    try:
        await until(lambda: path.exists() and ours in read(path, port), 1.0)
    except TimeoutError:
        return False
    return True


class Live:
    """Who lives the day."""

    def __init__(self, day: Day, folder: Path, server: Server) -> None:
        self._day, self._folder, self._server = day, folder, server
        self.key_log = KeyLogFile(day.keys_file)

    def _seams(self) -> Seams:
        threads = PoolThreads()
        return Seams(TCP(), threads, LoopClock(), rotation=OFTEN, key_log=self.key_log)

    def _word(self, kept: dict[str, bytes], what: str) -> str:
        kept[what] = mark().encode()
        return kept[what].decode()

    async def join(self, who: str) -> str:
        name = self._word(self._day.said, f"{who}'s name")
        password = Secret(self._word(self._day.typed, f"{who}'s password").encode())
        seams = self._seams()
        await join(
            self._folder / who,
            self._server.invite(),
            name,
            password,
            custody=Custody.FILE,
            seams=seams,
        )
        seams.threads.close()
        return name

    @asynccontextmanager
    async def client(self, who: str) -> AsyncIterator[Client]:
        async with open_backend(self._folder / who, seams=self._seams()) as backend:
            yield Client(backend, who)

    async def log_in(self, who: str, password: str) -> None:
        seams = self._seams()
        server, name = self._server, self._day.said[f"{who}'s name"].decode()
        try:
            await password_login(
                server.address, server.fingerprint, name, Secret(password.encode()), seams
            )
        finally:
            seams.threads.close()

    async def hear(self, client: Client, what: str) -> None:
        """Waits for a text of the day."""
        text = self._day.said[what].decode()
        async with asyncio.timeout(DEADLINE_S):
            async for message in client.read(api.ReadRoom(None, 100, follow=True)):
                if message.text == text:
                    return

    def renewals(self) -> int:
        """How often a client has got keys of a new exchange."""
        lines = [line.split() for line in self._day.keys_file.read_text().splitlines()]
        return sum(
            who == "client" and first != "0" and n == "0" for _, _, who, first, n, _ in lines
        )

    async def live(self) -> None:
        day, word = self._day, self._word
        await self.join("alice")
        name = await self.join("bobb")
        async with self.client("alice") as alice:
            room = await alice.create_room(word(day.said, "name of the room"), name)
            async with self.client("bobb") as bobb:
                await room.send(word(day.said, "from alice"))
                await self.hear(bobb, "from alice")
                beginning = word(day.said, "beginning of a file")
                day.said["a file"] = (beginning + secrets.token_hex(FILE_SIZE // 2)).encode()
                await bobb.rooms[room.ref].send(day.said["a file"].decode())
                await self.hear(alice, "a file")
                before = self.renewals()
                await until(lambda: self.renewals() >= before + 2)  # while all are quiet
                await bobb.rooms[room.ref].send(word(day.said, "after a renewal"))
                await self.hear(alice, "after a renewal")
            await room.send(word(day.said, "while bobb is away"))
            async with self.client("bobb") as bobb:
                await self.hear(bobb, "while bobb is away")
        with pytest.raises(NotAuthenticated):
            await self.log_in("alice", word(day.typed, "a wrong password"))
        await self.log_in("alice", day.typed["alice's password"].decode())


async def a_day(folder: Path) -> Day:
    """The whole day."""
    day = Day(folder / "day.pcap", folder / "keys")

    def see(name: str, key: Secret) -> None:
        if len(key) >= 16 and len(set(key.expose())) > 8:  # all zero is no key
            day.keys[f"{name} {len(day.keys)}"] = key.expose()

    async with serving(folder / "server") as server:
        day.keys |= secrets_in(server.house.keys, "server")
        async with recording(day.capture, server.address.port):
            observe(see)
            try:
                await Live(day, folder, server).live()
            finally:
                observe(None)
        day.connections = {
            port: connection
            for port, connection in read(day.capture, server.address.port).items()
            if connection.client  # the others were there to see whether it records
        }
    for line in day.keys_file.read_text().splitlines():
        day.keys[f"record key {len(day.keys)}"] = bytes.fromhex(line.split()[5])
    return day
