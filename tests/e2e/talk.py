"""A whole conversation, told by ``--debug`` on all sides, and all that it leaves behind."""

import asyncio
import secrets
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from coterie.client import account as accounts
from coterie.client.enrolment import password_login
from coterie.client.profile import Profile
from coterie.client.room_policy import ROOM_POLICY
from coterie.client.running import open_store
from coterie.client.transport import real_seams
from coterie.mls import KeyPackageBundle
from coterie.mls.storage import rows
from coterie.passwords import encode_password
from coterie.secret import Secret
from coterie.server.keys import Keys
from coterie.wire.invite import decode_invite
from tests.e2e import searching
from tests.e2e.programs import Program, Programs, Ran
from tests.e2e.stage import Person, Server

LETTERS = "abcdefghijkmnpqrstuvwxyz"


def mark() -> str:
    """A word that nobody has written before: 64 bits and more."""
    return "".join(secrets.choice(LETTERS) for _ in range(15))


@dataclass
class Evidence:
    """All that a conversation has left behind."""

    said: dict[str, bytes] = field(default_factory=dict)  # texts and names of rooms
    typed: dict[str, bytes] = field(default_factory=dict)  # passwords and passphrases
    names: dict[str, bytes] = field(default_factory=dict)  # of accounts: the server knows them
    keys: dict[str, bytes] = field(default_factory=dict)  # of accounts, devices, databases, MLS
    server_keys: dict[str, bytes] = field(default_factory=dict)
    ended: list[tuple[str, Ran]] = field(default_factory=list)  # each process, by whose it was
    server_files: list[tuple[str, bytes]] = field(default_factory=list)
    profile_files: list[tuple[str, bytes]] = field(default_factory=list)
    arguments: set[bytes] = field(default_factory=set)
    printed: list[tuple[str, str]] = field(default_factory=list)  # reprs

    @property
    def everything(self) -> dict[str, bytes]:
        return self.said | self.typed | self.names | self.keys | self.server_keys

    @property
    def logs(self) -> list[tuple[str, bytes]]:
        """What each process wrote to stderr."""
        return [(f"{who}: {' '.join(ran.words)}", ran.err.encode()) for who, ran in self.ended]

    @property
    def stories(self) -> list[tuple[str, list[dict[str, Any]]]]:
        """The debug log of each process, by whose it was."""
        return [(who, _story(ran)) for who, ran in self.ended]

    def story(self, who: str, *words: str) -> list[dict[str, Any]]:
        """That of the first process of somebody's with these words."""
        return next(
            _story(ran) for name, ran in self.ended if name == who and set(words) <= set(ran.words)
        )


def _story(ran: Ran) -> list[dict[str, Any]]:
    return [msgspec.json.decode(line) for line in ran.err.splitlines() if line.startswith("{")]


class Watcher:
    """Samples the arguments of all processes of this machine, as any of its users can."""

    def __init__(self, seen: set[bytes]) -> None:
        self._seen = seen
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *exc_info: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(0.02):
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    self._seen.add(path.read_bytes())
                except OSError:  # it has ended
                    continue


