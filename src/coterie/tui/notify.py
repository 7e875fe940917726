"""What tells a person who looks elsewhere: the bell, a notification by the terminal or the desktop, the window's title.

No text of others is in it unless the person wants that: a screen may be shared, and a desktop keeps what it showed.
"""

import os
import shutil
import subprocess
import threading
from collections.abc import Callable
from contextlib import suppress

from coterie.client.api import Message, Room
from coterie.client.attention import Attention, rings
from coterie.tui.settings import Settings
from coterie.tui.wrapping import cut, harmless
from coterie.ui.clean import clean_line

LEAST_APART_S = (
    1.0  # between two of them: more often is noise, and a flood would be its sender's toy
)
MAX_SHOWN = 120  # cells of what was written
TITLE = "Coterie"
PROGRAM = "notify-send"
PATIENCE_S = 10.0  # with a desktop that does not answer

_NOWHERE = subprocess.DEVNULL
_ESC, _BEL = "\x1b", "\x07"
_ST = f"{_ESC}\\"
_KEEP_TITLE, _GIVE_TITLE_BACK = f"{_ESC}[22;0t", f"{_ESC}[23;0t"  # XTerm's own stack of titles


class Notifier:
    """``write`` gives text to the terminal as it is, ``now`` is a clock; ``tell_desktop`` shows a sentence."""

    def __init__(
        self,
        settings: Settings,
        write: Callable[[str], object],
        now: Callable[[], float],
        *,
        tell_desktop: Callable[[str], object] | None = None,
        is_in_tmux: bool | None = None,
    ) -> None:
        self.settings = settings
        self._write, self._now = write, now
        self._tell_desktop = tell_desktop or tell_by_program
        self._is_in_tmux = bool(os.environ.get("TMUX")) if is_in_tmux is None else is_in_tmux
        self._rang_at: float | None = None
        self._titled = ""  # as the window's title was set, where it was

    def ring(self, room: Room, message: Message) -> None:
        """Somebody else said something new that is not on the screen."""
        settings = self.settings
        is_due = rings(
            Attention(room.attention),
            is_mention=message.mentions_me,
            is_direct=bool(room.direct),
            do_not_disturb=settings.do_not_disturb,
        )
        now = self._now()
        if not is_due or (self._rang_at is not None and now < self._rang_at + LEAST_APART_S):
            return
        self._rang_at = now
        text = sentence(room, message) if settings.show_text else "new message"
        if settings.bell:
            self._write(_BEL)
        if settings.terminal != "off":
            self._write(self._past_tmux(_by_terminal(settings.terminal, text)))
        if settings.desktop:
            self._tell_desktop(text)

    def show_unread(self, count: int) -> None:
        """In the window's title, if the person wants that."""
        title = (f"({count}) {TITLE}" if count else TITLE) if self.settings.title else ""
        if title == self._titled:
            return
        if title:
            self._write("" if self._titled else _KEEP_TITLE)
            self._write(f"{_ESC}]2;{title}{_BEL}")
        else:
            self._write(_GIVE_TITLE_BACK)
        self._titled = title

    def close(self) -> None:
        """Gives the title back, where it was taken."""
        if self._titled:
            self._write(_GIVE_TITLE_BACK)
            self._titled = ""

    def _past_tmux(self, sequence: str) -> str:
        """tmux keeps to itself what it does not know, unless it is wrapped (and ``allow-passthrough`` is on)."""
        if not self._is_in_tmux:
            return sequence
        return f"{_ESC}Ptmux;{sequence.replace(_ESC, _ESC * 2)}{_ST}"


def sentence(room: Room, message: Message) -> str:
    """Who said what and where, on one line, with nothing in it that a terminal obeys."""
    where = "" if room.direct else f" in #{room.name}"
    said = f"{message.sender}{where}: {message.text[: MAX_SHOWN * 4]}"
    return cut(clean_line(harmless(said)), MAX_SHOWN)


def _by_terminal(kind: str, text: str) -> str:
    if kind == "osc777":
        return f"{_ESC}]777;notify;{TITLE};{text.replace(';', ',')}{_BEL}"  # ; would begin another part
    return f"{_ESC}]9;{TITLE}: {text}{_BEL}"


def tell_by_program(text: str) -> None:
    """A notification of the desktop, where there is the program for it. Never waits for it, and never fails."""
    program = shutil.which(PROGRAM)
    if program is None:
        return
    # It reads \074 as <, and < and & would be markup then; behind -- nothing is an option.
    shown = text.replace("\\", "\\\\").replace("&", "&amp;").replace("<", "&lt;")
    words = [program, "--app-name", TITLE, "--", TITLE, shown]

    def run() -> None:
        with suppress(OSError, subprocess.TimeoutExpired):  # there is nobody to tell
            subprocess.run(  # noqa: S603
                words,
                check=False,
                timeout=PATIENCE_S,
                stdin=_NOWHERE,
                stdout=_NOWHERE,
                stderr=_NOWHERE,
            )

    threading.Thread(target=run, name=PROGRAM, daemon=True).start()
