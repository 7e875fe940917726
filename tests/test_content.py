"""What people say: nothing is dropped, whatever it is."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coterie.content import (
    MAX_TEXT,
    Content,
    Delete,
    Edit,
    Reaction,
    Ref,
    Text,
    Unknown,
    decode,
    encode,
)

WORDS = st.text(st.characters(codec="utf-8"), max_size=200)
TIMES = st.integers(0, 2**53)
REFS = st.builds(Ref, st.binary(min_size=16, max_size=16), st.binary(min_size=16, max_size=16))
EMOJI = st.sampled_from(["👍", "❤️", "1️⃣", "🇩🇪", "👩🏽‍💻", "🏴󠁧󠁢󠁳󠁣󠁴󠁿", "👩🏻‍❤️‍💋‍👨🏿", "©", "↩️"])
KINDS = st.one_of(
    st.builds(Text, WORDS, TIMES, st.none() | REFS, st.none() | REFS, st.booleans()),
    st.builds(Edit, REFS, WORDS.filter(bool), TIMES),
    st.builds(Delete, REFS, TIMES),
    st.builds(Reaction, REFS, EMOJI, TIMES, st.booleans()),
)
TARGET = Ref(b"d" * 16, b"m" * 16)


@given(KINDS)
def test_every_kind_comes_back(content: Content) -> None:
    assert decode(encode(content)) == content


def test_plain_text_has_the_bytes_that_it_always_had() -> None:
    assert encode(Text("hi", 5)) == msgspec.msgpack.encode(
        {"kind": "text", "text": "hi", "time": 5}
    )


def test_longest_text_comes_back_and_a_longer_one_is_shown_as_unknown() -> None:
    longest = Text("x" * MAX_TEXT, 0)
    assert decode(encode(longest)) == longest
    longer = encode(Text("x" * (MAX_TEXT + 1), 0))
    assert decode(longer) == Unknown("text", longer)


@given(st.binary(max_size=200))
def test_any_bytes_are_content_and_keep_their_form(encoded: bytes) -> None:
    content = decode(encoded)
    if isinstance(content, Unknown):
        assert encode(content) == encoded


@given(st.text(st.characters(codec="utf-8"), max_size=64).filter(lambda kind: kind != "text"))
def test_kind_of_a_newer_version_is_kept_with_its_name(kind: str) -> None:
    encoded = msgspec.msgpack.encode({"kind": kind, "sticker": b"\x01", "time": 5})
    assert decode(encoded) == Unknown(kind, encoded)


def test_text_of_a_newer_version_is_read_though_it_has_more_fields() -> None:
    encoded = msgspec.msgpack.encode({"kind": "text", "text": "hi", "time": 5, "mood": b"id"})
    assert decode(encoded) == Text("hi", 5)


@pytest.mark.parametrize(
    "encoded",
    [
        b"",
        b"\xc1",
        msgspec.msgpack.encode("text"),
        msgspec.msgpack.encode({"kind": 5}),
        msgspec.msgpack.encode({"kind": "x" * 65}),
        b"\x81\xa4kind\xa1\xff",  # not UTF-8
        b"\x91" * 5000,
    ],
    ids=range(7),
)
def test_what_has_no_kind_is_unknown_all_the_same(encoded: bytes) -> None:
    assert decode(encoded) == Unknown("", encoded)


@pytest.mark.parametrize("time", [-1, 2**53 + 1, "now", 1.5])
def test_text_with_a_time_that_is_none_is_unknown(time: object) -> None:
    encoded = msgspec.msgpack.encode({"kind": "text", "text": "hi", "time": time})
    assert decode(encoded) == Unknown("text", encoded)


@pytest.mark.parametrize(
    "emoji",
    [
        "",
        "ok",
        "1",
        "👍👍",  # two of them
        "👍\n",
        "\u202e",  # turns the line
        "\u200d",  # cannot be seen
        "\ufe0f",
        "👍\u200d",
        "🇩",
        "👍" + "\U000e0061" * 16,  # longer than any emoji
    ],
)
def test_reaction_that_is_not_one_emoji_is_unknown(emoji: str) -> None:
    encoded = encode(Reaction(TARGET, emoji, 5))
    assert decode(encoded) == Unknown("reaction", encoded)


def test_edit_to_nothing_is_unknown() -> None:
    encoded = encode(Edit(TARGET, "", 5))
    assert decode(encoded) == Unknown("edit", encoded)


@pytest.mark.parametrize("target", [Ref(b"", b"m" * 16), Ref(b"d" * 16, b"m" * 17)])
def test_reference_of_another_size_makes_its_content_unknown(target: Ref) -> None:
    encoded = encode(Delete(target, 5))
    assert decode(encoded) == Unknown("delete", encoded)
