"""A message without its marks."""

import pytest

from coterie.ui.plain import plain_words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("shipping **today**, *not* ~~later~~", "shipping today, not later"),
        ("see `a*b*c` @bobb", "see a*b*c @bobb"),
        ("# Plan\n\n- one\n2. two", "Plan • one 2. two"),
        ("```python\nprint(1)\n```\ndone", "print(1) done"),
        ("> asked\n\nanswered", "asked answered"),
        ("[here](https://a.example/x)", "here (https://a.example/x)"),
        ("2 * 3 * 4", "2 * 3 * 4"),
        ("", ""),
    ],
)
def test_words_are_left_and_marks_are_not(text: str, words: str) -> None:
    assert plain_words(text) == words


def test_the_address_of_a_link_is_never_hidden_behind_its_words() -> None:
    said = plain_words("[https://good.example](https://bad.example)")
    assert said.endswith("(https://bad.example)")
