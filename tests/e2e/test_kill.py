"""``kill -9`` at any moment: what was acknowledged is read once by everybody, in the same order.

First at each commit of a send, of a receive and of a server, one after the other; then at random moments of a
conversation, under a supervisor that starts again what was killed.
"""

import asyncio
import signal
import sys
import time
from collections import Counter
from pathlib import Path
from random import Random

import pytest

from tests.e2e.crowd import crowd_on
from tests.e2e.programs import Program, Ran
from tests.e2e.stage import Person, Stage

KILLED = -signal.SIGKILL
PATIENCE_S = 150.0  # who has lost the server many times in a row asks again after a minute, and a send waits for one
MOST_COMMITS = 20  # of one command; a loop that finds more does not end
CROWD_POSTS_PER_S = 100.0  # beside which people and the tests' machine can still breathe
CALM = {"created", "joined", "added"}  # what the system has to say in a conversation without alarms


def dying(when: str, number: int) -> tuple[str, ...]:
    """Runs ``coterie`` until right before or after that commit."""
    return (sys.executable, "-P", str(Path(__file__).with_name("dying.py")), when, str(number))


def dies(person: Person, when: str, number: int, *words: str) -> Ran:
    profile = ("--profile", str(person.profile))
    return person.programs.run(*profile, *words, command=dying(when, number))


def check_agreement(*people: Person, room: str = "ops") -> list[str]:
    """The texts that everybody has read, each once, in the same order, and without any alarm."""
    read = [p.does("read", room, "--last", "100000", "--json").results for p in people]
    said = [
        [(m["seq"], m["message_id"], m["text"]) for m in r if m["kind"] == "text"] for r in read
    ]
    for lines in said[1:]:
        assert lines == said[0]
    seqs, ids, texts = zip(*said[0], strict=True)
    assert list(seqs) == sorted(set(seqs))
    assert len(set(ids)) == len(ids)
    assert [text for text, times in Counter(texts).items() if times > 1] == []
    assert {m["event"] for r in read for m in r if m["kind"] == "line"} <= CALM
    return list(texts)


# --- at each commit ----------------------------------------------------------------------------


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_client_killed_at_each_commit_of_a_send_loses_and_doubles_nothing(
    shared: Stage, when: str
) -> None:
    alice, bobb = shared.people["alice"], shared.people["bobb"]
    kept = []
    for number in range(1, MOST_COMMITS):
        text = f"killed {when} commit {number}"
        ended = dies(alice, when, number, "send", "ops", text)
        if (when, number) != ("before", 1):  # else it was never said
            kept.append(text)
        if ended.status != KILLED:
            break
    assert ended.check().status == 0
    assert number > 2, "the send has commits to be killed at"
    assert [t for t in check_agreement(alice, bobb) if f"killed {when}" in t] == kept


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_client_killed_at_each_commit_of_a_receive_loses_and_doubles_nothing(
    shared: Stage, when: str
) -> None:
    alice, bobb = shared.people["alice"], shared.people["bobb"]
    chat = alice.chat("ops")
    lines = [f"to be read, {when} {n}" for n in range(8)]
    chat.type(*lines, "/quit")
    chat.ended().check()
    for number in range(1, MOST_COMMITS):
        if dies(bobb, when, number, "read", "ops").status != KILLED:
            break
    assert number > 2, "the read has commits to be killed at"
    assert check_agreement(alice, bobb)[-len(lines) :] == lines


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_server_killed_at_each_commit_loses_and_doubles_nothing(shared: Stage, when: str) -> None:
    """Those of its start, and that of the post, which the client posts again to the next one."""
    alice, bobb, server = shared.people["alice"], shared.people["bobb"], shared.server
    server.stop().check()
    where = ("serve", "--data", str(server.data), "--listen", server.listen)
    for number in range(1, MOST_COMMITS):
        mortal = shared.programs.start(*where, command=dying(when, number))
        if mortal.until(lambda m=mortal: m.out or m.has_ended or None, "its start") is True:  # type: ignore[misc]
            continue
        sending = alice.start("send", "ops", f"server killed {when} {number}")
        break
    assert mortal.ended().status == KILLED
    assert not sending.has_ended, "nobody has acknowledged it"
    server.start()
    sending.ended()  # acknowledged or kept
    alice.does("send", "ops", f"after that, {when}")
    texts = check_agreement(alice, bobb)
    assert texts[-2:] == [f"server killed {when} {number}", f"after that, {when}"]


