"""The same attacks against the naive chat, where they are to succeed: what each would do to who builds it so."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from coterie.attacks import naive
from coterie.attacks.result import Result, Target
from coterie.demo.bell import PATIENCE_S, Bell, NotSeen
from coterie.demo.relay import Arrival, Relay, Tamper, Way
from coterie.demo.search import find

PASSWORD = "walnut harbour sixty lantern"  # noqa: S105  # of an account that lives for seconds
PAY = "pay bobb 100, but only after I have called you"
ALSO = "thank you"
NO_TAG = "a cipher without a tag: whatever arrives decrypts to something"
NO_COUNTER = "no counter in the records: each is good at any time, any number of times"
NO_PIN = "a key exchange with whoever answers: nothing says whose public value it is"
SERVERS_KEY = (
    "one key for all messages, and the server has it: its operator reads and writes them all"
)


@dataclass(slots=True)
class Plain:
    """The naive server, and alice's line to it through the attacker's relay."""

    folder: Path
    server: naive.NaiveServer
    relay: Relay
    bell: Bell

    async def says(self, *texts: str, arriving: int) -> list[str]:
        """alice says them in a connection; what everybody is shown once ``arriving`` of them are there."""
        line = await naive.log_in(self.relay.address, "alice", PASSWORD)
        for text in texts:
            line.send(text.encode())
        await _hears(self.server, arriving)
        line.close()
        return [text for _, text in self.server.messages()]


@asynccontextmanager
async def open_plain(folder: Path) -> AsyncIterator[Plain]:
    """Nothing of it outlives the block but its folder."""
    bell, server = Bell(), naive.NaiveServer(folder)
    async with server.listening() as address:
        relay = Relay("attacker", address, bell)
        await relay.start()
        try:
            yield Plain(folder, server, relay, bell)
        finally:
            await relay.close()


# --- on the network ------------------------------------------------------------------------------


async def flip(folder: Path) -> Result:
    """A digit becomes another one."""

    def raise_price(record: bytes) -> Arrival:
        at = naive.LENGTH_SIZE + naive.NONCE_SIZE + PAY.index("100")
        changed = bytearray(record)
        changed[at] ^= ord("1") ^ ord("9")
        return Arrival(bytes(changed))

    shown = await _tampered(folder, [raise_price], [PAY], arriving=1)
    result = _result("flip", "changed one bit of a record on its way to the server", NO_TAG)
    return _shown(result, shown, [PAY.replace("100", "900")])


async def truncate(folder: Path) -> Result:
    """The condition is missing."""

    def shorten(record: bytes) -> Arrival:
        size = naive.NONCE_SIZE + len("pay bobb 100")
        return Arrival(size.to_bytes(naive.LENGTH_SIZE, "big") + record[naive.LENGTH_SIZE :][:size])

    shown = await _tampered(folder, [shorten], [PAY], arriving=1)
    result = _result("truncate", "cut a record short, and fitted its length", NO_TAG)
    return _shown(result, shown, ["pay bobb 100"])


async def reorder(folder: Path) -> Result:
    """The answer comes before the question."""
    held: list[bytes] = []

    def hold(record: bytes) -> Arrival:
        held.append(record)
        return Arrival(b"")

    tampers: list[Tamper] = [hold, lambda record: Arrival(record + held.pop())]
    shown = await _tampered(folder, tampers, [PAY, ALSO], arriving=2)
    result = _result("reorder", "held a record back until the next one had passed", NO_COUNTER)
    return _shown(result, shown, [ALSO, PAY])


async def replay(folder: Path) -> Result:
    """Paid twice."""
    shown = await _tampered(folder, [lambda record: Arrival(record * 2)], [PAY], arriving=2)
    result = _result("replay", "sent a record a second time", NO_COUNTER)
    return _shown(result, shown, [PAY, PAY])


async def impostor(folder: Path) -> Result:
    """alice logs in to him."""
    result = _result("impostor", "led alice's next connection to a server of his own", NO_PIN)
    other = naive.NaiveServer(folder / "impostor")
    async with open_plain(folder / "server") as plain, other.listening() as address:
        plain.relay.target = address
        line = await naive.log_in(plain.relay.address, "alice", PASSWORD)
        line.send(PAY.encode())
        await _hears(other, 1)
        line.close()
    password = json.loads(other.path.read_text())["passwords"].get("alice")
    result.check(password == PASSWORD, "he did not get the password")
    result.check(other.messages() == [("alice", PAY)], "he did not get the message")
    result.got(f"alice's password: {password!r}", f"her message: {PAY!r}")
    return result


async def man_in_the_middle(folder: Path) -> Result:
    """He is an impostor to alice, and alice to the server."""
    result = _result(
        "mitm", "agreed on a key with alice, and on another one with the server", NO_PIN
    )
    man = naive.NaiveServer(folder / "man")
    async with open_plain(folder / "server") as plain, man.listening() as address:
        victim = await naive.log_in(address, "alice", PASSWORD)
        victim.send(PAY.encode())
        await _hears(man, 1)
        victim.close()
        stolen = json.loads(man.path.read_text())["passwords"]["alice"]
        onward = await naive.log_in(plain.relay.address, "alice", stolen)
        onward.send(man.messages()[0][1].replace("100", "900").encode())
        await _hears(plain.server, 1)
        onward.close()
        shown = plain.server.messages()
    result.check(shown == [("alice", PAY.replace("100", "900"))], f"everybody is shown {shown}")
    result.got(f"alice's password: {stolen!r}", f"alice says, to all others: {shown[0][1]!r}")
    return result


async def sniff(folder: Path) -> Result:
    """It is on the wire, and on the disk."""
    result = _result(
        "sniff",
        "recorded alice's login, and then stole the server's disk",
        "a password that is sent, and kept, as it is",
    )
    async with open_plain(folder) as plain:
        await plain.says(PAY, arriving=1)
        wire, disk = plain.relay.newest.stream(Way.UP), plain.server.path.read_bytes()
    for place, data in (("on the wire", wire), ("on the server's disk", disk)):
        hits = find({"the password": PASSWORD}, [(place, data)])
        result.check(bool(hits), f"the password is not {place}")
        result.got(*(f"the password, {hit.form}, {place}" for hit in hits))
    return result


# --- on the server -------------------------------------------------------------------------------


async def guess(folder: Path) -> Result:
    """There is nothing to guess."""
    result = _result(
        "guess", "stole the server's database", "passwords in plaintext: there is nothing to guess"
    )
    async with open_plain(folder) as plain:
        await plain.says(PAY, arriving=1)
    stolen = json.loads(plain.server.path.read_text())["passwords"]
    result.check(stolen == {"alice": PASSWORD}, f"the database has {stolen}")
    result.got(f"all passwords, at no cost: {', '.join(stolen.values())}")
    return result


async def alter(folder: Path) -> Result:
    """The operator writes history anew."""
    shown = await _kept(folder, lambda messages: [(messages[0][0], PAY.replace("100", "900"))])
    result = _result("alter", "changed a message in the database", SERVERS_KEY)
    return _shown(result, shown, [PAY.replace("100", "900")])


async def withhold(folder: Path) -> Result:
    """The operator takes out what he does not like."""
    shown = await _kept(folder, lambda messages: messages[1:])
    result = _result(
        "withhold", "took a message out of the database", "nothing counts the messages"
    )
    return _shown(result, shown, [ALSO])


async def fork(folder: Path) -> Result:
    """Two people are shown two logs."""
    one = await _kept(folder / "one", lambda messages: messages[:1])
    other = await _kept(folder / "other", lambda messages: messages[1:])
    result = _result(
        "fork", "showed one person one message, and the other another", "nobody compares logs"
    )
    result.check(one != other, "both are shown the same")
    result.got(f"one reads {one}, the other {other}, and nothing warns them")
    return result


async def add_device(folder: Path) -> Result:
    """The operator needs none."""
    async with open_plain(folder) as plain:
        await plain.says(PAY, arriving=1)
    data = json.loads(plain.server.path.read_text())
    _, sealed = data["messages"][0]
    read = naive.decrypt(bytes.fromhex(data["key"]), bytes.fromhex(sealed)).decode()
    result = _result("add-device", "read along with the server's own key", SERVERS_KEY)
    result.check(read == PAY, f"he reads {read!r}")
    result.got(f"all that is said: {read!r}")
    return result


# --- what they have in common --------------------------------------------------------------------


async def _tampered(
    folder: Path, tampers: Sequence[Tamper], texts: Sequence[str], *, arriving: int
) -> list[str]:
    """What everybody is shown of ``texts``, whose records were tampered with behind the login and the key exchange."""
    async with open_plain(folder) as plain:
        untouched: Sequence[Tamper] = (Arrival, Arrival)
        plain.relay.tamper(Way.UP, *untouched, *tampers)
        return await plain.says(*texts, arriving=arriving)


async def _hears(server: naive.NaiveServer, count: int) -> None:
    """Waits until it has so many messages. Raises NotSeen."""
    try:
        async with asyncio.timeout(PATIENCE_S), server.heard:
            await server.heard.wait_for(lambda: len(server.messages()) >= count)
    except TimeoutError:
        raise NotSeen(f"message {count}: not heard within {PATIENCE_S:g} s") from None


Messages = list[tuple[str, str]]


async def _kept(folder: Path, lie: Callable[[Messages], Messages]) -> list[str]:
    """What everybody is shown after the operator's ``lie`` about two messages of alice's."""
    async with open_plain(folder) as plain:
        await plain.says(PAY, ALSO, arriving=2)
        path = plain.server.path
        data, told = json.loads(path.read_text()), lie(plain.server.messages())
    key = bytes.fromhex(data["key"])
    data["messages"] = [(who, naive.encrypt(key, text.encode()).hex()) for who, text in told]
    path.write_text(json.dumps(data))
    return [text for _, text in naive.NaiveServer(folder).messages()]


def _result(name: str, did: str, mechanism: str) -> Result:
    result = Result(name, Target.PLAIN, mechanism=mechanism)
    result.did(did)
    return result


def _shown(result: Result, shown: list[str], wanted: list[str]) -> Result:
    result.check(shown == wanted, f"everybody is shown {shown}, not {wanted}")
    result.got(f"everybody is shown {', '.join(map(repr, shown))}, and nothing warns them")
    return result
