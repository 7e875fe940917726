"""An established channel with both its ends in this process, for frames to go over."""

from dataclasses import dataclass

from coterie.errors import LocalProtocolError
from coterie.noise.channel import Channel, DataReceived, Established
from coterie.wire.frames import (
    Event,
    EventBody,
    FromServer,
    Reply,
    ReplyBody,
    Request,
    RequestBody,
)
from coterie.wire.stream import FrameDecoder, encode_frame, from_server, requests


@dataclass(frozen=True, slots=True)
class Carried:
    """A frame that arrived."""

    frame_size: int  # bytes, with its length
    wire_size: int  # of the record that it was alone in, with its length


class Line:
    """Both ends."""

    def __init__(self, client: Established, server: Established) -> None:
        self.handshake_hash = client.handshake_hash
        self._client = Channel(client, is_initiator=True)
        self._server = Channel(server, is_initiator=False)
        self._to_server: FrameDecoder[Request] = requests()
        self._to_client: FrameDecoder[FromServer] = from_server()
        self._asked = 0

    def ask(self, body: RequestBody) -> Carried:
        """A request, from the client to the server."""
        self._asked += 1
        frame = Request(self._asked, body)
        return _carry(frame, self._client, self._server, self._to_server)

    def answer(self, body: ReplyBody) -> Carried:
        """The reply to the last request."""
        frame = Reply(self._asked, body)
        return _carry(frame, self._server, self._client, self._to_client)

    def push(self, body: EventBody) -> Carried:
        """An event, from the server to the client."""
        return _carry(Event(body), self._server, self._client, self._to_client)


def _carry(
    frame: Request | FromServer,
    source: Channel,
    target: Channel,
    decoder: "FrameDecoder[Request] | FrameDecoder[FromServer]",
) -> Carried:
    encoded = encode_frame(frame)
    source.send_data(encoded)
    record = source.data_to_send()
    target.receive_data(record)
    while isinstance(event := target.next_event(), DataReceived):
        decoder.receive_data(event.data)
    if decoder.next_frame() != frame:
        raise LocalProtocolError(f"{type(frame).__name__} did not arrive as it was sent")
    return Carried(len(encoded), len(record))
