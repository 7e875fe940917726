"""People with whole clients, MLS and all, who talk in one room through the whole run; each is a process, and mortal."""

import asyncio
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from tests.e2e.programs import MORTAL, Facts, environment
from tests.e2e.stage import Person
from tests.soak.ledger import BrokenPromise

CALM = {"created", "joined", "added"}  # what the system has to say where nobody lies
EVERY_S = 1.0  # that each says something


class Conversation:
    """What all of them have read so far: one order for everybody."""

    def __init__(self) -> None:
        self.acknowledged: set[str] = set()
        self._by_seq: dict[int, tuple[str, str]] = {}
        self._seq_of: dict[str, int] = {}

    def was_read(self, who: str, seq: int, message_id: str, text: str) -> None:
        """The same stands there for all, once."""
        stands = self._by_seq.setdefault(seq, (message_id, text))
        if stands != (message_id, text):
            raise BrokenPromise(
                f"{who} reads {text!r} at {seq}, where another has read {stands[1]!r}"
            )
        if self._seq_of.setdefault(text, seq) != seq:
            raise BrokenPromise(f"{who} reads {text!r} at {seq} and at {self._seq_of[text]}")

    def check_whole(self, who: str, read: list[Facts]) -> None:
        """All that somebody has, at the end: in order, nothing twice, everything acknowledged among it."""
        texts = [m for m in read if m["kind"] == "text"]
        seqs = [m["seq"] for m in texts]
        if seqs != sorted(set(seqs)):
            raise BrokenPromise(f"{who} has read out of order")
        for message in texts:
            self.was_read(who, message["seq"], message["message_id"], message["text"])
        missing = self.acknowledged - {m["text"] for m in texts}
        if missing:
            raise BrokenPromise(f"{who} lacks {len(missing)} acknowledged: {sorted(missing)[:3]}")
        alarms = {m["event"] for m in read if m["kind"] == "line"} - CALM
        if alarms:
            raise BrokenPromise(f"{who} was alarmed: {', '.join(sorted(alarms))}")
        self._check_authors(texts)

    def _check_authors(self, texts: list[Facts]) -> None:
        last: dict[str, int] = {}
        for message in texts:
            name, _, number = message["text"].partition(" says ")
            if int(number) <= last.get(name, -1):
                raise BrokenPromise(f"{message['text']!r} comes after {last[name]}")
            last[name] = int(number)


@dataclass
class Talker:
    """One person, through all his processes."""

    person: Person
    room: str
    conversation: Conversation
    on_broken: Callable[[BrokenPromise], None]
    number: int = 0  # of the last text that was begun
    is_leaving: bool = False
    _process: asyncio.subprocess.Process | None = None
    _errors: list[str] = field(default_factory=list)

    async def run(self) -> None:
        """Starts it again whenever it was killed."""
        while not self.is_leaving:
            try:
                await self._live()
            except BrokenPromise as broken:
                self.on_broken(broken)
                return

    async def _live(self) -> None:
        pipe = asyncio.subprocess.PIPE
        command = [*MORTAL, sys.executable, "-m", "tests.soak.member"]
        self._process = process = await asyncio.create_subprocess_exec(
            *command, str(self.person.profile), self.room, str(self.number + 1), str(EVERY_S),
            stdin=pipe, stdout=pipe, stderr=pipe, env=environment(), start_new_session=True,
        )  # fmt: skip
        assert process.stdout is not None
        assert process.stderr is not None
        said = asyncio.create_task(process.stderr.read())
        async for line in process.stdout:
            self._take(json.loads(line))
        status = await process.wait()
        error = (await said).decode()
        if status not in (0, -9):
            raise BrokenPromise(f"{self.person.name} ended with {status}: {error[-2000:]}")

    def _take(self, told: Facts) -> None:
        match told:
            case {"saying": number}:
                self.number = number
            case {"said": text}:
                self.conversation.acknowledged.add(text)
            case {"seq": seq, "id": message_id, "text": text}:
                self.conversation.was_read(self.person.name, seq, message_id, text)
            case {"line": event} if event not in CALM:
                raise BrokenPromise(f"{self.person.name} was alarmed: {event}")

    def kill(self) -> bool:
        """``kill -9``. False where it is dead already."""
        if self._process is None or self._process.returncode is not None:
            return False
        self._process.kill()
        return True

    def leave(self) -> None:
        """Ends in order."""
        self.is_leaving = True
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()


def somebody(talkers: list[Talker], chance: Random) -> Talker:
    """Any of them."""
    return chance.choice(talkers)
