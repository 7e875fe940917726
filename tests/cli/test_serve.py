"""``coterie serve`` and ``coterie invite``: real processes."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from coterie.wire.invite import decode_invite, show_fingerprint
from coterie.wire.tls import show_pin
from tests.certificates import Authority
from tests.cli.processes import DEADLINE_S, PROGRAM, process


@contextmanager
def serving(*words: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """A server that listens on a free port, until the block ends."""
    command = [sys.executable, "-c", PROGRAM.format(after="pass"), "serve", *words]
    with subprocess.Popen(  # noqa: S603
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    ) as server:
        try:
            yield server
        finally:
            server.kill()


def read_lines(server: subprocess.Popen[str], count: int) -> list[str]:
    """What it says first."""
    assert server.stdout is not None
    return [server.stdout.readline() for _ in range(count)]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_prints_three_lines_and_nothing_else_and_ends_in_order(
    tmp_path: Path, number: signal.Signals
) -> None:
    with serving("--data", str(tmp_path / "data"), "--listen", "127.0.0.1:0") as server:
        listening, fingerprint, invite = read_lines(server, 3)
        server.send_signal(number)
        rest = server.communicate(timeout=DEADLINE_S)
    assert (server.returncode, rest) == (0, ("", ""))
    decoded = decode_invite(invite.removeprefix("invite "))
    assert re.fullmatch(r"listening on 127\.0\.0\.1:\d+\n", listening)
    assert listening.strip().endswith(str(decoded.address))
    assert fingerprint == f"fingerprint {show_fingerprint(decoded.fingerprint)}\n"


def test_json_is_one_line_with_the_same(tmp_path: Path) -> None:
    with serving("--json", "--listen", "127.0.0.1:0", COTERIE_DATA=str(tmp_path)) as server:
        (line,) = read_lines(server, 1)
        told = json.loads(line)
    assert list(told) == ["listening", "fingerprint", "invite"]
    assert str(decode_invite(told["invite"]).address) == told["listening"]


def test_invites_name_the_address_that_is_announced(tmp_path: Path) -> None:
    words = ("--listen", "127.0.0.1:0", "--announce", "chat.example.org:1234", "--json")
    with serving("--data", str(tmp_path), *words) as server:
        told = json.loads(read_lines(server, 1)[0])
    assert str(decode_invite(told["invite"]).address) == "chat.example.org:1234"


def test_with_tls_the_pin_is_a_fourth_line(tmp_path: Path) -> None:
    issued = Authority.make().issue()
    chain, key = issued.write(tmp_path)
    tls = ("--tls-cert", str(chain), "--tls-key", str(key))
    with serving("--data", str(tmp_path / "data"), "--listen", "127.0.0.1:0", *tls) as server:
        listening, _, invite, pin = read_lines(server, 4)
    assert pin == f"tls-pin {show_pin(issued.pin)}\n"
    address = decode_invite(invite.removeprefix("invite ")).address
    assert str(address) == f"coteries://{listening.removeprefix('listening on ').strip()}"


def test_invites_are_made_while_the_server_runs_and_while_it_does_not(tmp_path: Path) -> None:
    data = str(tmp_path)
    with serving("--data", data, "--listen", "127.0.0.1:0") as server:
        first = decode_invite(read_lines(server, 3)[2].removeprefix("invite "))
        running = process("invite", "--data", data, "--uses", "3", "--expires", "90s")
        server.terminate()
        server.communicate(timeout=DEADLINE_S)
    stopped = process("invite", "--data", data, "--json")
    told = json.loads(stopped.stdout)
    assert told["uses"] == 1
    invites = [first, decode_invite(running.stdout), decode_invite(told["invite"])]
    assert len({invite.token for invite in invites}) == 3
    assert {(invite.address, invite.fingerprint) for invite in invites} == {
        (first.address, first.fingerprint)
    }


def test_a_port_that_is_taken_is_told(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        outcome = process("serve", "--data", str(tmp_path), "--listen", address)
    assert (outcome.returncode, outcome.stdout) == (1, "")
    assert outcome.stderr.startswith(f"coterie: error: cannot listen on {address}: ")
    assert "coterie: hint: " in outcome.stderr


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("important")
    outcome = process("serve", "--data", str(tmp_path), "--listen", "127.0.0.1:0")
    assert (outcome.returncode, outcome.stdout) == (1, "")
    assert "holds something else" in outcome.stderr
    assert [entry.name for entry in tmp_path.iterdir()] == ["thesis.tex"]


def test_an_invite_without_a_server_is_told(tmp_path: Path) -> None:
    outcome = process("invite", "--data", str(tmp_path))
    assert outcome.returncode == 1
    assert "is no data folder of a Coterie server" in outcome.stderr
