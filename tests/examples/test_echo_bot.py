"""The echo bot of ``examples/``, as a process, with a person who talks to it through a real server."""

import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.programs import Program, Programs
from tests.e2e.stage import Person, Stage

ECHO_BOT = Path(__file__).parents[2] / "examples" / "echo_bot.py"


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with Programs() as programs:
        yield Stage(programs, tmp_path)


def started(bot: Person) -> Program:
    """The bot, once it listens."""
    program = bot.programs.start(str(bot.profile), command=(sys.executable, "-P", str(ECHO_BOT)))
    program.until_out("echo listens")
    return program


def test_it_answers_each_text_of_others_once_in_every_room_until_it_is_stopped(
    stage: Stage,
) -> None:
    alice, echo = stage.join("alice", "echo")
    alice.does("room", "new", "ops", "echo")
    program = started(echo)
    alice.does("room", "new", "lounge", "echo")  # it is invited while it runs
    chat = alice.chat("ops")
    chat.type("one", "two")
    chat.until(lambda: chat.texts.count("two") == 2 or None, "both are answered")
    chat.type("/quit")
    chat.ended().check()
    lounge = alice.chat("lounge")
    lounge.type("three")
    lounge.until(lambda: lounge.texts.count("three") == 2 or None, "it is answered")
    lounge.type("/quit")
    lounge.ended().check()
    assert echo.does("send", "ops", "from its own profile").err == ""  # the bot's process sends it
    said = [
        (m["sender"], m["text"])
        for m in alice.does("read", "ops", "--json").results
        if m["kind"] == "text"
    ]
    assert sorted(said) == [
        ("alice", "one"),
        ("alice", "two"),
        ("echo", "from its own profile"),
        ("echo", "one"),
        ("echo", "two"),
    ]
    assert alice.reads("lounge") == ["three", "three"]
    program.signal(signal.SIGTERM)
    ended = program.ended().check()
    assert (ended.out, ended.err) == ("echo listens\n", "")


def test_it_goes_on_where_the_server_was_away_and_ends_with_ctrl_c(stage: Stage) -> None:
    alice, echo = stage.join("alice", "echo")
    alice.does("room", "new", "ops", "echo")
    program = started(echo)
    stage.server.stop().check()
    stage.server.start()
    chat = alice.chat("ops")
    chat.type("are you there")
    chat.until(lambda: chat.texts == ["are you there"] * 2 or None, "it is answered")
    chat.type("/quit")
    chat.ended().check()
    program.signal(signal.SIGINT)
    ended = program.ended().check()
    assert ended.err == ""  # nothing that a library has to say


def test_it_says_what_is_missing(stage: Stage) -> None:
    command = (sys.executable, "-P", str(ECHO_BOT))
    ended = stage.programs.run(str(stage.folder / "nowhere"), command=command)
    assert ended.status == 1
    assert ended.err.startswith("echo_bot: there is no profile in ")
    ended = stage.programs.run(command=command)
    assert ended.err.startswith("usage: ")
