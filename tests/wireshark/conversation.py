"""A conversation between two real channels, with every byte that crosses and every key in a key log."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from coterie.client.key_log import KeyLogFile
from coterie.noise.channel import (
    Channel,
    ClientHandshake,
    RenewalMessage,
    ServerHandshake,
    frame_message,
)
from coterie.wire import frames as f
from coterie.wire.stream import encode_frame
from tests.noise.pairs import PIN, STATIC, events

GROUP, ROOM_TEXT = b"g" * 16, b"everything that MLS has sealed"
Says = Callable[[bytes], object]


class Conversation:
    """``client_says`` and ``server_says`` take what each side writes, in order."""

    def __init__(self, key_log: Path, client_says: Says, server_says: Says, **limits: int) -> None:
        self._client_says, self._server_says = client_says, server_says
        handshake = ClientHandshake()
        message_1 = handshake.write()
        client_says(frame_message(message_1))
        message_2, at_server = ServerHandshake(STATIC).respond(message_1)
        server_says(frame_message(message_2))
        self.session = message_1[:32]
        self.client = Channel(handshake.read(message_2, PIN), is_initiator=True, **limits)
        self.server = Channel(at_server, is_initiator=False, **limits)
        self.key_log = KeyLogFile(key_log)
        self.client.log_keys(partial(self.key_log.write, message_1))
        self._requests = 0

    def ask(self, *bodies: f.RequestBody) -> None:
        """In one record, or as many as it takes."""
        stream = b""
        for body in bodies:
            self._requests += 1
            stream += encode_frame(f.Request(self._requests, body))
        self.client.send_data(stream)
        self.deliver()

    def answer(self, *bodies: f.ReplyBody) -> None:
        """The last request, again and again."""
        self.server.send_data(
            b"".join(encode_frame(f.Reply(self._requests, body)) for body in bodies)
        )
        self.deliver()

    def tell(self, body: f.EventBody) -> None:
        self.server.send_data(encode_frame(f.Event(body)))
        self.deliver()

    def renew(self) -> None:
        self.client.start_renewal()
        self.deliver()

    def close(self) -> None:
        self.client.close()
        self.server.close()
        self.deliver()
        self.key_log.close()

    def deliver(self) -> None:
        """All that is written arrives, and what it leads to."""
        while (from_client := self.client.data_to_send()) or (
            from_server := self.server.data_to_send()
        ):
            if from_client:
                self._client_says(from_client)
                for event in events(self.server, from_client):
                    if isinstance(event, RenewalMessage):
                        response = self.server.renewal_response(event.payload, STATIC)
                        self.server.answer_renewal(response)
            else:
                self._server_says(from_server)
                events(self.client, from_server)
