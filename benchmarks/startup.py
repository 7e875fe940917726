"""How long a person waits for a command: its start, the first message of ``coterie send``, the screen of ``chat``.

``python benchmarks/startup.py`` prints medians of whole processes in milliseconds, and as ratios to
``python -c pass`` in the same run. ``send`` is cold: the process opens the profile, connects, shakes hands, logs in,
reads to the head, encrypts, saves, posts, and ends when its entry was read back.

``chat`` is timed from its start until a message of the room that it opens is on the screen, and told as a ratio to an
empty Textual app that shows a word; both also by the CPU that they have used until then, which a busy machine leaves
alone. It was open before, as it is with people, so that it can show what it showed last.
"""

import fcntl
import os
import pty
import select
import signal
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import time
from contextlib import suppress
from pathlib import Path

ROUNDS = 15
ROOMS = 20
SCREEN = (30, 100)  # rows and columns
DEADLINE_S = 30.0
QUIT = b"\x11"  # Ctrl+Q
EMPTY_APP = """
from textual.app import App
from textual.widgets import Static

class Empty(App):
    def compose(self):
        yield Static("ready")

Empty().run()
"""
COTERIE = str(Path(sys.executable).with_name("coterie"))


def run(*command: str, given: str | None = None) -> str:
    """What it prints; fails where it fails."""
    done = subprocess.run(  # noqa: S603
        command, input=given, capture_output=True, text=True, check=False, env=_environment()
    )
    if done.returncode:
        raise SystemExit(f"{command}: {done.stderr}")
    return done.stdout


def _environment() -> dict[str, str]:
    """Without what would have the sources compiled at each start."""
    own = ("COTERIE_", "PYTHONDONTWRITEBYTECODE")
    return {k: v for k, v in os.environ.items() if not k.startswith(own)} | {
        "TERM": "xterm-256color"
    }


def until_shown(wanted: bytes, *command: str, quits: bool = False) -> tuple[float, float]:
    """Milliseconds, and those of CPU, until that is on the screen. Then it is killed, or quits as a person does."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("4H", *SCREEN, 0, 0))
    began = time.perf_counter()
    process = subprocess.Popen(  # noqa: S603
        command,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        env=_environment(),
    )
    os.close(theirs)
    shown = b""
    try:
        while wanted not in shown:
            if not select.select([ours], [], [], DEADLINE_S)[0]:
                raise SystemExit(f"{command}: {shown[-500:]!r}")
            shown += os.read(ours, 65_536)
        took = (time.perf_counter() - began) * 1000
        fields = Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        used = (int(fields[11]) + int(fields[12])) * 1000 / os.sysconf("SC_CLK_TCK")
        if quits:
            os.write(ours, QUIT)
            with suppress(OSError):  # Linux's way to say that the other end is closed
                while os.read(ours, 65_536):
                    pass
        else:
            process.kill()
        process.wait(DEADLINE_S)
        return took, used
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def compare_screens(chat: tuple[str, ...]) -> None:
    """Prints the chat beside the empty app."""
    until_shown(b"hello", *chat, quits=True)
    empty, chats = [], []
    for _ in range(ROUNDS):
        empty.append(until_shown(b"ready", sys.executable, "-c", EMPTY_APP))
        chats.append(until_shown(b"hello", *chat))
    for place, what in enumerate(("", ", CPU")):
        floor, found = (statistics.median(one[place] for one in all_) for all_ in (empty, chats))
        print(f"{'empty Textual app' + what:22} {floor:7.1f} ms")
        print(f"{'coterie chat' + what:22} {found:7.1f} ms {found / floor:6.2f} x the empty app")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        data, alice, bobb = (f"{folder}/{name}" for name in ("server", "alice", "bobb"))
        server = subprocess.Popen(  # noqa: S603
            [COTERIE, "serve", "--data", data, "--listen", "127.0.0.1:0"],
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert server.stdout is not None
            for _ in range(3):
                server.stdout.readline()
            invite = run(COTERIE, "invite", "--data", data, "--uses", "2").split()[-1]
            for profile, name in ((alice, "alice"), (bobb, "bobb")):
                join = ("join", invite, name, "--password-file", "-", "--custody", "file")
                run(COTERIE, "--profile", profile, *join, given="four random plain words\n")
            for name in ("ops", *(f"room {number}" for number in range(1, ROOMS))):
                run(COTERIE, "--profile", alice, "room", "new", name, "bobb")
            commands = {
                "python -c pass": (sys.executable, "-c", "pass"),
                "coterie --version": (COTERIE, "--version"),
                "coterie --help": (COTERIE, "--help"),
                "coterie room list": (COTERIE, "--profile", alice, "room", "list"),
                "coterie send (cold)": (COTERIE, "--profile", alice, "send", "ops", "hello"),
                "coterie read (cold)": (COTERIE, "--profile", bobb, "read", "ops", "--last", "1"),
            }
            found: dict[str, list[float]] = {name: [] for name in commands}
            for _ in range(ROUNDS):
                for name, command in commands.items():
                    began = time.perf_counter()
                    run(*command)
                    found[name].append((time.perf_counter() - began) * 1000)
            compare_screens((COTERIE, "--profile", alice, "chat", "ops"))
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(10)
    floor = statistics.median(found["python -c pass"])
    for name, times in found.items():
        median = statistics.median(times)
        print(f"{name:22} {median:7.1f} ms {median / floor:6.1f} x")


if __name__ == "__main__":
    main()
