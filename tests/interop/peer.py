"""ts-mls 1.6.4 as a process: ``peer.mjs`` behind JSON lines. It is installed by ``npm ci`` in this folder."""

import json
import os
import selectors
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parent
INSTALL = "npm ci --prefix tests/interop"
DEADLINE_S = 60.0  # for one answer; the longest takes well under one


class PeerRefused(Exception):
    """The peer's answer was an error."""


class Peer:
    """One process, in which any number of ts-mls members live."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._stdin, self._stdout = process.stdin, process.stdout
        self._answers = selectors.DefaultSelector()
        self._answers.register(self._stdout, selectors.EVENT_READ)

    def ask(self, op: str, **arguments: Any) -> dict[str, Any]:
        """The answer. Raises PeerRefused."""
        request = {"op": op} | {
            key: value.hex() if isinstance(value, bytes) else value
            for key, value in arguments.items()
        }
        self._stdin.write(json.dumps(request) + "\n")
        self._stdin.flush()
        # one line for one request, so nothing of an answer can already be in the buffer
        assert self._answers.select(DEADLINE_S), f"no answer to {op}"
        line = self._stdout.readline()
        assert line, f"the peer ended before it answered {op}"
        answer = json.loads(line)
        if "error" in answer:
            raise PeerRefused(f"{op}: {answer['error']}")
        found: dict[str, Any] = answer["ok"]
        return found

    def close(self) -> None:
        """Nothing more is asked."""
        self._answers.close()
        self._stdin.close()
        self._stdout.close()


def installed_node() -> str:
    """Node, where the peer can run; else the test skips and says what installs it. In CI it fails."""
    node = shutil.which("node")
    if node is not None and (FOLDER / "node_modules" / "ts-mls").is_dir():
        return node
    how = f"no ts-mls to talk to: install Node 20, then {INSTALL}"
    if os.environ.get("CI"):
        pytest.fail(how)
    pytest.skip(how)


@contextmanager
def running_peer(suite: int) -> Iterator[Peer]:
    """A fresh process for groups of that suite."""
    command = [installed_node(), str(FOLDER / "peer.mjs")]
    with subprocess.Popen(  # noqa: S603
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        peer = Peer(process)
        try:
            peer.ask("open", suite=suite)
            yield peer
        finally:
            peer.close()
    assert process.returncode == 0
