"""The lab, typed into a shell from its top to its bottom."""

import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.docs.pages import DOCS, text_of
from tests.wireshark.tshark import MISSING, TSHARK, environment

LAB = DOCS / "tutorial" / "lab.md"
FOLDER = "/tmp/lab"  # noqa: S108  # as the page has it
DEADLINE_S = 60.0
NO_RIGHT = ("permission", "You don't have")  # what tshark says to who may not record


@dataclass(frozen=True)
class Block:
    """Commands, and what the page says that they show, one after the other; "…" stands for anything."""

    commands: str
    shown: tuple[str, ...]


def blocks(text: str) -> Iterator[Block]:
    """All of a page: indented lines, each run with the fence that may follow it."""
    for commands, fence in re.findall(
        r"((?:^    .+\n)+)(?:\n^```text\n((?:.*\n)*?)^```$)?", text, flags=re.MULTILINE
    ):
        yield Block(re.sub("^    ", "", commands, flags=re.MULTILINE), tuple(fence.splitlines()))


class Shell:
    """bash, with one stream for all that it and its children write."""

    def __init__(self, folder: Path) -> None:
        binaries = Path(sys.executable).parent
        self._bash = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],  # noqa: S607
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={
                **environment(folder),
                "PATH": f"{binaries}{os.pathsep}{os.environ['PATH']}",
                "PYTHONIOENCODING": "utf-8",
            },
            start_new_session=True,
        )
        self._said = ""
        self._more = threading.Condition()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        self._blocks = 0

    def run(self, block: Block) -> str:
        """What it shows, until all that the page says has been seen and its commands have ended."""
        start = len(self._said)
        self._blocks += 1
        mark = f"end-of-block-{self._blocks}"
        assert self._bash.stdin is not None
        self._bash.stdin.write(f"{block.commands}\necho {mark}\n".encode())
        self._bash.stdin.flush()
        for wanted in (mark, *block.shown):
            self._until(wanted, start)
        return self._said[start:]

    def _until(self, wanted: str, start: int) -> None:
        pattern = re.compile(".*?".join(map(re.escape, wanted.split(" … "))))
        deadline = time.monotonic() + DEADLINE_S
        with self._more:
            while pattern.search(self._said, start) is None:
                said = self._said[start:]
                if any(words in said for words in NO_RIGHT):
                    pytest.skip(f"tshark may not record here: {said[-300:]}")
                left = deadline - time.monotonic()
                assert left > 0, f"{wanted!r} was not shown:\n{said}"
                self._more.wait(left)

    def _read(self) -> None:
        assert self._bash.stdout is not None
        with self._bash.stdout as out:
            for line in out:
                with self._more:
                    self._said += line.decode(errors="replace")
                    self._more.notify_all()

    def close(self) -> None:
        """Ends it and all that it started."""
        assert self._bash.stdin is not None
        self._bash.stdin.close()
        for number in (15, 9):
            try:
                os.killpg(self._bash.pid, number)
                self._bash.wait(5.0)
            except (ProcessLookupError, subprocess.TimeoutExpired):
                continue
        self._reader.join()


def free_port() -> int:
    """One that nobody has now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.mark.skipif(TSHARK is None, reason=MISSING)
def test_everything_in_the_lab_shows_what_the_page_says(tmp_path: Path) -> None:
    """With its folder and its port exchanged for some that nobody else has."""
    text = text_of(LAB).replace(FOLDER, str(tmp_path / "lab")).replace("7617", str(free_port()))
    shell = Shell(tmp_path)
    try:
        for block in blocks(text):
            shown = shell.run(block)
            assert "Traceback" not in shown
            assert "coterie: error" not in shown, shown
    finally:
        shell.close()
    assert not (tmp_path / "lab").exists()


def test_blocks_of_the_lab_are_found() -> None:
    """The control: each command of the page is in a block, and most of them have something to show."""
    found = list(blocks(text_of(LAB)))
    commands = "\n".join(block.commands for block in found)
    assert len(re.findall(r"^    ", text_of(LAB), re.MULTILINE)) == len(
        [line for line in commands.splitlines() if line]
    )
    assert sum(bool(block.shown) for block in found) >= 12
    assert commands.count("tshark") >= 5
    assert commands.count("coterie attack") >= 5
