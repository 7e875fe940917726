"""Replies as whoever asked gets them."""

from coterie.wire.frames import Reply, ReplyBody
from coterie.wire.stream import EncodedEntries, encode_reply, from_server


def decoded(body: ReplyBody | EncodedEntries) -> ReplyBody:
    """Through a frame: the server encodes some of a reply before the rest."""
    frames = from_server()
    frames.receive_data(encode_reply(0, body))
    frame = frames.next_frame()
    assert isinstance(frame, Reply)
    return frame.body
