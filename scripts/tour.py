"""``python -m scripts.tour`` takes a picture of each screen of the terminal into docs/pictures.

A real server, real clients, and alice's screen in a terminal. Each picture is taken once it shows what it is for; where
one does not, none is written, and the exit status is 1. Needs tmux, and the extra "test".
"""

import argparse
import asyncio
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from scripts.film.__main__ import PICTURES
from scripts.film.camera import DEADLINE_S, NotShown
from scripts.film.svg import still
from scripts.film.terminal import Pane, Terminal, environment

from coterie import Client
from coterie.client import api

WIDTH, HEIGHT = 100, 30
PASSWORD = "walnut harbour sixty lantern"  # noqa: S105  # of people who exist for a minute
PEOPLE = ("alice", "bobb", "carol")


class Typed(str):
    """Letters; other words are keys by tmux's names."""

    __slots__ = ()


class Seen(str):
    """Waits for this on the screen."""

    __slots__ = ()


INVITE = Typed("…")  # what the server gave


@dataclass(frozen=True, slots=True)
class Shot:
    """A picture: ``keys`` lead to it from where the one before went ``back`` to.

    The first of what is ``shown`` is on no other.
    """

    name: str
    shown: tuple[str, ...]
    keys: tuple[str, ...] = ()
    back: tuple[str, ...] = ("Escape",)


SHOTS = (
    Shot(
        "login",
        ("known by its fingerprint", "dora"),
        (
            Typed("clear; coterie --profile dora chat"),
            "Enter",
            Seen("There is no account"),
            INVITE,
            "Enter",
            Typed("dora"),
            "Enter",
        ),
        ("C-q",),
    ),
    Shot(
        "main",
        ("#ops", "shipping", "(edited)", "👍", "Direct messages"),
        (Typed("clear; coterie --profile alice chat ops"), "Enter"),
        (),
    ),
    Shot("switcher", ("Go to", "#lunch"), ("C-k",)),
    Shot("palette", ("╭─ Do", "members"), ("C-p",)),
    Shot("help", ("PgUp",), ("F1",)),
    Shot("search", ("Search", "#lunch"), ("C-f", Typed("heron"))),
    Shot("members", ("Members of #ops", "carol"), (Typed("/members"), "Enter")),
    Shot("verify", ("Verify bobb",), (Typed("/verify bobb"), "Enter")),
    Shot("select", ("r reply",), ("BTab",)),
    Shot("settings", ("Settings", "spacing"), (Typed("/settings"), "Enter")),
)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m scripts.tour", description=__doc__)
    parser.add_argument("--to", type=Path, default=PICTURES, metavar="DIR")
    to = parser.parse_args().to
    try:
        with tempfile.TemporaryDirectory(prefix="tour-") as folder:
            pictures = dict(take(Path(folder), Path(sys.executable).with_name("coterie")))
    except NotShown as error:
        sys.stderr.write(f"tour: error: {error}\n")
        return 1
    for name, svg in pictures.items():
        (to / f"{name}.svg").write_text(svg, encoding="utf-8")
        sys.stdout.write(f"{to / name}.svg: {len(svg) / 1000:.0f} kB\n")
    return 0


def take(folder: Path, program: Path) -> Iterator[tuple[str, str]]:
    """Each picture by its name. Raises NotShown."""
    env = environment(folder, program)
    with serving(folder, program, env) as invite:
        for name in PEOPLE:
            join = ("join", invite, name, "--password-file", "-", "--custody", "file")
            _run([str(program), "--profile", str(folder / name), *join], env, f"{PASSWORD}\n")
        asyncio.run(talk(folder))
        with Terminal(folder, "tour", WIDTH, {"alice": HEIGHT}, env) as terminal:
            pane = terminal.panes["alice"]
            pane.until_shown("$")
            for shot in SHOTS:
                _press(pane, shot.keys, invite)
                pane.until_shown(*shot.shown)
                terminal.camera.until_still()
                yield shot.name, still(WIDTH, terminal.camera.rows())
                if shot.back:
                    _press(pane, shot.back, invite)
                    pane.until_gone(shot.shown[0])


async def talk(folder: Path) -> None:
    """What was said before the pictures are taken."""
    async with (
        Client.open(folder / "alice") as alice,
        Client.open(folder / "bobb") as bobb,
        Client.open(folder / "carol") as carol,
    ):
        lunch, ops = [
            (await alice.create_room(name, "bobb", "carol")).ref for name in ("lunch", "ops")
        ]
        for client in (bobb, carol):
            await until_in(client, lunch, ops)
        await carol.rooms[lunch].send("the heron at the lake has company today")
        await bobb.rooms[lunch].send("soup at noon?")
        first = await alice.rooms[ops].send("shipping **today**")
        await alice.rooms[ops].edit(first, "shipping **today**, see README.md")
        question = await bobb.rooms[ops].send("at noon, @alice?", reply_to=first)
        await carol.rooms[ops].react(first, "👍")
        await carol.rooms[ops].send("```\n$ make release\nall 214 checks hold\n```")
        await alice.rooms[ops].send("yes: the heron flies at noon", reply_to=question)
        await carol.rooms[ops].react(question, "🎉")
        await alice.direct("bobb")


async def until_in(client: Client, *room_ids: str) -> None:
    """Waits until this device is in the rooms."""
    missing = set(room_ids)
    async with asyncio.timeout(DEADLINE_S):
        async for update in client.changes():
            if isinstance(update, api.Room):
                missing.discard(update.room_id)
            if not missing:
                return


@contextmanager
def serving(folder: Path, program: Path, env: Mapping[str, str]) -> Iterator[str]:
    """A server with an invite for everybody."""
    data = str(folder / "server")
    server = subprocess.Popen(  # noqa: S603
        [str(program), "serve", "--data", data, "--listen", "127.0.0.1:0"],
        env=dict(env),
        stdout=subprocess.PIPE,
        text=True,
    )
    with server:
        try:
            assert server.stdout is not None  # noqa: S101
            for _ in range(3):
                server.stdout.readline()
            uses = str(len(PEOPLE))
            yield _run([str(program), "invite", "--data", data, "--uses", uses], env).strip()
        finally:
            server.terminate()


def _press(pane: Pane, keys: tuple[str, ...], invite: str) -> None:
    for key in keys:
        if isinstance(key, Seen):
            pane.until_shown(key)
        elif key is INVITE:
            pane.paste(invite)
        elif isinstance(key, Typed):
            pane.type(key)
        else:
            pane.press(key)
        pane.terminal.camera.until_still()


def _run(command: list[str], env: Mapping[str, str], given: str = "") -> str:
    return subprocess.run(  # noqa: S603
        command, input=given, env=dict(env), capture_output=True, text=True, check=True
    ).stdout


if __name__ == "__main__":
    sys.exit(main())
