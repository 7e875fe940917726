"""What a terminal gets where ``NO_COLOR`` is set."""

import contextlib
import os
import pty
import re
import select
import subprocess
import sys
import time

import pytest

from coterie.tui.colourless import is_wanted
from tests.asynchronous import asynchronous
from tests.e2e.programs import environment
from tests.tui.look import looking
from tests.tui.memory import Memory

DEADLINE_S = 20.0
PROGRAM = """
import asyncio
from coterie.tui.app import ChatApp
from tests.tui.memory import Memory

backend = Memory()
backend.say("hello @alice **bold**")
backend.say("lunch?", "carol", list(backend.rooms.values())[2])
asyncio.run(ChatApp(backend, "ops").run_async())
"""
SGR = re.compile(rb"\x1b\[([0-9;:]*)m")
ATTRIBUTES = {0, 1, 2, 3, 4, 7, 9}  # all others that a screen has are colours


def written(stop: bytes) -> bytes:
    """All that the program writes to a terminal until ``stop`` is there, and then to its end by Ctrl+Q."""
    ours, theirs = pty.openpty()
    env = environment() | {"NO_COLOR": "1", "TERM": "xterm-256color", "COLORTERM": "truecolor"}
    with subprocess.Popen(  # noqa: S603
        [sys.executable, "-c", PROGRAM], stdin=theirs, stdout=theirs, stderr=theirs,
        env=env | {"COLUMNS": "100", "LINES": "30"}, close_fds=True,
    ) as process:  # fmt: skip
        os.close(theirs)
        found, deadline, is_asked = b"", time.monotonic() + DEADLINE_S, False
        with contextlib.suppress(OSError):  # Linux: the other side has closed it
            while time.monotonic() < deadline:
                if select.select([ours], [], [], 0.1)[0]:
                    found += os.read(ours, 65_536)
                if not is_asked and stop in found:
                    os.write(ours, b"\x11")
                    is_asked = True
        process.kill()
    os.close(ours)
    assert is_asked, found.decode(errors="replace")
    return found


def test_no_colour_is_written_and_the_open_room_is_underlined() -> None:
    """Greys were: Textual makes them of colours."""
    found = written(b"hello")
    codes = [[int(code or 0) for code in re.split(b"[;:]", one)] for one in SGR.findall(found)]
    assert {code for one in codes for code in one} <= ATTRIBUTES
    assert re.search(rb"\x1b\[1;4m# ops", found), "the open room"
    assert re.search(rb"\x1b\[1m[^\x1b]*carol", found), "the unread one"
    assert b"\x1b[7m" in found, "the cursor"


@pytest.mark.parametrize(("value", "wanted"), [("1", True), ("", False)])
def test_it_is_wanted_where_it_says_something(
    value: str, wanted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", value)
    assert is_wanted() is wanted


@asynchronous
async def test_a_click_opens_a_room_without_colours_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a click does is part of a style, which the colours were taken out of."""
    monkeypatch.setenv("NO_COLOR", "1")
    async with looking(Memory(), "ops") as seen:
        await seen.until_shown("> message #ops")
        row = next(n for n, line in enumerate(seen.lines) if line.startswith("# war room"))
        await seen.pilot.click(offset=(3, row))
        await seen.until_shown("> message #war room")
