"""The tutorial, typed into three terminals as it stands."""

import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from scripts.film.terminal import Pane, Terminal, environment

from tests.docs.pages import DOCS, text_of
from tests.docs.test_lab import free_port

TUTORIAL = DOCS / "tutorial" / "a-team-talks-in-ten-minutes.md"
FOLDER = "/tmp/team"  # noqa: S108  # as the page has it
INVITE = re.compile(r"coterie://\S*\.\.\.$")
KEYS = {
    "Ctrl+K": "C-k",
    "Ctrl+F": "C-f",
    "Shift+Tab": "BTab",
    "↑": "Up",
    "Esc": "Escape",
    "r": "r",
    "Enter": "Enter",
}
STEP = re.compile(
    r"(?P<who>In (?P<name>server|alice|bobb)(?:'s)? terminal|In the (?P<server>server)'s terminal)"
    r"|\*\*(?P<key>[^*]+)\*\*"
    r"|^    (?P<typed>.+)$"
    r"|^```text\n(?P<shown>(?:.*\n)*?)```$",
    re.MULTILINE,
)
INSTALLING = ("python3 -m venv", "source ")  # done before the tests


def steps(text: str) -> Iterator[tuple[str, str]]:
    """In the order of the page: ``name``, ``key``, ``typed`` and ``shown``, each with its words."""
    for found in STEP.finditer(text):
        if found["who"]:
            yield "name", found["name"] or found["server"]
        for kind in ("key", "typed", "shown"):
            if found[kind]:
                yield kind, found[kind]


def enter(pane: Pane, words: str) -> None:
    """At once, and Enter."""
    pane.paste(words)
    pane.press("Enter")


def press(pane: Pane, key: str) -> None:
    """And waits until what it does is done, as a person does."""
    camera = pane.terminal.camera
    before = camera.lines()
    pane.press(key)
    camera.until(lambda lines: lines != before, f"something else after {key}")
    camera.until_still()


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")
def test_everything_in_the_tutorial_shows_what_the_page_says(tmp_path: Path) -> None:
    """With its folder and its port exchanged for some that nobody else has."""
    text = text_of(TUTORIAL).replace(FOLDER, str(tmp_path)).replace("7617", str(free_port()))
    env = environment(tmp_path, Path(sys.executable).with_name("coterie"))
    with Terminal(tmp_path, "team", 120, {"server": 12, "alice": 24, "bobb": 24}, env) as terminal:
        for pane in terminal.panes.values():
            pane.until_shown("$")
        server = pane = terminal.panes["server"]
        for kind, words in steps(text):
            match kind:
                case "name":
                    pane = terminal.panes[words]
                case "key":
                    press(pane, KEYS[words])
                case "typed" if words.startswith(INSTALLING):
                    pass
                case "typed" if INVITE.search(words):
                    enter(pane, server.found(r"coterie://\S+"))
                case "typed" if words.startswith("coterie invite"):
                    pane.clear()  # so that only one invite is there
                    enter(pane, words)
                case "typed":
                    enter(pane, words)
                case _:  # shown
                    pane.until_shown(*words.splitlines())


def test_steps_of_the_tutorial_are_found() -> None:
    """The control: each command of the page is one of them, and each key is known."""
    found = list(steps(text_of(TUTORIAL)))
    typed = [words for kind, words in found if kind == "typed"]
    assert typed == re.findall(r"^    (.+)$", text_of(TUTORIAL), re.MULTILINE)
    assert len(typed) > 15
    assert {words for kind, words in found if kind == "key"} == set(KEYS)
    assert {words for kind, words in found if kind == "name"} == {"server", "alice", "bobb"}
    assert sum(kind == "shown" for kind, _ in found) > 12
