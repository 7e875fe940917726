"""Web addresses in a text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coterie.client.links import has_link, links


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("see https://a.example/b?c=d#e.", ["https://a.example/b?c=d#e"]),
        ("(http://a.example)", ["http://a.example"]),
        ("https://a.example/x_(y)", ["https://a.example/x_(y)"]),
        ("(see https://a.example/x_(y))", ["https://a.example/x_(y)"]),
        ("**https://a.example**", ["https://a.example"]),
        ("HTTPS://A.example", ["HTTPS://A.example"]),
        ("<https://a.example> and https://b.example", ["https://a.example", "https://b.example"]),
        ("https://bücher.example/ü", ["https://bücher.example/ü"]),
        ("ftp://a.example javascript:alert(1)", []),
        ("https:// a", []),
    ],
)
def test_addresses_are_found_whole_and_without_the_sentence_around_them(
    text: str, found: list[str]
) -> None:
    assert [text[begin:end] for begin, end in links(text)] == found
    assert has_link(text) is bool(found)


@given(st.text(alphabet="https://()[].*x ", max_size=80))
def test_an_address_is_never_cut_within_itself(text: str) -> None:
    for begin, end in links(text):
        assert text[begin:end].lower().startswith(("http://", "https://"))
