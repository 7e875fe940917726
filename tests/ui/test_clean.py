"""Text from others, made harmless."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coterie.ui.clean import clean, clean_line


@given(st.text())
def test_nothing_is_left_that_moves_the_cursor_or_reorders_a_line(text: str) -> None:
    for character in clean(text):
        if character not in "\n\t":
            assert unicodedata.category(character) not in ("Cc", "Zl", "Zp")
            assert not unicodedata.bidirectional(character).endswith(("E", "O", "I", "F"))


@given(st.text())
def test_a_line_is_one_line(text: str) -> None:
    assert len(clean_line(text).splitlines()) <= 1


@pytest.mark.parametrize("text", ["plain", "zwj 👩‍💻", "עברית", "العربية", "two\n\tlines", "é́"])
def test_what_people_write_stays_as_it_is(text: str) -> None:
    assert clean(text) == text


@given(st.text())
def test_cleaning_again_changes_nothing(text: str) -> None:
    assert clean(clean(text)) == clean(text)
    assert len(clean(text)) == len(text)
