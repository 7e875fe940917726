"""What the length of a message gives away."""

from hypothesis import given
from hypothesis import strategies as st

from coterie.mls import ApplicationReceived, padme, process
from tests.mls.rooms import ONE, Room


@given(st.integers(0, 2**30))
def test_padding_costs_at_most_an_eighth(size: int) -> None:
    assert 0 <= padme(size) <= size * 0.12


def test_few_lengths_are_left_to_be_told_apart() -> None:
    lengths = {size + padme(size) for size in range(65_536)}
    assert len(lengths) < 200
    assert max(lengths) == 65_536


def test_a_padded_message_is_read_and_two_of_about_a_length_look_alike() -> None:
    room = Room(ONE, "alice", "bobb")
    said = [b"Wednesday, at the fountain, at ten" + b"!" * more for more in range(60, 63)]
    sent = [room["alice"].protect(data, padding=padme(len(data)))[1] for data in said]
    assert len({len(message) for message in sent}) == 1
    for data, message in zip(said, sent, strict=True):
        received = process(room["bobb"], message)
        assert isinstance(received, ApplicationReceived)
        assert received.data == data
