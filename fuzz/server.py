"""Targets of the server: the frames that a client sends, and connections that ask for anything in any order."""

from tests.server.test_session_walk import test_every_answer_is_one_that_the_state_allows as walk

from coterie.errors import RemoteProtocolError
from coterie.wire.frames import Request
from coterie.wire.stream import encode_frame, requests


def frames(data: bytes) -> None:
    """Any bytes are requests, or a RemoteProtocolError; what is decoded is the same when it is encoded again."""
    decoder, found = requests(), list[Request]()
    decoder.receive_data(data)
    try:
        while (request := decoder.next_frame()) is not None:
            found.append(request)
    except RemoteProtocolError:
        pass
    again = requests()
    again.receive_data(b"".join(map(encode_frame, found)))
    assert [again.next_frame() for _ in found] == found
    assert again.is_empty


def session(data: bytes) -> None:
    """A walk that the bytes choose, by the strategies of the test of that name."""
    walk.hypothesis.fuzz_one_input(data)  # type: ignore[attr-defined]  # Hypothesis puts it there
