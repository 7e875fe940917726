"""How long a person waits for a command: its start, and the first message of ``coterie send``.

``python benchmarks/startup.py`` prints medians of whole processes in milliseconds, and as ratios to
``python -c pass`` in the same run. ``send`` is cold: the process opens the profile, connects, shakes hands, logs in,
reads to the head, encrypts, saves, posts, and ends when its entry was read back.
"""

import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROUNDS = 15
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
    return {k: v for k, v in os.environ.items() if not k.startswith("COTERIE_")}


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
            run(COTERIE, "--profile", alice, "room", "new", "ops", "bobb")
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
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(10)
    floor = statistics.median(found["python -c pass"])
    for name, times in found.items():
        median = statistics.median(times)
        print(f"{name:22} {median:7.1f} ms {median / floor:6.1f} x")


if __name__ == "__main__":
    main()
