"""The search finds what is there, however it is written, and nothing else."""

import base64
import secrets
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coterie.demo.search import Form, Hit, find, plant, spellings

TEXT = "The heron is back at the old mill. [kshqg6tindev]"


def found(data: bytes, text: str = TEXT) -> set[Form]:
    return {hit.form for hit in find({"it": text}, [("there", data)])}


@pytest.mark.parametrize(
    ("data", "form"),
    [
        (f"x{TEXT}y".encode(), Form.RAW),
        (f"x{TEXT}y".encode().hex().encode(), Form.HEX),
        (f"x{TEXT}y".encode().hex().upper().encode(), Form.HEX),
        (f"x{TEXT}y".encode("utf-16-le"), Form.UTF_16),
        (f"x{TEXT}y".encode("utf-16-be"), Form.UTF_16),
        (TEXT.encode("utf-16"), Form.UTF_16),  # with its mark in front
    ],
)
def test_text_is_found_in_each_form(data: bytes, form: Form) -> None:
    assert form in found(data)


@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
@given(text=st.text(min_size=6), before=st.binary(max_size=40), behind=st.binary(max_size=40))
def test_text_is_found_in_base64_wherever_it_begins(
    encode: Callable[[bytes], bytes], text: str, before: bytes, behind: bytes
) -> None:
    assert Form.BASE64 in found(encode(before + text.encode() + behind), text)


def test_spellings_in_base64_depend_on_nothing_but_the_text() -> None:
    """Else a neighbour that nobody thought of would hide it."""
    for neighbour in (b"\x00", b"\xff"):
        for shift in range(3):
            whole = base64.b64encode(neighbour * shift + TEXT.encode() + neighbour * 3)
            assert len({each for _, each in spellings(TEXT) if each in whole}) == 1


def test_nothing_is_found_where_there_is_nothing() -> None:
    assert find({"it": TEXT}, [("noise", secrets.token_bytes(2**16)), ("nothing", b"")]) == []


def test_part_of_a_text_is_not_the_text() -> None:
    assert not found(TEXT[:-1].encode() + TEXT[1:].encode())


def test_hit_says_what_was_found_and_where() -> None:
    texts, sources = (
        {"one": "first text", "two": "second text"},
        [("a", b""), ("b", b"a second text")],
    )
    assert find(texts, sources) == [Hit("two", Form.RAW, "b")]


def test_what_is_planted_is_found_in_every_spelling() -> None:
    marks = iter(f"mark{number:02}{secrets.token_hex(8)}" for number in range(40))
    texts, data = plant(lambda: next(marks))
    assert {hit.what for hit in find(texts, [("there", b"\x00" + data)])} == set(texts)


@pytest.mark.parametrize("forgotten", range(11))
def test_search_that_forgot_a_spelling_would_miss_what_is_planted(forgotten: int) -> None:
    """The control can fail: each spelling is needed for a text of its own."""
    marks = iter(f"mark{number:02}{secrets.token_hex(8)}" for number in range(40))
    texts, data = plant(lambda: next(marks))
    seen = {
        what
        for what, text in texts.items()
        for number, (_, spelling) in enumerate(spellings(text))
        if number != forgotten and spelling in data
    }
    assert len(seen) == len(texts) - 1
