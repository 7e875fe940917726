"""The bot of docs/how-to/write-a-bot.md, as it stands on the page, with a person who talks to it."""

import re
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.programs import Facts, Program, Programs
from tests.e2e.stage import Stage

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "write-a-bot.md"


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with Programs() as programs:
        yield Stage(programs, tmp_path)


def last(chat: Program, text: str) -> Facts | None:
    """A message as it was told last."""
    return next((m for m in reversed(chat.results) if m.get("text") == text), None)


def test_it_reacts_to_who_mentions_it_and_answers(stage: Stage) -> None:
    (block,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    alice, echo = stage.join("alice", "echo")
    alice.does("room", "new", "ops", "echo")
    program = stage.folder / "bot.py"
    program.write_text(block.replace("~/bots/echo", str(echo.profile)))
    bot = stage.programs.start(command=(sys.executable, "-P", str(program)))
    bot.until_out("echo listens")
    chat = alice.start("chat", "ops", "--plain", "--json", "--changes", with_input=True)
    chat.type("nobody in particular", "@echo are you there?")
    answered = chat.until(
        lambda: last(chat, "alice, you said: @echo are you there?"), "it is answered"
    )
    asked = chat.until(
        lambda: (found := last(chat, "@echo are you there?")) and found["reactions"] and found,
        "it is reacted to",
    )
    assert asked["reactions"] == [{"emoji": "👀", "names": ["echo"]}]
    assert answered["sender"] == "echo"
    assert answered["reply_to"]["number"] == asked["number"]
    chat.type("/quit")
    chat.ended().check()
    assert alice.reads("ops") == [
        "nobody in particular",
        "@echo are you there?",
        "alice, you said: @echo are you there?",
    ]
    bot.signal(signal.SIGINT)
    bot.ended()
