"""A server whose operator lies about a room, against Coterie: he does it in a copy of his data, and bobb is led there.

alice and bobb have talked; then bobb is away, and alice writes twice more.
"""

import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from coterie import Client
from coterie.attacks.pair import Pair, open_pair, serving
from coterie.attacks.result import Result, Target
from coterie.client import joining
from coterie.client.connection import Connection
from coterie.client.custody import Custody
from coterie.client.happening import Event
from coterie.client.socket_path import NAME as SOCKET
from coterie.demo import database, proofs
from coterie.demo.proofs import Forgery, Shown
from coterie.demo.search import find
from coterie.errors import CoterieError
from coterie.identity import AccountKey
from coterie.passwords import encode_password
from coterie.wire.frames import Account, Entries, Fetch, FetchAccount
from coterie.wire.signed import DeviceList, ListedDevice, open_device_list, sign_device_list

ROOM = "heron"
PASSWORD = "walnut harbour sixty lantern"  # noqa: S105  # of accounts that live for seconds
TEXTS = ("The gate is left open.", "Bring a torch.")  # alice's, while bobb is away
WARNINGS = (Event.FORK, Event.LIE)
LAST = 1000  # more messages than there are
CHAIN = (
    "the running hash of the log in each message, signed by its sender: who opens the next one sees that its "
    "author had read another log"
)


@dataclass(slots=True)
class Scene:
    """All of it, with bobb away."""

    pair: Pair
    folder: Path
    seqs: list[int]  # of ``TEXTS``

    @property
    def bobb(self) -> Path:
        """His profile."""
        return self.folder / "bobb"

    def copies(self, name: str) -> tuple[Path, Path]:
        """A copy of the server, and one of bobb's profile, to be lied to."""
        server, bobb = self.folder / name / "server", self.folder / name / "bobb"
        database.copy_server(self.pair.server.folder, server)
        shutil.copytree(self.bobb, bobb, ignore=shutil.ignore_patterns(SOCKET))
        return server, bobb

    @asynccontextmanager
    async def lied_to(self, server: Path, bobb: Path) -> AsyncIterator[Client]:
        """bobb, come back to that copy of the server."""
        async with serving(server) as liar:
            self.pair.relay.target = liar.address
            async with Client.open(bobb) as client:
                yield client

    async def read(self, name: str, lie: Callable[[Path], object]) -> tuple[Shown, ...]:
        """What bobb is shown of the room when he comes back, after ``lie`` was done to the copy of the server."""
        server, bobb = self.copies(name)
        lie(server)
        async with self.lied_to(server, bobb) as client:
            return await shown_to(client)


@asynccontextmanager
async def open_scene(folder: Path) -> AsyncIterator[Scene]:
    """Nothing of it outlives the block but its folders."""
    async with open_pair(folder / "server") as pair:
        for name in ("alice", "bobb"):
            invite = pair.server.invite(pair.relay.address)
            password = encode_password(PASSWORD)
            await joining.join(folder / name, invite, name, password, custody=Custody.FILE)
        async with Client.open(folder / "alice") as alice:
            await alice.create_room(ROOM, "bobb")
            async with Client.open(folder / "bobb") as bobb:
                await alice.rooms[ROOM].send("Are you there?")
                await shown_to(bobb)
                await bobb.rooms[ROOM].send("I am.")
            await shown_to(alice)
            seqs = [(await alice.rooms[ROOM].send(text)).seq for text in TEXTS]
        yield Scene(pair, folder, seqs)


async def shown_to(client: Client) -> tuple[Shown, ...]:
    """The room's timeline, once all that the server has is read."""
    messages = client.rooms[ROOM].messages(last=LAST)
    return tuple([Shown(m.seq, m.kind, m.event, m.text) async for m in messages])


async def alter(folder: Path) -> Result:
    """One entry has another content."""
    result = Result("alter", Target.COTERIE)
    result.mechanism = (
        f"MLS, where nothing opens that was not made with the group's keys; and {CHAIN}"
    )
    async with open_scene(folder) as scene:
        shown = await scene.read("altered", lambda server: database.alter(server, scene.seqs[0]))
    result.did(f"changed entry {scene.seqs[0]} in the database, and fitted all hashes of his to it")
    proof = proofs.alteration_refused(Forgery(scene.seqs[0], TEXTS[0], TEXTS[1:], shown))
    result.check(proof.holds, proof.fact)
    result.got(f"found out by bobb's client: {proof.fact}")
    return result


async def withhold(folder: Path) -> Result:
    """One entry is taken out; then all that is new."""
    result = Result("withhold", Target.COTERIE)
    result.mechanism = f"{CHAIN}. Silence proves nothing: that a server delivers cannot be forced"
    async with open_scene(folder) as scene:
        first, second = scene.seqs
        shown = await scene.read("withheld", lambda server: database.take_out(server, first))
        silent = await scene.read("silent", lambda server: _take_out_both(server, first))
    result.did(f"took entry {first} out of the log, and moved the one behind it up")
    texts = [line.text for line in shown]
    result.check(TEXTS[0] not in texts, "the entry was not withheld")
    result.check(TEXTS[1] in texts, "the entry behind it was not shown")
    alarm = warning_in(shown)
    result.check(bool(alarm), "bobb is not told that something is missing")
    result.got(f'noticed at the next message, and put down to alice\'s device: "{alarm}"')
    result.did(f"kept back entries {first} and {second}, all that bobb has not read")
    result.check(not set(TEXTS) & {line.text for line in silent}, "they were not kept back")
    result.got("that bobb hears nothing new, for as long as nothing at all comes to him")
    return result


