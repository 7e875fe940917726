"""Lines of so many cells."""

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from coterie.tui.wrapping import MAX_STACKED, Line, chop, cut, harmless, wrap

TEXTS = st.text(st.sampled_from("ab \n東😄é\u0301\u200d\ufe0f❤ م"), max_size=60)


def texts(lines: list[Line]) -> list[str]:
    return ["".join(text for text, _ in line) for line in lines]


def test_lines_are_broken_between_words() -> None:
    assert texts(wrap([("shipping today, see README", "text")], 15)) == [
        "shipping today,",
        "see README",
    ]


def test_a_style_begins_within_a_line() -> None:
    assert wrap([("see ", "text"), ("README now", "code")], 10) == [
        [("see ", "text"), ("README", "code")],
        [("now", "code")],
    ]


def test_a_word_that_fits_nowhere_is_broken_at_the_edge() -> None:
    assert texts(wrap([("a " + "x" * 12, "text")], 8)) == ["a xxxxxx", "xxxxxx"]


def test_a_wide_character_takes_two_cells() -> None:
    assert texts(wrap([("東京タワー", "text")], 5)) == ["東京", "タワ", "ー"]


def test_code_keeps_its_spaces() -> None:
    assert texts(chop("  if x:\n    y", "code", 6)) == ["  if x", ":", "    y"]


@given(TEXTS, st.integers(2, 20))
def test_no_line_is_too_wide_and_nothing_but_space_is_lost(text: str, width: int) -> None:
    lines = texts(wrap([(text, "text")], width))
    assert all(cell_len(line) <= width for line in lines)
    assert "".join("".join(lines).split()) == "".join(text.split())


@given(TEXTS, st.integers(0, 20))
def test_what_is_cut_fits_and_says_so(text: str, width: int) -> None:
    short = cut(text, width)
    assert cell_len(short) <= width
    assert short == text or width == 0 or short.endswith("…")


def test_marks_upon_marks_are_a_few() -> None:
    assert harmless("e" + "\u0301" * 5_000) == "e" + "\u0301" * MAX_STACKED
    assert harmless("a" + "\u200b" * 5_000) == "a" + "\u200b" * MAX_STACKED


def test_what_moves_a_cursor_is_seen_as_something_else() -> None:
    assert harmless("\x1b[2J\x1b]0;title\x07\u202eabc\tx") == "�[2J�]0;title��abc    x"


@given(TEXTS, st.integers(-3, 1))
def test_without_room_all_is_there_nevertheless(text: str, width: int) -> None:
    """A window of three columns never came back: the width went below nothing, and the lines to no end."""
    wrapped, chopped = wrap([(text, "text")], width), chop(text, "code", width)
    assert "".join("".join(texts(wrapped)).split()) == "".join(text.split())
    assert "".join(texts(chopped)) == text.replace("\n", "")
