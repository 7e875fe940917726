"""What rings, and what a terminal is given then."""

import os
import threading
from pathlib import Path

import pytest
from msgspec import structs

from coterie.client import api
from coterie.tui import notify
from coterie.tui.notify import Notifier
from coterie.tui.settings import Settings
from tests.cli.fakes import OPS, message

QUIET = Settings(bell=False)
MENTION = structs.replace(message("look @alice"), mentions_me=True)


class Terminal:
    """What was written to it, the desktop beside it, and a clock."""

    def __init__(self, settings: Settings, *, is_in_tmux: bool = False) -> None:
        self.written = ""
        self.told: list[str] = []
        self.now = 100.0
        self.notifier = Notifier(
            settings,
            self._write,
            lambda: self.now,
            tell_desktop=self.told.append,
            is_in_tmux=is_in_tmux,
        )

    def _write(self, text: str) -> None:
        self.written += text


def rung(
    settings: Settings, said: api.Message, room: api.Room = OPS, *, is_in_tmux: bool = False
) -> Terminal:
    terminal = Terminal(settings, is_in_tmux=is_in_tmux)
    terminal.notifier.ring(room, said)
    return terminal


def test_usually_the_bell_rings_and_nothing_is_told() -> None:
    terminal = rung(Settings(), message("the password is hunter2"))
    assert (terminal.written, terminal.told) == ("\a", [])


def test_no_words_of_others_unless_that_is_wanted() -> None:
    settings = Settings(terminal="osc9", desktop=True)
    terminal = rung(settings, message("the password is hunter2"))
    assert terminal.written == "\a\x1b]9;Coterie: new message\a"
    assert terminal.told == ["new message"]


def test_with_text_it_says_who_and_where() -> None:
    settings = Settings(bell=False, terminal="osc777", desktop=True, show_text=True)
    terminal = rung(settings, message("one; two\nthree"))
    assert terminal.written == "\x1b]777;notify;Coterie;bobb in #ops: one, two three\a"
    assert terminal.told == ["bobb in #ops: one; two three"]


def test_of_a_direct_message_the_room_is_not_said() -> None:
    room = structs.replace(OPS, direct="bobb", name="bobb")
    assert rung(Settings(desktop=True, show_text=True), message("hi"), room).told == ["bobb: hi"]


@pytest.mark.parametrize(
    "text", ["\x1b]2;owned\a", "\x9c\x1b\\\x1b[2J", "a\x07b", "\u202eolleh", "e" + "\u0301" * 5_000]
)
def test_no_text_of_others_can_end_the_sequence_or_begin_another(text: str) -> None:
    settings = Settings(bell=False, terminal="osc9", show_text=True)
    written = rung(settings, message(text)).written
    inside = written.removeprefix("\x1b]9;Coterie: bobb in #ops: ").removesuffix("\a")
    assert len(inside) < 200
    assert not any(sign in inside for sign in "\x1b\a\x9c\u202e")
    assert inside


def test_a_name_of_a_room_cannot_either() -> None:
    settings = Settings(bell=False, terminal="osc9", show_text=True)
    room = structs.replace(OPS, name="ops\x1b]2;owned\a")
    assert rung(settings, message("hi"), room).written.count("\x1b") == 1


def test_tmux_is_made_to_pass_it_on() -> None:
    settings = Settings(bell=True, terminal="osc9")
    terminal = rung(settings, message("hi"), is_in_tmux=True)
    assert terminal.written == "\a\x1bPtmux;\x1b\x1b]9;Coterie: new message\a\x1b\\"


def test_a_flood_rings_once_a_second() -> None:
    terminal = Terminal(Settings())
    for _ in range(11):
        terminal.notifier.ring(OPS, message("hi"))
        terminal.now += 0.25
    assert terminal.written == "\a" * 3


@pytest.mark.parametrize(
    ("attention", "said", "is_rung"),
    [
        ("all", message("hi"), True),
        ("mentions", message("hi"), False),
        ("mentions", MENTION, True),
        ("nothing", MENTION, False),
    ],
)
def test_a_room_rings_as_much_as_it_may(
    attention: api.AttentionWord, said: api.Message, is_rung: bool
) -> None:
    room = structs.replace(OPS, attention=attention)
    assert bool(rung(Settings(), said, room).written) == is_rung


def test_nothing_rings_for_who_is_not_to_be_disturbed() -> None:
    terminal = rung(Settings(do_not_disturb=True, terminal="osc9", desktop=True), MENTION)
    assert (terminal.written, terminal.told) == ("", [])


def test_a_change_of_settings_counts_at_once() -> None:
    terminal = Terminal(QUIET)
    terminal.notifier.settings = Settings()
    terminal.notifier.ring(OPS, message("hi"))
    assert terminal.written == "\a"


def test_the_title_is_left_alone_unless_that_is_wanted() -> None:
    terminal = Terminal(Settings())
    terminal.notifier.show_unread(3)
    terminal.notifier.close()
    assert terminal.written == ""


def test_the_title_counts_what_is_unread_and_is_given_back() -> None:
    terminal = Terminal(Settings(title=True))
    terminal.notifier.show_unread(3)
    terminal.notifier.show_unread(3)
    terminal.notifier.show_unread(0)
    terminal.notifier.close()
    terminal.notifier.close()
    assert terminal.written == "\x1b[22;0t\x1b]2;(3) Coterie\a\x1b]2;Coterie\a\x1b[23;0t"


def test_a_title_that_is_not_wanted_any_more_is_given_back() -> None:
    terminal = Terminal(Settings(title=True))
    terminal.notifier.show_unread(3)
    terminal.notifier.settings = Settings()
    terminal.notifier.show_unread(3)
    assert terminal.written.endswith("Coterie\a\x1b[23;0t")


def test_the_desktop_is_told_by_its_program_without_markup_or_options(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program, told = tmp_path / notify.PROGRAM, tmp_path / "told"
    program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {told}\n', encoding="utf-8")
    program.chmod(0o700)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    notify.tell_by_program(r"--icon=/etc/passwd <b>&</b> \74b\76")
    for thread in threading.enumerate():
        if thread.name == notify.PROGRAM:
            thread.join(5)
    assert told.read_text(encoding="utf-8").splitlines() == [
        *("--app-name", "Coterie", "--", "Coterie"),
        r"--icon=/etc/passwd &lt;b>&amp;&lt;/b> \\74b\\76",
    ]


def test_without_the_program_nothing_happens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    notify.tell_by_program("hi")
    assert not any(thread.name == notify.PROGRAM for thread in threading.enumerate())