async def fork(folder: Path) -> Result:
    """Two people are shown two logs, until a message crosses."""
    result = Result("fork", Target.COTERIE)
    result.mechanism = (
        f"{CHAIN}. Two halves that never meet are found by comparing `coterie status`"
    )
    async with open_scene(folder) as scene:
        server, bobb = scene.copies("forked")
        _take_out_both(server, scene.seqs[0])
        async with scene.lied_to(server, bobb) as client:
            apart = await shown_to(client)
            await client.rooms[ROOM].send("Nobody there?")
        result.did("showed bobb a log without alice's messages, in which he then wrote")
        result.got("two people apart, for as long as nothing crosses")
        result.check(not warning_in(apart), "bobb is warned too early: the check proves nothing")
        database.append_from(server, scene.pair.server.folder, scene.seqs[1])
        async with scene.lied_to(server, bobb) as client:
            shown = await shown_to(client)
            refusal = await _error(client.rooms[ROOM].send("And now?"))
    result.did("let one of alice's messages cross from her log into his")
    alarm = warning_in(shown)
    result.check(bool(alarm), "the message that crossed did not betray the fork")
    result.check(refusal is not None, "bobb's client still sends in a forked room")
    result.got(f'"{alarm}"; bobb\'s next message is not sent: "{refusal}"')
    return result


async def add_device(folder: Path) -> Result:
    """A device of the operator's own: on the room's delivery list, and on alice's list of devices."""
    result = Result("add-device", Target.COTERIE)
    result.mechanism = (
        "MLS, where the members commit who is in a group, and not the server; and by the pinned account key, which "
        "signs the list of an account's devices"
    )
    async with open_scene(folder) as scene:
        server, bobb = scene.copies("listed")
        scene.pair.relay.target = scene.pair.server.address
        async with serving(server) as liar:
            scene.pair.relay.target = liar.address
            pair = replace(scene.pair, server=liar)
            mallory = await pair.join("mallory", PASSWORD)
            database.list_device(server, "mallory", mallory.device)
            connection = await pair.log_in(mallory)
            async with Client.open(bobb) as client:
                await _read_along(result, client, connection, database.group_of(server))
                await _pose_as_alices(result, client, connection, server, mallory.device)
    return result


async def _read_along(result: Result, client: Client, connection: Connection, group: bytes) -> None:
    await client.rooms[ROOM].send(said := "Only for you, alice.")
    members = [member.name for member in await client.rooms[ROOM].members()]
    entries = (await connection.call(Fetch(group, 0), Entries)).entries
    bodies = [(f"entry {entry.seq}", entry.body) for entry in entries]
    result.did("put a device of his own on the room's delivery list, and fetched the log")
    result.check(len(bodies) > len(TEXTS), f"he got {len(bodies)} entries: the attack did not work")
    hits = find({text: text for text in (*TEXTS, said, ROOM)}, bodies)
    result.check(not hits, f"he reads: {[hit.what for hit in hits]}")
    result.check(members == ["alice", "bobb"], f"bobb's client takes {members} for the members")
    result.got(
        f"{len(bodies)} entries of ciphertext, which he had anyway; in the room are {' and '.join(members)}"
    )


async def _pose_as_alices(
    result: Result, client: Client, connection: Connection, server: Path, device: bytes
) -> None:
    """Signed by a key of his own, which the list names; then naming alice's key, which he lacks."""
    own = AccountKey.generate()
    account = await connection.call(FetchAccount("alice"), Account)
    alices_key = open_device_list(account.device_list).account_key
    listed = (ListedDevice(device=device, device_key=own.public_key),)
    for named, what in ((own.public_key, "a key of his own"), (alices_key, "alice's key")):
        forged = sign_device_list(DeviceList("alice", named, 2, listed), own)
        database.replace_device_list(server, "alice", named, forged)
        refusal = await _error(client.create_room("second", "alice"))
        result.did(f"put it on alice's list of devices instead, under {what}")
        result.check(refusal is not None, f"bobb's client believes a list under {what}")
        result.got(f'bobb\'s client says "{refusal}"')


def _take_out_both(server: Path, first: int) -> None:
    for _ in TEXTS:
        database.take_out(server, first)


def warning_in(shown: tuple[Shown, ...]) -> str:
    """That somebody has read another log, "" where nobody has."""
    return next((line.text for line in shown if line.event in WARNINGS), "")


async def _error(attempt: Awaitable[object]) -> CoterieError | None:
    try:
        await attempt
    except CoterieError as error:
        return error
    return None
