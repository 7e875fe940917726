"""Emoji by name."""

import re

import pytest

from coterie.content import EMOJI
from coterie.ui import emoji


def test_every_one_can_be_sent_as_a_reaction() -> None:
    refused = [name for name, drawn in emoji.names().items() if not re.search(EMOJI, drawn)]
    assert refused == []


def test_every_name_can_be_typed_behind_a_colon() -> None:
    assert [name for name in emoji.names() if re.search(r"[\s@#:]", name)] == []


@pytest.mark.parametrize(
    ("name", "drawn"), [("tada", "🎉"), ("+1", "👍"), ("rocket", "🚀"), ("flexed_biceps", "💪")]
)
def test_names_of_other_chats_and_of_unicode_are_known(name: str, drawn: str) -> None:
    assert emoji.names()[name] == drawn


def test_that_very_name_comes_first_then_well_known_ones_and_inner_words_last() -> None:
    found = [name for name, _ in emoji.matching("hea", 100)]
    assert found[:2] == ["heart", "heart_eyes"]
    assert found.index("headphones") < found.index("orange_heart")
    assert len(emoji.matching("hea", 3)) == 3
    assert emoji.matching("book", 2) == [("book", "📖"), ("books", "📚")]
    assert emoji.matching("no such", 3) == []


@pytest.mark.parametrize(
    ("drawn", "name"),
    [
        ("👍", "thumbs up"),
        ("❤", "heart"),
        ("❤️", "heart"),
        ("👍🏽", "thumbs up"),
        ("🧿", "nazar amulet"),
        ("🇩🇪", "🇩🇪"),
    ],
)
def test_emoji_can_be_said_aloud(drawn: str, name: str) -> None:
    assert emoji.name_of(drawn) == name


def test_a_name_between_colons_is_drawn_and_all_else_is_itself() -> None:
    assert [emoji.drawn(typed) for typed in (":tada:", "👍", ":", "::", ":no_such:", "tada")] == [
        "🎉", "👍", ":", "::", ":no_such:", "tada"
    ]  # fmt: skip
