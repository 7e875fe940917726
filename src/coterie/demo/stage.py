"""Where a demo takes place: a folder, servers, people with a client each, and a relay on each person's line."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from coterie.demo.bell import Bell, NotSeen
from coterie.demo.programs import Facts, Program, Programs, Ran
from coterie.demo.relay import Recording, Relay
from coterie.wire.invite import Address, Invite, decode_address, decode_invite

PASSWORD = "123"  # noqa: S105  # of alice and bobb, which only a demo allows
MARK_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"
MARK_LENGTH = 12  # 60 bits: it is nowhere by chance


def new_mark() -> str:
    """A text that nobody has written before."""
    return "".join(secrets.choice(MARK_ALPHABET) for _ in range(MARK_LENGTH))


@dataclass(slots=True)
class Server:
    """A running ``coterie serve``."""

    program: Program
    folder: Path
    address: Address
    fingerprint: str
    invite: Invite


@dataclass(slots=True)
class Person:
    """An account, the folder of its device, and its line to the server."""

    name: str
    profile: Path
    relay: Relay
    programs: Programs
    _chat: Program | None = None

    async def run(self, *words: str, typed: str | None = None) -> Ran:
        """``coterie words…`` on this person's profile."""
        return await self.programs.run(
            self.name, "--profile", str(self.profile), *words, typed=typed
        )

    async def join(self, invite: Invite, password: str) -> None:
        """Makes the account; the invite leads to the relay, since nothing in it vouches for an address."""
        address = replace(invite, address=self.relay.address).encode()
        weak = ["--allow-weak-password"] if password == PASSWORD else []
        words = ("join", address, self.name, "--password-file", "-", "--custody", "file", *weak)
        (await self.run(*words, typed=password)).check()

    @property
    def chat(self) -> Program:
        """The open one."""
        if self._chat is None:
            raise NotSeen(f"the chat of {self.name}")
        return self._chat

    async def open_chat(self, room: str) -> None:
        """Begins to chat; returns when the room is in view."""
        words = ("--profile", str(self.profile), "chat", room, "--plain")
        self._chat = await self.programs.start(self.name, *words, with_input=True)
        await self._chat.until_out(f"the room in {self.name}'s chat", kind="line")

    async def sees(self, text: str) -> Facts:
        """The message of that text in the chat."""
        return await self.chat.until_out(f"the message {text!r} in {self.name}'s chat", text=text)


@dataclass(slots=True)
class Stage:
    """All of it."""

    folder: Path
    bell: Bell
    programs: Programs
    mark: str = field(default_factory=new_mark)
    people: dict[str, Person] = field(default_factory=dict)

    async def serve(self, name: str, folder: Path) -> Server:
        """Starts a server, and waits until it listens."""
        words = ("serve", "--data", str(folder), "--listen", "127.0.0.1:0")
        program = await self.programs.start(name, *words)
        told = await program.until_out(f"{name}: listening")
        return Server(
            program,
            folder,
            decode_address(told["listening"]),
            told["fingerprint"],
            decode_invite(told["invite"]),
        )

    async def new_person(self, name: str, server: Server) -> Person:
        """Somebody without an account, with a line to that server."""
        relay = Relay(name, server.address, self.bell)
        await relay.start()
        person = Person(name, self.folder / name, relay, self.programs)
        self.people[name] = person
        return person

    def recordings(self) -> list[tuple[str, Recording]]:
        """All connections, with whose they were."""
        return [(p.name, each) for p in self.people.values() for each in p.relay.recordings]


@asynccontextmanager
async def open_stage(folder: Path) -> AsyncIterator[Stage]:
    """Nothing that was started outlives it."""
    bell = Bell()
    logs = folder / "logs"
    logs.mkdir()
    stage = Stage(folder, bell, Programs(logs, bell))
    try:
        yield stage
    finally:
        try:
            await stage.programs.close()
            for person in stage.people.values():
                await person.relay.close()
        finally:
            stage.programs.kill()
