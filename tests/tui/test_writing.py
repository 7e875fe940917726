"""A message on the screen, whatever somebody put in it."""

import pytest
from rich.cells import cell_len

from coterie.tui.writing import INDENT, MAX_LINES, MAX_SHOWN, text_lines

WIDTH = 40
HOSTILE = {
    "one line of 64 kB": "x" * 65_536,
    "words": "word " * 13_000,
    "one character under 60,000 marks": "a" + "\u0301" * 60_000,
    "many characters under many marks": ("e" + "\u0301" * 20) * 3_000,
    "wide characters": "東" * 65_536,
    "families": "👨‍👩‍👧‍👦" * 5_000,
    "invisible": "\u200b" * 65_000,
    "joiners without anything to join": "\u200d\ufe0f" * 30_000,
    "marks of Markdown": "**_~~`" * 10_000,
    "quotes within quotes": ">" * 60_000,
    "empty lines": "\n" * 65_000,
    "a list in a list": "- " * 30_000,
    "a title, a cleared screen, a reversed line": "\x1b]0;x\x07\x1b[2J\u202e\r\x08" * 8_000,
    "markup": "[red]x[/red][@click=app.quit]y[/]",
    "a line of the system": "* bobb left\n── Monday ──\nalice ✓ 09:12\n  yes",
}


def texts(text: str, width: int = WIDTH, own_name: str = "alice") -> list[str]:
    lines = text_lines(text, width, own_name)
    return ["".join(part for part, _ in line) for line in lines]


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_text_stays_in_its_columns_and_cannot_move_the_cursor(text: str) -> None:
    lines = texts(text)
    assert len(lines) <= MAX_LINES + 2
    assert all(line.startswith(INDENT) for line in lines), "or it passes for a head"
    assert all(cell_len(line) <= WIDTH for line in lines)
    assert not any(ord(letter) < 0x20 or 0x7F <= ord(letter) < 0xA0 for letter in "".join(lines))


def test_markup_of_the_screen_is_text_like_any_other() -> None:
    assert texts(HOSTILE["markup"]) == [f"{INDENT}{HOSTILE['markup']}"]


def test_what_is_left_out_is_counted() -> None:
    assert texts("x" * (MAX_SHOWN + 1_234), 80)[-1] == (
        "  [1,234 more characters: `coterie read` shows them]"
    )


def test_a_link_shows_where_it_leads() -> None:
    assert texts("[bank](https://evil.example/)") == ["  bank (https://evil.example/)"]


def test_a_mention_of_the_reader_is_lit() -> None:
    line = text_lines("@alice and @bobb", WIDTH, "alice")[0]
    assert ("@alice", "mention-me") in line
    assert ("@bobb", "mention") in line


def test_blocks_are_drawn_each_in_its_way() -> None:
    text = "# Plan\none\n\ntwo\n- a\n  - b\n2. c\n> said\n```\n  code\n```"
    assert texts(text) == [
        "  Plan",
        "  one",
        "  ",
        "  two",
        "  • a",
        "    • b",
        "  2. c",
        "  ▌ said",
        "  │   code",
    ]
