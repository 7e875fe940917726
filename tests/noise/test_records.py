"""Messages on a byte stream, before there is a channel."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coterie.errors import RemoteProtocolError
from coterie.noise.channel import MESSAGE_1_SIZE, MessageSplitter, frame_message


@given(st.lists(st.binary(min_size=1, max_size=40)), st.lists(st.integers(1, 30)))
def test_messages_come_out_as_they_went_in_however_the_bytes_are_split(
    messages: list[bytes], sizes: list[int]
) -> None:
    wire = b"".join(map(frame_message, messages))
    splitter, found = MessageSplitter(), []
    for size in [*sizes, len(wire)]:
        splitter.receive_data(wire[:size])
        wire = wire[size:]
        while (message := splitter.next_message()) is not None:
            found.append(message)
    assert found == messages
    assert splitter.take_rest() == b""


def test_stranger_who_speaks_something_else_is_refused_by_the_first_four_bytes() -> None:
    for first in (b"GET / HTTP/1.1\r\n", b"\x16\x03\x01\x02\x00\x01", b"SSH-2.0-x\r\n", bytes(4)):
        splitter = MessageSplitter(MESSAGE_1_SIZE)
        splitter.receive_data(first[:4])
        with pytest.raises(RemoteProtocolError, match="limit 1440"):
            splitter.next_message()


def test_limit_is_the_largest_message_that_is_taken() -> None:
    splitter = MessageSplitter(3)
    splitter.receive_data(frame_message(b"abc") + frame_message(b"abcd"))
    assert splitter.next_message() == b"abc"
    with pytest.raises(RemoteProtocolError):
        splitter.next_message()


def test_rest_is_what_follows_the_messages_that_were_taken() -> None:
    splitter = MessageSplitter()
    splitter.receive_data(frame_message(b"message 2") + b"\0\0\0")
    assert splitter.next_message() == b"message 2"
    assert splitter.take_rest() == b"\0\0\0"
    assert splitter.take_rest() == b""
    splitter.receive_data(frame_message(b"more"))
    assert splitter.next_message() == b"more"
