"""What a delivery costs the server: CPU seconds per 1,000, against two relays of the same bytes.

``python benchmarks/deliveries.py [MEMBERS] [MESSAGES]`` starts, in turn and several times, the server and the relays as
processes of their own on the first core, and loads each from the second with one room. ``raw`` is a bare uvloop relay
of length-prefixed frames; ``aead`` the same with one AES-256-GCM seal for each message and recipient. The server also
opens the channel, decodes, judges, stores durably, and answers. Deliveries count whole messages that arrived.
"""

import asyncio
import os
import secrets
import signal
import statistics
import struct
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

import uvloop
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from coterie.client.connection import Connection
from coterie.client.enrolment import join
from coterie.client.transport import real_seams
from coterie.opaque.stretch import IDENTITY
from coterie.secret import Secret
from coterie.wire import chain
from coterie.wire.frames import (
    ChangeList,
    CreateGroup,
    Done,
    EventBody,
    Kind,
    ListChange,
    LogGrew,
    Post,
    Subscribe,
    Subscribed,
)
from coterie.wire.invite import decode_invite

ROUNDS = 3  # of all three in turn; the median counts
SENDERS = 5
WINDOW = 32  # posts of one sender under way
BODY = secrets.token_bytes(470)  # what MLS makes of a text of 256 bytes
FRAME = secrets.token_bytes(560)  # such a post with its frame, for the relays
GREETING = b"\0"  # of a relay, once it counts a client among its peers
READY_S = 30.0


class Relay(asyncio.Protocol):
    """Everybody gets every frame, its sender too."""

    def __init__(self, peers: "set[Relay]", *, seals: bool) -> None:
        self.peers, self.seals = peers, seals
        self._buffer = bytearray()
        self._cipher = AESGCM(secrets.token_bytes(32))
        self._sent = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self.peers.add(self)
        transport.write(GREETING)  # type: ignore[attr-defined]  # uvloop's

    def connection_lost(self, exc: Exception | None) -> None:
        self.peers.discard(self)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        at = 0
        while len(self._buffer) >= at + 4:
            end = at + 4 + int.from_bytes(self._buffer[at : at + 4], "big")
            if len(self._buffer) < end:
                break
            frame = bytes(self._buffer[at:end])
            for peer in self.peers:
                peer.give(frame)
            at = end
        del self._buffer[:at]

    def give(self, frame: bytes) -> None:
        if self.seals:
            self._sent += 1
            sealed = self._cipher.encrypt(struct.pack(">4xQ", self._sent), frame[4:-16], b"")
            frame = len(sealed).to_bytes(4, "big") + sealed
        self._transport.write(frame)  # type: ignore[attr-defined]  # uvloop's


def serve_relay(kind: str) -> None:
    """In a process of its own."""
    peers: set[Relay] = set()

    async def run() -> None:
        server = await asyncio.get_running_loop().create_server(
            lambda: Relay(peers, seals=kind == "aead"), "127.0.0.1", 0
        )
        print(server.sockets[0].getsockname()[1], flush=True)
        await asyncio.Event().wait()

    uvloop.run(run())


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Counting:
    """Counts what has arrived, and tells when it is all."""

    def __init__(self, wanted: int) -> None:
        self.left = wanted
        self.over = asyncio.Event()

    def add(self, number: int) -> None:
        self.left -= number
        if self.left <= 0:
            self.over.set()


class Listener(asyncio.Protocol):
    """A relay's client: counts frames; its own come back, and make room for the next."""

    def __init__(self, counting: Counting) -> None:
        self._counting = counting
        self._left = -len(GREETING)
        self.is_greeted = asyncio.Event()

    def data_received(self, data: bytes) -> None:
        self.is_greeted.set()
        whole, self._left = divmod(self._left + len(data), len(FRAME) + 4)
        self._counting.add(whole)


async def load_relay(port: int, members: int, messages: int) -> Counting:
    loop = asyncio.get_running_loop()
    counting = Counting(members * messages)
    transports = []
    for _ in range(members):
        transport, listener = await loop.create_connection(
            lambda: Listener(counting), "127.0.0.1", port
        )
        await listener.is_greeted.wait()  # from now on it gets every frame
        transports.append(transport)
    frame = len(FRAME).to_bytes(4, "big") + FRAME
    total = members * messages
    sent = 0
    while sent < messages:
        in_flight = sent - (total - counting.left) // members
        for _ in range(min(SENDERS * WINDOW - in_flight, messages - sent)):
            transports[sent % SENDERS].write(frame)
            sent += 1
        await asyncio.sleep(0.001)
    await counting.over.wait()
    for transport in transports:
        transport.close()
    return counting


