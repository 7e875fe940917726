"""What is filmed. A scene ends where the screen shows what it should, or there is no film."""

import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from scripts.film.camera import Camera
from scripts.film.recording import Recording
from scripts.film.terminal import KEY_S, PROMPT, SHELL, Pane, Terminal

WIDTH = 96
DEMO_LINES = 34
LINE_S = 0.12  # a viewer's time for each line of the demo
PANES = MappingProxyType({"server": 6, "alice": 18, "bobb": 18})
PASSWORDS = MappingProxyType(
    {"alice": "walnut harbour sixty lantern", "bobb": "copper meadow eleven violin"}
)
INVITE = r"coterie://\S+"
READ_S = 1.5  # a viewer's time for what is new

Scene = Callable[[Path, Mapping[str, str]], Recording]  # an empty folder, and the environment


def demo(folder: Path, env: Mapping[str, str]) -> Recording:
    """``coterie demo``. Raises NotShown where a proof does not hold."""
    where = {**env, "TMPDIR": str(folder)}
    with Camera(SHELL, "coterie demo", (WIDTH, DEMO_LINES), where, LINE_S) as camera:
        camera.until(lambda lines: PROMPT.strip() in lines[0], "the prompt")
        for letter in "coterie demo\r":
            camera.write(letter)
            camera.hold(KEY_S)
        camera.until(lambda lines: any("all 10 hold" in line for line in lines), "all 10 hold")
        camera.until(lambda lines: PROMPT.rstrip() in [line.rstrip() for line in lines], "its end")
        camera.cut()
    return camera.recording


def talk(folder: Path, env: Mapping[str, str]) -> Recording:
    """A server and two people. Raises NotShown where one does not see what the other does."""
    with Terminal(folder, "two people, and a server between them", WIDTH, PANES, env) as terminal:
        server, alice, bobb = (terminal.panes[name] for name in PANES)
        for pane in (server, alice, bobb):
            pane.until_shown(PROMPT.strip())
        serve = f"coterie serve --data server --listen 127.0.0.1:{_free_port()} &"
        server.enter(serve)
        server.until_shown("listening", "fingerprint", "invite")
        _read(server)
        for name, pane in (("alice", alice), ("bobb", bobb)):
            _join(server, pane, name)
        _meet(alice, bobb)
        _converse(alice, bobb)
        _lose_the_server(server, serve, alice, bobb)
        terminal.camera.cut()
    return terminal.camera.recording


def _join(server: Pane, pane: Pane, name: str) -> None:
    server.clear()
    server.enter("coterie invite --data server")
    server.until_shown("coterie://")
    invite = server.found(INVITE)
    pane.enter(f"clear; coterie --profile {name} chat")
    pane.until_shown("There is no account here yet")
    _read(pane)
    for entry in (invite, name, PASSWORDS[name], PASSWORDS[name]):
        pane.paste(entry)
        pane.terminal.camera.until_still()
        pane.press("Enter")
    pane.until_shown(f"You are {name}")
    _read(pane)
    pane.press("Enter")
    pane.until_shown("connected", "no room yet")


def _meet(alice: Pane, bobb: Pane) -> None:
    alice.enter("/create ops bobb")
    alice.until_shown("#ops · 2 members")
    bobb.until_shown("# ops")
    bobb.press("C-k")
    bobb.until_shown("Go to")
    bobb.press("Enter")
    bobb.until_shown("you are in #ops")
    _read(alice)


def _converse(alice: Pane, bobb: Pane) -> None:
    alice.enter("shipping **today**, see README")
    bobb.until_shown("shipping today, see README")
    _read(alice)
    bobb.press("BTab")
    bobb.until_shown("r reply")
    bobb.press("r")
    bobb.until_shown("replying to alice")
    bobb.enter("at noon, @alice?")
    alice.until_shown("at noon, @alice?")
    _read(alice)
    alice.enter("/react 👍")
    bobb.until_shown("👍")
    _read(alice)
    alice.press("Up")
    alice.until_shown("editing")
    alice.enter(" and CHANGELOG")
    bobb.until_shown("README and CHANGELOG", "(edited)")
    _read(alice)
    bobb.press("C-f")
    bobb.type("noon")
    bobb.until_shown("at noon, @alice?")
    _read(alice)
    bobb.press("Escape")
    bobb.until_gone("Search")


def _lose_the_server(server: Pane, serve: str, alice: Pane, bobb: Pane) -> None:
    server.clear()
    server.enter("kill %1; wait")
    bobb.until_gone(" connected")
    bobb.enter("the server is away, and I write on")
    bobb.until_shown("the server is away", "…")
    _read(alice)
    server.enter(serve)
    alice.until_shown("the server is away, and I write on")
    _read(alice)


def _read(pane: Pane) -> None:
    """A viewer has time for what is new, once all of it is drawn."""
    pane.terminal.camera.until_still()
    pane.terminal.camera.hold(READ_S)


def _free_port() -> int:
    """One that nobody has now: the server comes back on it."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


SCENES: Mapping[str, Scene] = MappingProxyType({"talk": talk, "demo": demo})
