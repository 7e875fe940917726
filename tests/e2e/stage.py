"""A server and people, each process of theirs a real one."""

import json
import shutil
import signal
from dataclasses import dataclass, field
from pathlib import Path

from coterie.wire.invite import Address, decode_address
from tests.e2e.programs import DEADLINE_S, Facts, Program, Programs, Ran

PASSWORD = "nine herons over a grey lake"


@dataclass(slots=True)
class Server:
    """``coterie serve`` on a data folder. It keeps its port over restarts."""

    programs: Programs
    data: Path
    words: tuple[str, ...] = ()  # given to each start, before ``serve``
    listen: str = "127.0.0.1:0"
    told: Facts = field(default_factory=dict)
    started: list[Program] = field(default_factory=list)

    @property
    def program(self) -> Program:
        """The one that runs, or ran last."""
        return self.started[-1]

    @property
    def address(self) -> Address:
        return decode_address(self.listen)

    def start(self) -> "Server":
        """Returns when it listens."""
        where = ("--data", str(self.data), "--listen", self.listen, "--json")
        self.started.append(self.programs.start(*self.words, "serve", *where))
        self.told = json.loads(self.program.until_out("listening"))
        self.listen = self.told["listening"]
        return self

    def stop(self) -> Ran:
        """As a person or the system does."""
        self.program.signal(signal.SIGTERM)
        return self.program.ended()

    def examine(self, deadline_s: float = DEADLINE_S) -> Ran:
        """What ``coterie check`` says of its data, whether it runs or not."""
        return self.programs.start("check", "--data", str(self.data)).ended(deadline_s)

    def invite(self, *words: str) -> str:
        """A new one."""
        return self.programs.run("invite", "--data", str(self.data), *words).check().out.strip()


@dataclass(slots=True)
class Person:
    """An account, with the folder of its one device."""

    programs: Programs
    name: str
    profile: Path
    words: tuple[str, ...] = ()  # given to each command

    def start(self, *words: str, with_input: bool = False) -> Program:
        """``coterie words…`` on this profile."""
        return self.programs.start(
            "--profile", str(self.profile), *self.words, *words, with_input=with_input
        )

    def run(self, *words: str, typed: str | None = None) -> Ran:
        """The same, to its end, however it ends."""
        return self.programs.run("--profile", str(self.profile), *self.words, *words, typed=typed)

    def does(self, *words: str, typed: str | None = None) -> Ran:
        """The same, which goes well."""
        return self.run(*words, typed=typed).check()

    def chat(self, room: str) -> Program:
        """An open chat, once the room is in view."""
        chat = self.start("chat", room, "--plain", "--json", with_input=True)
        chat.until_out('"kind": ')
        return chat

    def reads(self, room: str) -> list[str]:
        """All texts of a room, after catching up."""
        return self.does("read", room, "--last", "100000", "--json").texts


@dataclass(slots=True)
class Stage:
    """All of it, in a folder."""

    programs: Programs
    folder: Path
    words: tuple[str, ...] = ()  # given to every command
    people: dict[str, Person] = field(default_factory=dict)
    server_data: Path | None = None  # where it is not in the folder
    listen: str = "127.0.0.1:0"
    _server: Server | None = None

    @property
    def has_server(self) -> bool:
        """Whether one was ever started."""
        return self._server is not None

    @property
    def server(self) -> Server:
        """The one there is, started when it is first asked for."""
        return self._server or self.start_server()

    def start_server(self) -> Server:
        """Before it is asked for."""
        data = self.server_data or self.folder / "server"
        self._server = Server(self.programs, data, self.words, self.listen).start()
        return self._server

    def take_over(self, other: "Stage") -> None:
        """Everything of a stage whose processes have ended, copied: the accounts need not join again."""
        self.listen = other.server.listen
        shutil.copytree(
            other.server.data, self.server_data or self.folder / "server", dirs_exist_ok=True
        )
        for name, person in other.people.items():
            self.people[name] = self.person(name)
            shutil.copytree(person.profile, self.people[name].profile)

    def person(self, name: str) -> Person:
        """Somebody without an account."""
        return Person(self.programs, name, self.folder / name, self.words)

    def begin_to_join(self, name: str, invite: str, *words: str) -> Program:
        """``coterie join`` under way."""
        secret = self.folder / "password"
        secret.write_text(PASSWORD)
        given = ("--password-file", str(secret), "--custody", "file", *words)
        return self.person(name).start("join", invite, name, *given)

    def join(self, *names: str) -> list[Person]:
        """People with an account each, who joined at the same time."""
        invite = self.server.invite("--uses", str(len(names)))
        joining = [self.begin_to_join(name, invite) for name in names]
        for program in joining:
            program.ended().check()
        self.people |= {name: self.person(name) for name in names}
        return [self.people[name] for name in names]