async def load_server(
    invite: str, members: int, messages: int, begun: Callable[[], None]
) -> Counting:
    seams = real_seams()
    decoded = decode_invite(invite)
    counting = Counting(members * messages)

    async def nothing(_: object) -> None:
        return

    def arrived(event: EventBody) -> None:
        if isinstance(event, LogGrew):
            counting.add(len(event.entries))

    accounts = [
        await join(
            decoded, f"m{n}", Secret(b"benchmark"), seams, before_finish=nothing, stretch=IDENTITY
        )
        for n in range(members)
    ]
    connections = []
    for account in accounts:
        connection = await Connection.open(
            decoded.address, decoded.fingerprint, seams, on_event=arrived
        )
        await connection.log_in(account.identity)
        connections.append(connection)
    group = secrets.token_bytes(16)
    await connections[0].call(CreateGroup(group), Done)
    others = tuple(account.device for account in accounts[1:])
    for at in range(0, len(others), 100):
        await connections[0].call(ChangeList(group, 0, ListChange(add=others[at : at + 100])), Done)
    for connection in connections:
        await connection.call(Subscribe(group, 0, chain.first(group)), Subscribed)
    begun()
    counts = iter(range(messages))

    async def send(connection: Connection) -> None:
        waiting: set[asyncio.Task[object]] = set()
        for own, _ in enumerate(counts, start=1):
            post = Post(group, Kind.MESSAGE, secrets.token_bytes(16), own, 0, BODY)
            waiting.add(asyncio.create_task(connection.request(post)))
            if len(waiting) >= WINDOW:
                done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                for one in done:
                    one.result()
        await asyncio.gather(*waiting)

    await asyncio.gather(*(send(connection) for connection in connections[:SENDERS]))
    await counting.over.wait()
    for connection in connections:
        await connection.close()
    seams.threads.close()
    return counting


def measure(kind: str, members: int, messages: int) -> tuple[float, float]:
    """CPU seconds of the server for 1,000 deliveries, and deliveries a second."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, __file__, "--serve", kind]
        if kind == "coterie":
            main = "from coterie.cli.main import main; main()"
            options = ["serve", "--data", folder, "--listen", "127.0.0.1:0"]
            command = [sys.executable, "-c", main, *options]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603
        try:
            assert process.stdout is not None
            os.sched_setaffinity(process.pid, {0})
            before, began = 0.0, 0.0

            def begun() -> None:
                nonlocal before, began
                before, began = cpu_seconds(process.pid), asyncio.get_running_loop().time()

            async def run() -> tuple[float, float]:
                assert process.stdout is not None
                first = process.stdout.readline()
                work: Awaitable[Counting]
                if kind == "coterie":
                    process.stdout.readline()
                    process.stdout.readline()
                    made = subprocess.run(  # noqa: S603, ASYNC221
                        [sys.executable, "-c", "from coterie.cli.main import main; main()",
                         "invite", "--data", folder, "--uses", str(members)],
                        capture_output=True, text=True, check=True,
                    )  # fmt: skip
                    invite = made.stdout.split()[-1]
                    work = load_server(invite, members, messages, begun)
                else:
                    begun()
                    work = load_relay(int(first), members, messages)
                await work
                took = asyncio.get_running_loop().time() - began
                deliveries = members * messages
                return (cpu_seconds(process.pid) - before) / deliveries * 1000, deliveries / took

            return uvloop.run(run())
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(READY_S)


def main() -> None:
    members = int(sys.argv[1]) if len(sys.argv) > 1 else 50
    messages = int(sys.argv[2]) if len(sys.argv) > 2 else 4_000
    os.sched_setaffinity(0, {1})
    kinds = ("raw", "aead", "coterie")
    found: dict[str, list[tuple[float, float]]] = {kind: [] for kind in kinds}
    for _ in range(ROUNDS):
        for kind in kinds:
            found[kind].append(measure(kind, members, messages))
    medians = {kind: statistics.median(cpu for cpu, _ in found[kind]) for kind in kinds}
    print(f"one room of {members}, {messages} messages, {ROUNDS} rounds, medians")
    print(f"{'':8} {'CPU s per 1,000':>16} {'x raw':>7} {'x aead':>7} {'deliveries/s':>13}")
    for kind in kinds:
        rate = statistics.median(rate for _, rate in found[kind])
        cpu = medians[kind]
        print(
            f"{kind:8} {cpu:16.5f} {cpu / medians['raw']:7.2f} {cpu / medians['aead']:7.2f} {rate:13,.0f}"
        )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        serve_relay(sys.argv[2])
    else:
        main()
