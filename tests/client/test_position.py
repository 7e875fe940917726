"""What every message carries in its authenticated data."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coterie.client.position import Position, decode
from coterie.errors import RuleViolation


@given(
    st.builds(
        Position,
        st.binary(min_size=16, max_size=16),
        st.integers(0, 2**64 - 1),
        st.binary(min_size=32, max_size=32),
    )
)
def test_position_comes_back(position: Position) -> None:
    assert len(position.encode()) == 56
    assert decode(position.encode()) == position


def test_form_is_that_of_the_protocol() -> None:
    position = Position(b"m" * 16, 258, b"c" * 32)
    assert position.encode() == b"m" * 16 + bytes(6) + b"\x01\x02" + b"c" * 32


@given(st.binary(max_size=120).filter(lambda encoded: len(encoded) != 56))
def test_any_other_length_is_refused(encoded: bytes) -> None:
    with pytest.raises(RuleViolation, match="authenticated-data"):
        decode(encoded)
