"""Hostile clients, for ``attack.py``: ``hostile.py ATTACK INVITE`` prints ``ready`` and goes on until it is killed."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from secrets import token_hex
from types import MappingProxyType

from tests.server.raw import RawClient

from coterie.client import enrolment
from coterie.client.device import Enrolled
from coterie.client.login import PasswordLogin
from coterie.client.seams import LoopClock, Seams
from coterie.client.transport import TCP
from coterie.opaque.stretch import IDENTITY
from coterie.secret import Secret
from coterie.server.seams import PoolThreads
from coterie.wire import frames as f
from coterie.wire.invite import Invite, decode_invite

FROM = ("127.0.0.2", 0)  # another address than the people's
GROUP = os.urandom(16)
PASSWORD = Secret(b"correct horse battery staple")
REQUESTS = 10_000


class Line:
    """One connection, by hand."""

    def __init__(self, invite: Invite) -> None:
        self._invite = invite
        self.client = RawClient(invite.fingerprint)

    async def connect(self) -> "Line":
        address = self._invite.address
        self.reader, self.writer = await asyncio.open_connection(
            address.host, address.port, local_addr=FROM
        )
        return self

    async def shake_hands(self) -> "Line":
        self.writer.write(self.client.greeting())
        while self.client.channel is None:
            await self.read()
        self.send(f.Hello((1,)))
        return self

    async def log_in(self, who: Enrolled) -> "Line":
        self.send(who.identity.login(self.client.handshake_hash))
        while f.LoggedIn() not in self.client.replies():
            await self.read()
        return self

    async def read(self) -> None:
        data = await self.reader.read(2**16)
        if not data:
            raise ConnectionResetError
        self.client.receive(data)

    async def read_all(self) -> None:
        """Whatever comes, until the end; it is not looked at."""
        while await self.reader.read(2**18):
            pass

    def send(self, *bodies: f.RequestBody) -> None:
        self.writer.write(self.client.seal(b"".join(map(self.client.request, bodies))))

    def close(self) -> None:
        self.writer.transport.abort()


Attack = Callable[[Invite, Enrolled], Awaitable[None]]


async def garbage(invite: Invite, who: Enrolled) -> None:
    """Noise instead of a handshake, again and again."""
    line = await Line(invite).connect()
    line.writer.write(os.urandom(2_000))
    await line.read_all()


async def half_frames(invite: Invite, who: Enrolled) -> None:
    """20 MB are promised, and a byte comes every now and then."""
    line = await (await (await Line(invite).connect()).shake_hands()).log_in(who)
    line.writer.write(line.client.seal((20 * 2**20).to_bytes(4, "big")))
    while True:
        line.writer.write(line.client.seal(bytes(1)))
        await asyncio.sleep(0.01)


async def requests(invite: Invite, who: Enrolled) -> None:
    """Ten thousand are in flight, and then the next ones."""
    line = await (await (await Line(invite).connect()).shake_hands()).log_in(who)
    reading = asyncio.create_task(line.read_all())
    while not reading.done():
        line.send(*(f.FetchGroups() for _ in range(REQUESTS)))
        await line.writer.drain()


async def rekeys(invite: Invite, who: Enrolled) -> None:
    """The smallest records there are, as many as go through."""
    line = await (await (await Line(invite).connect()).shake_hands()).log_in(who)
    channel = line.client.channel
    assert channel is not None
    while True:
        for _ in range(1_000):
            channel.rekey()
        while channel.next_event() is not None:
            pass
        line.writer.write(channel.data_to_send())
        await line.writer.drain()


async def nothing(invite: Invite, who: Enrolled) -> None:
    """Connects, and says nothing."""
    line = await Line(invite).connect()
    await line.read_all()


async def slow_reader(invite: Invite, who: Enrolled) -> None:
    """Asks for megabytes, and reads a byte a second."""
    line = await (await (await Line(invite).connect()).shake_hands()).log_in(who)
    line.send(*(f.Fetch(GROUP, 0) for _ in range(100)))
    while True:
        await line.reader.read(1)
        line.reader._transport.pause_reading()  # type: ignore[attr-defined]  # else asyncio reads ahead
        await asyncio.sleep(1)
        line.reader._transport.resume_reading()  # type: ignore[attr-defined]


async def handshakes(invite: Invite, who: Enrolled) -> None:
    """Makes the server do its key exchange, and goes."""
    line = await Line(invite).connect()
    line.writer.write(line.client.greeting())
    with suppress(ConnectionError):
        await line.reader.read(1)
    line.close()


async def passwords(invite: Invite, who: Enrolled) -> None:
    """Guesses, at a new name each time."""
    line = await (await Line(invite).connect()).shake_hands()
    ke1 = PasswordLogin("anna", PASSWORD, IDENTITY).start().ke1
    reading = asyncio.create_task(line.read_all())
    while not reading.done():
        line.send(f.PasswordLoginStart(token_hex(8), ke1))
        await line.writer.drain()


async def posts(invite: Invite, who: Enrolled) -> None:
    """To a room of its own, as fast as it goes, and never in order after the first refusal."""
    line = await (await (await Line(invite).connect()).shake_hands()).log_in(who)
    reading, count = asyncio.create_task(line.read_all()), 0
    while not reading.done():
        line.send(
            *(
                f.Post(GROUP, f.Kind.MESSAGE, os.urandom(16), count + n, 0, bytes(470))
                for n in range(50)
            )
        )
        count += 50
        await line.writer.drain()


async def lists(invite: Invite, who: Enrolled) -> None:
    """Takes a thousand unknown devices off a list, in each request."""
    line = await (await (await Line(invite).connect()).shake_hands()).log_in(who)
    reading = asyncio.create_task(line.read_all())
    while not reading.done():
        change = f.ListChange(remove=tuple(os.urandom(16) for _ in range(1_000)))
        line.send(f.ChangeList(GROUP, 2**62, change))
        await line.writer.drain()


ATTACKS: MappingProxyType[str, tuple[Attack, int]] = MappingProxyType(
    {  # what one does, and how many of them at once
        "garbage": (garbage, 20),
        "half-frames": (half_frames, 8),
        "requests": (requests, 8),
        "rekeys": (rekeys, 4),
        "nothing": (nothing, 400),
        "slow-reader": (slow_reader, 8),
        "handshakes": (handshakes, 20),
        "passwords": (passwords, 20),
        "posts": (posts, 4),
        "lists": (lists, 4),
    }
)


async def again_and_again(attack: Attack, invite: Invite, who: Enrolled) -> None:
    """Whatever the server does about it."""
    while True:
        try:
            await attack(invite, who)
        except OSError:
            await asyncio.sleep(0.01)


async def main(name: str, invite: Invite) -> None:
    """Joins as somebody new, so that each attack has its quotas before it."""
    threads = PoolThreads(1, "hostile")

    async def save(enrolled: Enrolled) -> None:
        """It lives as long as this program."""

    who = await enrolment.join(
        invite,
        f"mallory-{token_hex(4)}",
        PASSWORD,
        Seams(TCP(), threads, LoopClock()),
        before_finish=save,
        stretch=IDENTITY,
    )
    line = await (await (await Line(invite).connect()).shake_hands()).log_in(who)
    line.send(f.CreateGroup(GROUP))
    if name == "slow-reader":
        line.send(
            *(
                f.Post(GROUP, f.Kind.MESSAGE, os.urandom(16), count, 0, bytes(250_000))
                for count in range(1, 41)
            )
        )
    await asyncio.sleep(0.5)
    line.close()
    attack, number = ATTACKS[name]
    print("ready", flush=True)
    await asyncio.gather(*(again_and_again(attack, invite, who) for _ in range(number)))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], decode_invite(sys.argv[2])))