class Talk:
    """The conversation, and who leads it."""

    def __init__(self, programs: Programs, folder: Path) -> None:
        self.programs, self.folder = programs, folder
        self.evidence = Evidence()
        self.server = Server(programs, folder / "server", words=("--debug",)).start()

    def text(self, what: str) -> str:
        """Something to say."""
        self.evidence.said[what] = mark().encode()
        return self.evidence.said[what].decode()

    def file(self, what: str) -> str:
        """The path of a file with something that must not be shown."""
        self.evidence.typed[what] = mark().encode()
        path = self.folder / what.replace(" ", "-")
        path.write_bytes(self.evidence.typed[what] + b"\n")
        return str(path)

    def join(self, who: str, *custody: str) -> Person:
        name = mark()
        self.evidence.names[f"{who}'s name"] = name.encode()
        person = Person(self.programs, name, self.folder / who, ("--debug",))
        given = ("--password-file", self.file(f"{who}'s password"), *custody)
        self.run(who, person, "join", self.server.invite(), name, *given).check()
        return person

    def run(self, who: str, person: Person, *words: str, typed: str | None = None) -> Ran:
        ran = person.run(*words, typed=typed)
        self.evidence.ended.append((who, ran))
        return ran

    def end(self, who: str, program: Program) -> None:
        program.type("/quit")
        self.evidence.ended.append((who, program.ended().check()))

    def hold(self) -> None:
        """All of it."""
        alice = self.join("alice", "--custody", "file")
        bobb = self.join(
            "bobb", "--custody", "passphrase", "--passphrase-file", self.file("bobb's passphrase")
        )
        bobb.words += ("--passphrase-file", str(self.folder / "bobb's-passphrase"))
        chat = alice.start("chat", "--plain", "--json", with_input=True)
        chat.type(f"/create {self.text('name of the room')} {bobb.name}")
        room = msgspec.json.decode(chat.until_out('"created"'))["room_id"]
        chat.until_out('"added"')
        chat.type(self.text("typed by alice"), f"/verify {bobb.name}", "/status")
        chat.until_text(self.evidence.said["typed by alice"].decode())
        self.run("bobb", bobb, "send", room, typed=self.text("sent by bobb")).check()
        chat.until_text(self.evidence.said["sent by bobb"].decode())
        self.server.program.kill()  # its write-ahead log stays
        self.evidence.ended.append(("server", self.server.program.ended()))
        self.evidence.server_files += searching.files(self.server.data, "secrets")
        self.end("alice", chat)
        kept = self.run("bobb", bobb, "send", room, typed=self.text("kept by bobb"))
        assert kept.status == 1, kept
        self.server.start()
        self.run("alice", alice, "send", room, typed=self.text("sent by alice")).check()
        self.run("bobb", bobb, "status").check()
        self.run("alice", alice, "read", room, "--last", "10", "--json").check()
        self.fail(alice, bobb)
        for who, person in (("alice", alice), ("bobb", bobb)):
            self.evidence.keys |= self.keys_of(who, person)
        self.evidence.server_files += searching.files(self.server.data, "secrets")
        self.evidence.ended.append(("server", self.server.stop().check()))
        self.evidence.server_files += searching.files(self.server.data, "secrets")
        self.evidence.profile_files += searching.files(alice.profile, "key")
        self.evidence.profile_files += searching.files(bobb.profile)
        keys = Keys.open(self.server.data)
        self.evidence.server_keys = secrets_in(keys, "server")
        self.evidence.printed += [("the server's keys", repr(keys))]

    def fail(self, alice: Person, bobb: Person) -> None:
        """Errors, each with its stack trace, since ``--debug`` is given."""
        weak = self.folder / "weak"
        self.evidence.typed["a weak password"] = mark()[:8].encode()
        weak.write_bytes(self.evidence.typed["a weak password"])
        invite, place = self.server.told["invite"], ("--profile", str(self.folder / "carol"))
        wrong = ("--passphrase-file", self.file("a wrong passphrase"))
        for person, words, typed in (
            (alice, (*place, "join", invite, "carol", "--password-file", str(weak)), None),
            (bobb, (*wrong, "status"), None),
            (alice, ("send", "nowhere", "-"), self.text("sent nowhere")),
        ):
            ended = self.run(person.profile.name, person, *words, typed=typed)
            assert ended.status == 1, ended
            assert "Traceback" in ended.err, "which has source lines and no values"

    def keys_of(self, who: str, person: Person) -> dict[str, bytes]:
        """What the profile holds, read by the client's own code; and the account key, which the password gives."""
        invite = decode_invite(self.server.told["invite"])

        def typed(what: str) -> Secret:
            return encode_password(self.evidence.typed[what].decode())

        seams = real_seams()
        password = typed(f"{who}'s password")
        unlocked = asyncio.run(
            password_login(invite.address, invite.fingerprint, person.name, password, seams)
        )
        seams.threads.close()
        profile = Profile.open(person.profile, lambda: typed(f"{who}'s passphrase"))
        store = open_store(profile)
        found = accounts.load(store)
        assert found is not None
        logs = [log for _, log in store.load_logs(ROOM_POLICY)]
        assert len(logs) == 1
        stored = store._db.execute("SELECT bundle FROM key_package")
        bundles = [KeyPackageBundle.load(Secret(encoded)) for (encoded,) in stored]
        assert len(bundles) >= 50
        self.evidence.printed += [
            (f"{who}'s {type(thing).__name__}", repr(thing))
            for thing in (unlocked, profile, store, *found, *logs, *bundles, invite)
        ]
        for log in logs:
            assert sum(len(row) for row in rows(log.group).values()) > 1000
        store.close()
        profile.close()
        return secrets_in((unlocked, profile.database_key, found[0], logs, bundles), who)


def secrets_in(thing: object, name: str) -> dict[str, bytes]:
    """Each ``Secret`` that can be reached, by the way to it."""
    found: dict[str, bytes] = {}

    def walk(value: object, way: str) -> None:
        match value:
            case Secret():
                if len(value) >= 16 and len(set(value.expose())) > 8:  # all zero is no key
                    found[way] = value.expose()
            case Mapping():
                for key, one in value.items():
                    walk(one, f"{way}[{key}]")
            case list() | tuple():
                for number, one in enumerate(value):
                    walk(one, f"{way}[{number}]")
            case msgspec.Struct():
                for one in value.__struct_fields__:
                    walk(getattr(value, one), f"{way}.{one}")
            case _ if type(value).__module__.startswith("coterie."):
                held: Iterable[str] = getattr(value, "__slots__", None) or vars(value)
                for one in held:
                    walk(getattr(value, one), f"{way}.{one}")
            case _:
                pass

    walk(thing, name)
    return found
