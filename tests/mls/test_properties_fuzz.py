"""The fuzzing targets, on what the vectors hold, on that with changes, and on any bytes; without the fuzzer."""

import random

import pytest
from fuzz.decoders import DECODERS, target
from fuzz.make_corpus import Corpus, make
from fuzz.members import edited
from fuzz.targets import TARGETS
from hypothesis import given, settings
from hypothesis import strategies as st

from coterie.mls.codec import Reader

A_TARGET = 30  # inputs of each from the vectors


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return make()


@pytest.mark.parametrize("name", TARGETS)
def test_a_target_takes_what_the_vectors_hold_and_that_with_changes(
    corpus: Corpus, name: str
) -> None:
    chosen = random.Random(name)  # noqa: S311  # repeatable
    inputs = sorted(corpus[name])
    assert inputs
    for data in chosen.sample(inputs, k=min(A_TARGET, len(inputs))):
        TARGETS[name](data)
        for _ in range(3):
            TARGETS[name](edited(data, chosen.randbytes(8)))


@pytest.mark.parametrize("name", TARGETS)
@settings(max_examples=50, deadline=None, derandomize=True)
@given(data=st.binary(max_size=200))
def test_a_target_takes_any_bytes(name: str, data: bytes) -> None:
    TARGETS[name](data)


def test_every_decoder_has_a_target() -> None:
    """They are found by what they take; this is the number when this was written."""
    assert len(DECODERS) >= 33


def test_a_value_with_two_encodings_is_told() -> None:
    ignores_a_byte = target(lambda data: Reader(data).fixed(1), bytes)
    ignores_a_byte(b"a")
    with pytest.raises(AssertionError):
        ignores_a_byte(b"ab")


def test_an_error_of_another_kind_is_not_hidden() -> None:
    indexes = target(lambda data: data[3:4] + bytes([data[4]]), bytes)
    with pytest.raises(IndexError):
        indexes(b"abc")
