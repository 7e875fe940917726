"""What a stranger sees: colour on a terminal, plain text elsewhere, ASCII where there is no more."""

import re

import pytest

from coterie.demo.database import Stored
from coterie.demo.exchange import Exchange
from coterie.demo.look import Look
from coterie.demo.proofs import Proof

EXCHANGE = Exchange(
    "alice", "bobb", "hello [mark]", (bytes(300),), Stored(3, "message", b"\xab" * 200), (b"\x01",)
)
HOLDS, FAILS = Proof("control", True, "all of it " * 20), Proof("unreadable", False, "it is there")


def seen(*, is_coloured: bool = False, is_ascii: bool = False, width: int = 80) -> list[str]:
    lines: list[str] = []
    look = Look(lines.append, is_coloured=is_coloured, is_ascii=is_ascii, width=width)
    look.title()
    look.act("They talk")
    look.remark("A remark.")
    look.typed("alice", "coterie send …", "done")
    look.exchange(EXCHANGE)
    look.proof(HOLDS)
    look.proof(FAILS)
    look.verdict([HOLDS, FAILS], 4.2)
    look.verdict([HOLDS], 4.2)
    look.next_steps("Now you:", [("coterie serve", "a server")])
    return lines


def test_message_is_shown_with_what_the_wire_carried_and_the_server_stored() -> None:
    text = "\n".join(seen())
    assert "alice    types  hello [mark]" in text
    assert "300 bytes from alice  00 00 00" in text
    assert "200 bytes entry 3     ab ab ab" in text
    assert "1 bytes to bobb     01\n" in text
    assert "bobb     reads  hello [mark]" in text


def test_tick_and_cross_are_told_apart_without_colour() -> None:
    lines = seen()
    assert "  ✓ the search finds what is there to be found" in lines
    assert any(line.startswith("  ✗ no message, room name") for line in lines)
    assert "✗ 1 of 2 failed, after 4.2 s" in lines
    assert "✓ all 1 hold, after 4.2 s" in lines


def test_nothing_but_text_leaves_it_where_there_is_no_colour() -> None:
    assert not any("\x1b" in line for line in seen())


def test_colour_ends_where_it_began() -> None:
    coloured = [line for line in seen(is_coloured=True) if "\x1b" in line]
    assert len(coloured) > 5
    assert all(line.endswith("\x1b[0m") or "\x1b[0m " in line for line in coloured)


def test_colour_changes_no_text() -> None:
    stripped = [re.sub(r"\x1b\[[0-9;]*m", "", line).rstrip() for line in seen(is_coloured=True)]
    assert stripped == seen()


def test_ascii_has_words_for_ticks() -> None:
    lines = seen(is_ascii=True)
    assert all(line.isascii() for line in lines)
    assert "  ok the search finds what is there to be found" in lines
    assert any(line.startswith("  FAILED no message") for line in lines)


@pytest.mark.parametrize("width", [80, 100, 200])
def test_lines_fit_the_screen(width: int) -> None:
    assert max(map(len, seen(width=width))) <= width
