"""A real profile on a real server, with a room that has a long past: its rows are put where the client keeps them."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from terminal import environment

from coterie.client.conversation import Author, Row
from coterie.client.profile import Profile
from coterie.client.reading import Reading
from coterie.client.running import open_store
from coterie.client.store_timeline import TimelineRow
from coterie.content import Ref

COTERIE = str(Path(sys.executable).with_name("coterie"))
DAY_MS = 86_400_000


def run(*words: str, given: str | None = None) -> str:
    """What ``coterie words…`` prints. Raises SystemExit where it fails."""
    done = subprocess.run(  # noqa: S603
        [COTERIE, *words],
        input=given,
        capture_output=True,
        text=True,
        check=False,
        env=environment(),
    )
    if done.returncode:
        raise SystemExit(f"{words}: {done.stderr}")
    return done.stdout


@contextmanager
def alice(folder: Path, rooms: dict[str, int]) -> Iterator[Path]:
    """Her profile, with so many messages in each room. Its server runs until the end of ``with``."""
    data, profile = str(folder / "server"), str(folder / "alice")
    server = subprocess.Popen(  # noqa: S603
        [COTERIE, "serve", "--data", data, "--listen", "127.0.0.1:0"],
        stdout=subprocess.PIPE,
        env=environment(),
    )
    try:
        assert server.stdout is not None
        for _ in range(3):
            server.stdout.readline()
        invite = run("invite", "--data", data).split()[-1]
        join = ("join", invite, "alice", "--password-file", "-", "--custody", "file")
        run("--profile", profile, *join, given="four random plain words\n")
        for name in rooms:
            run("--profile", profile, "room", "new", name)
        listed = run("--profile", profile, "room", "list", "--json").splitlines()
        for room in map(json.loads, listed):
            fill(
                folder / "alice", bytes.fromhex(room["room_id"]), room["name"], rooms[room["name"]]
            )
        yield folder / "alice"
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(30)
        if server.stdout is not None:
            server.stdout.close()


def fill(folder: Path, room_id: bytes, name: str, count: int) -> None:
    """Puts ``count`` messages of bobb into the room, the last one today, and marks them as read."""
    now_ms, author = int(time.time() * 1000), Author("bobb", bytes(32))
    with Profile.open(folder, None) as profile:
        store = open_store(profile)
        try:
            with store.transaction():
                for number in range(1, count + 1):
                    at_ms = now_ms - (count - number) * DAY_MS // 300
                    ref = Ref(bytes(16), number.to_bytes(16))
                    text = f"{name} m{number:06} the heron stands by the lake and waits for whoever comes by"
                    row = Row(ref, author, at_ms, text)
                    store.add_to_timeline(TimelineRow(0, room_id, room_id, 1, "", at_ms, row))
                store.save_reading(room_id, Reading(store.newest(room_id)))
        finally:
            store.close()
