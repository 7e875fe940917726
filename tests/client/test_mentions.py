"""Who is addressed in a text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coterie.client.mentions import is_mentioned, mentions


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("@bob can you?", ["bob"]),
        ("ask @bob.", ["bob"]),
        ("ask @bob, @carol-x and (@d.e)", ["bob", "carol-x", "d.e"]),
        ("@Bob!", ["bob"]),
        ("line\n@bob", ["bob"]),
        ("bob@example.org", []),
        ("@@bob", []),
        ("@b", []),
        ("@ bob", []),
        ("@9lives", []),
        ("@" + "x" * 32, ["x" * 32]),
        ("@" + "x" * 33, []),
        ("@bob." + "x" * 33, []),
        ("@bobé", []),
        ("", []),
    ],
)
def test_a_mention_is_a_name_behind_an_at_sign(text: str, names: list[str]) -> None:
    assert [name for _, _, name in mentions(text)] == names


@given(st.text(alphabet="@abB._- \n", max_size=80))
def test_a_mention_lies_where_it_is_said_to_lie(text: str) -> None:
    for begin, end, name in mentions(text):
        assert text[begin:end].lower() == f"@{name}"


def test_a_longer_name_does_not_mention_the_shorter() -> None:
    assert is_mentioned("ask @bob", "bob")
    assert not is_mentioned("ask @bob.smith and @bobby", "bob")
