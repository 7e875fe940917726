"""Frames on a byte stream."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coterie.errors import LocalProtocolError, RemoteProtocolError
from coterie.wire import limits
from coterie.wire.frames import Entries, Entry, Kind, Ping, Post, Reply, Request
from coterie.wire.stream import encode_entries, encode_frame, encode_reply, requests
from tests.wire.made import values


@given(st.lists(values(Request), max_size=5), st.data())
def test_frames_come_out_in_order_however_the_bytes_are_cut(
    sent: list[Request], data: st.DataObject
) -> None:
    stream = b"".join(encode_frame(request) for request in sent)
    cuts = data.draw(st.lists(st.integers(0, len(stream)), max_size=10).map(sorted))
    decoder, received = requests(), []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        decoder.receive_data(stream[start:end])
        while (frame := decoder.next_frame()) is not None:
            received.append(frame)
    assert received == sent
    assert decoder.is_empty


@given(st.lists(values(Entry), max_size=20), st.integers(0, 2**63 - 1))
def test_entries_encoded_one_by_one_are_the_same_bytes(entries: list[Entry], head: int) -> None:
    encoded = encode_reply(1, encode_entries(entries, head))
    assert encoded == encode_frame(Reply(1, Entries(tuple(entries), head)))


def test_page_of_the_most_entries_is_the_same_bytes() -> None:
    entry = Entry(1, Kind.MESSAGE, b"d" * 16, b"m" * 16, b"body")
    for count in (15, 16, limits.MAX_FETCH_ENTRIES):
        encoded = encode_reply(1, encode_entries([entry] * count, count))
        assert encoded == encode_frame(Reply(1, Entries((entry,) * count, count)))


def test_half_a_frame_waits_for_the_rest() -> None:
    encoded = encode_frame(Request(1, Ping()))
    decoder = requests()
    for end in range(len(encoded)):
        decoder.receive_data(encoded[end : end + 1])
        assert (decoder.next_frame() is None) == (end < len(encoded) - 1)


def test_frame_above_the_limit_is_refused_by_its_length_alone() -> None:
    decoder = requests(limits.MAX_FRAME_BEFORE_LOGIN)
    decoder.receive_data((limits.MAX_FRAME_BEFORE_LOGIN + 1).to_bytes(4, "big"))
    with pytest.raises(RemoteProtocolError, match="frame of 65537 bytes, limit 65536"):
        decoder.next_frame()


def test_frame_of_no_bytes_is_refused() -> None:
    decoder = requests()
    decoder.receive_data(bytes(4))
    with pytest.raises(RemoteProtocolError, match="unreadable frame of 0 bytes"):
        decoder.next_frame()


def test_bytes_behind_the_value_in_a_frame_are_refused() -> None:
    encoded = encode_frame(Request(1, Ping()))[4:] + b"\x00"
    decoder = requests()
    decoder.receive_data(len(encoded).to_bytes(4, "big") + encoded)
    with pytest.raises(RemoteProtocolError, match="unreadable frame"):
        decoder.next_frame()


def test_frame_too_long_to_send_is_our_own_error() -> None:
    post = Post(b"g" * 16, Kind.COMMIT, b"m" * 16, 1, 0, bytes(limits.MAX_FRAME))
    with pytest.raises(LocalProtocolError, match=f"limit {limits.MAX_FRAME}"):
        encode_frame(Request(1, post))


def test_size_of_the_last_frame_is_told() -> None:
    encoded = encode_frame(Request(1, Ping()))
    decoder = requests()
    decoder.receive_data(encoded)
    decoder.next_frame()
    assert decoder.last_size == len(encoded) - 4
