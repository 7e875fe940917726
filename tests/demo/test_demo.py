"""``coterie demo`` as a stranger runs it: real processes, real sockets."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from coterie.demo.proofs import CLAIMS

DEADLINE_S = 60.0
PROGRAM = (sys.executable, "-m", "coterie")


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """With a temporary folder in which nothing else is, and no word of a person's own Coterie."""
    (tmp_path / "tmp").mkdir()
    ours = {key: value for key, value in os.environ.items() if not key.startswith("COTERIE_")}
    return {**ours, "TMPDIR": str(tmp_path / "tmp"), "PYTHONIOENCODING": "utf-8"}


def start(environment: dict[str, str], *words: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(  # noqa: S603
        [*PROGRAM, *words],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )


def run(environment: dict[str, str], *words: str) -> tuple[int, str, str]:
    program = start(environment, *words)
    out, err = program.communicate(timeout=DEADLINE_S)
    return program.returncode, out, err


def read_to(program: "subprocess.Popen[str]", text: str) -> None:
    """Until that is in a line of its output."""
    assert program.stdout is not None
    assert any(text in line for line in program.stdout)


def left_behind(environment: dict[str, str]) -> list[str]:
    """Files in the temporary folder, and processes that were started on it."""
    folder = environment["TMPDIR"]
    listed = subprocess.run(
        ["ps", "-eww", "-o", "args"],  # noqa: S607
        capture_output=True,
        text=True,
        check=True,
    )
    processes = [line for line in listed.stdout.splitlines() if folder in line]
    return [*processes, *map(str, Path(folder).iterdir())]


def test_every_proof_holds_and_nothing_is_left_behind(environment: dict[str, str]) -> None:
    status, out, err = run(environment, "demo", "--json")
    assert (status, err) == (0, "")
    result = json.loads(out)  # one object, and no more
    assert {proof["name"]: proof["holds"] for proof in result["proofs"]} == dict.fromkeys(
        CLAIMS, True
    )
    assert result["holds"] is True
    for exchange in result["conversation"]:
        assert exchange["wire_up"]["size"] > exchange["stored"]["size"] > len(exchange["text"])
    talkers = {exchange["sender"] for exchange in result["conversation"]}
    assert talkers == {"alice", "bobb"}
    assert (result["kept"], result["go_on"]) == (None, [])
    assert left_behind(environment) == []


def test_what_is_kept_goes_on(environment: dict[str, str], tmp_path: Path) -> None:
    folder = tmp_path / "kept here"
    status, out, err = run(environment, "demo", "--keep", str(folder))
    assert (status, err) == (0, "")
    assert "\x1b" not in out
    assert f"✓ all {len(CLAIMS)} hold" in out
    assert left_behind(environment) == []
    assert {path.name for path in folder.iterdir()} >= {"server", "alice", "bobb", "logs", "wire"}

    commands = [shlex.split(c) for c in re.findall(r"^  coterie (.+?)  ", out, re.MULTILINE)]
    serve, chat, *_ = commands
    server = start(environment, *serve)
    try:
        assert server.stdout is not None
        assert server.stdout.readline().startswith("listening on ")
        room = chat[chat.index("chat") + 1]
        status, timeline, err = run(environment, *chat[:2], "read", room)
        assert (status, err) == (0, "")
        assert "The heron is back at the old mill." in timeline
    finally:
        server.terminate()
        server.communicate(timeout=DEADLINE_S)


def test_folder_with_something_in_it_is_not_kept_in(
    environment: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "theirs").write_text("precious")
    status, _, err = run(environment, "demo", "--json", "--keep", str(tmp_path))
    assert status == 1
    assert "is not empty" in err
    assert (tmp_path / "theirs").read_text() == "precious"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_leaves_nothing_behind(
    environment: dict[str, str], number: signal.Signals
) -> None:
    program = start(environment, "demo")
    read_to(program, "coterie room new")  # a server runs, and accounts are made
    program.send_signal(number)
    _, err = program.communicate(timeout=DEADLINE_S)
    assert (program.returncode, err) == (130, "")
    assert left_behind(environment) == []


def test_reader_who_has_had_enough_leaves_nothing_behind(environment: dict[str, str]) -> None:
    """As with ``coterie demo | head``."""
    program = start(environment, "demo")
    assert program.stdout is not None
    assert program.stderr is not None
    read_to(program, "coterie serve")
    program.stdout.close()
    assert program.stderr.read() == ""
    assert program.wait(DEADLINE_S) == 0
    program.stderr.close()
    assert left_behind(environment) == []