# --- at random ---------------------------------------------------------------------------------


class Supervisor:
    """A conversation of three: alice and bobb keep a chat open, carol comes and goes."""

    def __init__(self, stage: Stage, seed: int) -> None:
        self.stage = stage
        self.chance = Random(seed)  # noqa: S311  # for a schedule that can be repeated
        self.people = list(stage.people.values())
        self.room = f"storm-{seed}"
        self.people[0].does("room", "new", self.room, "bobb", "carol")
        self.chats = {person.name: person.chat(self.room) for person in self.people[:2]}
        self.acknowledged: list[str] = []
        self.kills = 0

    def run(self, kills: int) -> None:
        """As many rounds as it takes."""
        number = 0
        while self.kills < kills:
            self.round(number)
            number += 1

    def round(self, number: int) -> None:
        """Everybody speaks, and somebody is killed meanwhile."""
        sending = {
            person.name: person.start("send", self.room, f"{person.name} sends {number}")
            for person in self.chance.sample(self.people, 2)
        }
        for name, chat in self.chats.items():
            chat.type(f"{name} types {number}")
        victims = ["server", "alice", "bobb", *sending]
        for victim in self.chance.sample(sorted(set(victims)), self.chance.choice([1, 1, 2])):
            time.sleep(self.chance.uniform(0, 0.5))  # any moment will do
            self._kill(victim, sending)
        for name, program in sending.items():
            if program.ended(PATIENCE_S).status == 0:
                self.acknowledged.append(f"{name} sends {number}")
        for person in self.people[:2]:
            if self.chats[person.name].has_ended:
                self.chats[person.name] = person.chat(self.room)

    def _kill(self, victim: str, sending: dict[str, Program]) -> None:
        """The server, who is started again at once; or who holds that person's profile, most of the time."""
        if victim == "server":
            self.kills += 1
            self.stage.server.program.kill()
            self.stage.server.start()
            return
        programs = [p for p in (self.chats.get(victim), sending.get(victim)) if p is not None]
        program = self.chance.choice(programs)
        if not program.has_ended:
            self.kills += 1
            program.kill()

    def end(self) -> list[str]:
        """Everything that waits goes out; the texts that all have read."""
        for chat in self.chats.values():
            chat.end_input()
            chat.ended(PATIENCE_S)
        deadline = time.monotonic() + PATIENCE_S
        for person in self.people:
            while any(r["waiting"] for r in person.does("room", "list", "--json").results):
                assert time.monotonic() < deadline, f"{person.name} still has something to send"
        self.stage.server.examine(PATIENCE_S).check()
        return check_agreement(*self.people, room=self.room)


@pytest.mark.parametrize(
    ("seed", "kills"), [(20, 6), pytest.param(21, 200, marks=pytest.mark.slow)]
)
def test_killed_at_random_moments_nothing_acknowledged_is_lost_doubled_or_out_of_order(
    shared: Stage, seed: int, kills: int
) -> None:
    """People with whole clients are, and the server; a crowd posts meanwhile, and checks its own logs."""
    started = len(shared.server.started)

    async def storm() -> tuple[Supervisor, list[str]]:
        async with crowd_on(shared, posts_per_s=CROWD_POSTS_PER_S):
            supervisor = await asyncio.to_thread(Supervisor, shared, seed)
            await asyncio.to_thread(supervisor.run, kills)
            return supervisor, await asyncio.to_thread(supervisor.end)

    supervisor, texts = asyncio.run(storm())
    assert len(supervisor.acknowledged) > kills // 2, "many are"
    assert set(supervisor.acknowledged) <= set(texts)
    assert len(shared.server.started) - started > kills // 6, "the server was killed now and then"
    for name in shared.people:  # one command after the other: in the order in which they were given
        mine = [text for text in texts if text.startswith(f"{name} sends")]
        assert mine == sorted(mine, key=lambda text: int(text.rpartition(" ")[2]))
