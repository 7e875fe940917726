"""Two people, their terminals and a server, as processes: what each sees is what tmux has on its screens."""

import shlex
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from coterie.client.custody import Custody
from coterie.client.profile import Profile
from coterie.client.running import open_store
from tests.e2e.programs import COTERIE, Programs, environment
from tests.e2e.stage import PASSWORD, Person, Stage

pytestmark = pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")

DEADLINE_S = 30.0
POLL_S = 0.05
# Where pytest has loaded readline, these say how large its own terminal is; programs believe them before a window.
_ENVIRONMENT = {
    key: value for key, value in environment().items() if key not in ("COLUMNS", "LINES")
}


class Terminals:
    """A tmux server of the test's own, with a window for each person."""

    def __init__(self, folder: Path) -> None:
        self._tmux = ("tmux", "-S", str(folder / "tmux"), "-f", "/dev/null")

    def run(self, *words: str) -> str:
        return subprocess.run(  # noqa: S603
            [*self._tmux, *words],
            capture_output=True,
            text=True,
            check=True,
            timeout=DEADLINE_S,
            env=_ENVIRONMENT,
        ).stdout

    def open(self, person: Person, width: int, height: int) -> None:
        """``coterie chat ops`` of somebody, in a terminal that says how it ended."""
        words = [*COTERIE, "--profile", str(person.profile), "chat", "ops"]
        self.start(person.name, words, width, height)

    def start(self, name: str, words: Sequence[str], width: int, height: int) -> None:
        """Any program, in a terminal that says how it ended."""
        size = ("-x", str(width), "-y", str(height))
        line = f"{shlex.join(words)}; echo ended with $?; sleep {DEADLINE_S * 10}"
        self.run("new-session", "-d", "-s", name, *size, line)

    def screen(self, name: str) -> str:
        return self.run("capture-pane", "-p", "-t", name)

    def type(self, name: str, *keys: str) -> None:
        """Text, or keys by tmux's names."""
        self.run("send-keys", "-t", name, *keys)

    def until_shown(self, name: str, *texts: str) -> None:
        """Waits for all of it on somebody's screen."""
        self.until(name, lambda screen: all(text in screen for text in texts), f"sees {texts}")

    def until(self, name: str, is_so: Callable[[str], bool], what: str) -> None:
        """Waits for something to be so, which may be asked of somebody's screen."""
        deadline = time.monotonic() + DEADLINE_S
        while not is_so(screen := self.screen(name)):
            assert time.monotonic() < deadline, f"not so, that {name} {what}:\n{screen}"
            time.sleep(POLL_S)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with Programs() as programs:
        yield Stage(programs, tmp_path)


@pytest.fixture
def terminals(tmp_path: Path) -> Iterator[Terminals]:
    terminals = Terminals(tmp_path)
    yield terminals
    terminals.run("kill-server")


@pytest.fixture
def talk(stage: Stage, terminals: Terminals) -> Terminals:
    """Both see the room."""
    alice, bobb = stage.join("alice", "bobb")
    alice.does("room", "new", "ops", "bobb")
    terminals.open(alice, 100, 30)
    terminals.open(bobb, 60, 18)
    terminals.until_shown("alice", "#ops · 2 members", "connected")
    terminals.until_shown("bobb", "you are in #ops", "connected")
    return terminals


def test_two_people_talk_and_quit(stage: Stage, talk: Terminals) -> None:
    talk.type("alice", "shipping **today**", "C-j", "see README", "Enter")
    talk.until_shown("bobb", "alice ! unverified", "  shipping today", "  see README")
    talk.type("bobb", "BTab", "r")
    talk.until_shown("bobb", "replying to alice: shipping today")
    talk.type("bobb", "at noon?", "Enter")
    talk.until_shown("alice", "↪ alice: shipping today see README", "  at noon?")
    talk.type("alice", "/react :tada:", "Enter", "Up")
    talk.until_shown("alice", "editing: shipping", "[🎉 1]")
    talk.type("alice", "!", "Enter")
    talk.until_shown("bobb", "see README!  (edited)", "🎉 1")
    talk.type("alice", "C-q")
    talk.until_shown("alice", "ended with 0")
    assert stage.people["alice"].reads("ops") == ["shipping **today**\nsee README!", "at noon?"]


@pytest.mark.slow
def test_what_is_typed_while_the_server_is_away_arrives_when_it_is_back(
    stage: Stage, talk: Terminals
) -> None:
    stage.listen = stage.server.listen
    stage.server.stop().check()
    talk.type("bobb", "while it is away", "Enter")
    talk.until_shown("bobb", "bobb … waiting", "while it is away")
    stage.start_server()
    talk.until_shown("alice", "bobb ! unverified", "while it is away")
    talk.until_shown("bobb", "connected")
    assert "bobb …" not in talk.screen("bobb")


def test_an_account_that_was_begun_is_gone_on_with(
    stage: Stage, terminals: Terminals, tmp_path: Path
) -> None:
    """Who came back after a lost connection saw a chat that could do nothing."""
    folder = tmp_path / "dora"
    with Profile.create(folder, Custody.FILE) as profile:
        open_store(profile).close()
    terminals.start("dora", [*COTERIE, "--profile", str(folder)], 80, 24)
    terminals.until_shown("dora", "An account was begun here")
    terminals.type("dora", stage.server.invite(), "Enter", "dora", "Enter")
    terminals.type("dora", PASSWORD, "Enter", PASSWORD, "Enter")
    terminals.until_shown("dora", "✓ You are dora")


def test_coterie_alone_makes_an_account_and_goes_on_to_the_chat(
    stage: Stage, terminals: Terminals, tmp_path: Path
) -> None:
    alone = ["env", f"COTERIE_PROFILE={tmp_path / 'carol'}", *COTERIE]
    terminals.start("carol", alone, 80, 24)
    terminals.until_shown("carol", "There is no account here yet.")
    terminals.type("carol", stage.server.invite(), "Enter")
    terminals.until_shown("carol", "known by its fingerprint")
    terminals.type("carol", "carol", "Enter", PASSWORD, "Enter", PASSWORD, "Enter")
    terminals.until_shown("carol", "✓ You are carol", "nobody can reset it", "Enter goes on")
    terminals.type("carol", "Enter")
    terminals.until_shown("carol", "no room yet", "connected")
    terminals.type("carol", "C-q")
    terminals.until_shown("carol", "ended with 0")


@pytest.mark.slow
def test_a_second_screen_goes_on_where_the_first_one_ends(
    stage: Stage, terminals: Terminals
) -> None:
    """It ended with an error, and what had just been typed was lost."""
    [alice] = stage.join("alice")
    alice.does("room", "new", "ops")
    words = [*COTERIE, "--profile", str(alice.profile), "chat", "ops"]
    terminals.start("first", words, 80, 24)
    terminals.until_shown("first", "> message #ops", "connected")
    terminals.start("second", words, 80, 24)
    terminals.until_shown("second", "> message #ops", "connected")
    terminals.type("second", "half a thought")
    terminals.type("first", "C-q")
    terminals.until_shown("first", "ended with 0")
    socket = alice.profile / "socket"
    terminals.until("second", lambda screen: socket.exists(), "has the profile now")
    terminals.until_shown("second", "half a thought", "connected")
    terminals.type("second", " is whole", "Enter")
    terminals.until_shown("second", "  half a thought is whole", "> message #ops")
    terminals.type("second", "C-q")
    terminals.until_shown("second", "ended with 0")
    assert alice.reads("ops") == ["half a thought is whole"]
