"""tmux, with a server of the film's own: panes below each other, each with its title, and one camera on all."""

import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from scripts.film.camera import DEADLINE_S, Camera

SHELL = ("bash", "--noprofile", "--norc")
PROMPT = "$ "
KEY_S = 0.06  # a person's pace at the keys
OPTIONS = (  # "@" takes a capability away that pyte does not know
    ("status", "off"),
    ("default-terminal", "tmux-256color"),
    ("terminal-features", "xterm*:RGB"),
    ("terminal-overrides", "xterm*:rep@:indn@:rin@"),
    ("escape-time", "0"),
    ("allow-rename", "off"),
    ("pane-border-format", " #{@title} "),
    ("pane-border-style", "fg=brightblack"),
    ("pane-active-border-style", "fg=brightblack"),
)


@dataclass(frozen=True, slots=True)
class Pane:
    """One shell of the terminal: types into it, and waits for what it shows."""

    terminal: "Terminal"
    target: str
    top: int
    height: int

    def lines(self, screen: list[str]) -> list[str]:
        """Its part of the screen."""
        return screen[self.top : self.top + self.height]

    def until_shown(self, *texts: str) -> None:
        """Waits for all of them. Raises NotShown."""
        self.terminal.camera.until(
            lambda screen: all(text in "\n".join(self.lines(screen)) for text in texts),
            f"{self.target} should show {texts}",
        )

    def until_gone(self, text: str) -> None:
        """Waits until nothing of it is left. Raises NotShown."""
        self.terminal.camera.until(
            lambda screen: text not in "\n".join(self.lines(screen)),
            f"{self.target} should not show {text!r} any more",
        )

    def clear(self) -> None:
        """As for a new page, of a shell. Raises NotShown."""
        self.enter("clear")
        self.terminal.camera.until(
            lambda screen: "".join(self.lines(screen)).strip() == PROMPT.strip(),
            f"{self.target} should be empty",
        )

    def found(self, pattern: str) -> str:
        """The first match of a pattern in what it shows now, over the ends of its lines."""
        shown = self.terminal.tmux("capture-pane", "-p", "-J", "-t", self.target)
        match = re.search(pattern, shown)
        if match is None:
            raise LookupError(f"{pattern} is not in:\n{shown}")
        return match[0]

    def type(self, text: str) -> None:
        """Letter by letter."""
        for letter in text:
            word = "\\;" if letter == ";" else letter  # which else parts two commands of tmux
            self.terminal.tmux("send-keys", "-t", self.target, "-l", word)
            self.terminal.camera.hold(KEY_S)

    def press(self, *keys: str) -> None:
        """Keys by tmux's names."""
        for key in keys:
            self.terminal.tmux("send-keys", "-t", self.target, key)
            self.terminal.camera.hold(KEY_S)

    def enter(self, text: str) -> None:
        """The line, and Enter."""
        self.type(text)
        self.press("Enter")

    def paste(self, text: str) -> None:
        """All at once, as a paste."""
        self.terminal.tmux("set-buffer", text)
        self.terminal.tmux("paste-buffer", "-p", "-d", "-t", self.target)
        self.terminal.camera.hold(KEY_S)


class Terminal:
    """``panes`` from top to bottom, by title and height; a line with the title is above each."""

    def __init__(
        self, folder: Path, title: str, width: int, panes: Mapping[str, int], env: Mapping[str, str]
    ) -> None:
        self._command = ("tmux", "-S", str(folder / "tmux"), "-f", "/dev/null")
        self._env = env
        border = 1 if len(panes) > 1 else 0
        height = sum(rows + border for rows in panes.values())
        size = ("-x", str(width), "-y", str(height))
        # by itself: a shell around it would drop PS1
        self.tmux("new-session", "-d", "-s", "film", *size, "-c", str(folder), *SHELL)
        for name, value in OPTIONS:
            self.tmux("set-option", "-g", name, value)
        if border:
            self.tmux("set-option", "-g", "pane-border-status", "top")
        for _ in list(panes)[1:]:
            self.tmux("split-window", "-v", "-c", str(folder), *SHELL)
            self.tmux("select-layout", "even-vertical")
        self.panes: dict[str, Pane] = {}
        top = 0
        for number, (name, rows) in enumerate(panes.items()):
            target = f"film:0.{number}"
            self.tmux("resize-pane", "-t", target, "-y", str(rows))
            self.tmux("set-option", "-p", "-t", target, "@title", name)
            top += border
            self.panes[name] = Pane(self, target, top, rows)
            top += rows
        attach = [*self._command, "-u", "attach", "-t", "film"]
        self.camera = Camera(attach, title, (width, height), self._env)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.camera.cut()
        self.tmux("kill-server")
        self.camera.__exit__(kind, error, trace)

    def tmux(self, *words: str) -> str:
        """What a command of tmux prints. Raises CalledProcessError."""
        return subprocess.run(  # noqa: S603
            [*self._command, *words],
            capture_output=True,
            text=True,
            check=True,
            timeout=DEADLINE_S,
            env=self._env,
        ).stdout


def environment(home: Path, program: Path) -> dict[str, str]:
    """For what is filmed: ``program`` is found by its name, and nothing of the person who films is seen."""
    return {
        "PATH": f"{program.parent}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "TERM": "xterm-256color",
        "COLORTERM": "truecolor",
        "PS1": PROMPT,
        "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
        "TEXTUAL_ANIMATIONS": "none",
    }
