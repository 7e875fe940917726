"""What is said in a room: checked at once against what it refers to, then sent through the outbox."""

from coterie import content
from coterie.client import api
from coterie.client import log as logs
from coterie.client.intent import Say
from coterie.client.placing import Placing
from coterie.client.running import Running
from coterie.errors import InvalidInput


class Saying:
    """In all rooms. What could not count is refused with InvalidInput."""

    def __init__(self, running: Running, placing: Placing) -> None:
        self._running, self._placing, self._rooms = running, placing, running.rooms

    async def text(self, group_id: bytes, text: str, *, wait: bool) -> api.Sent:
        """A message."""
        self._placing.sendable(group_id)
        if not text:
            raise InvalidInput("there is nothing to send")
        if len(text) > content.MAX_TEXT:
            raise InvalidInput(
                f"a message of {len(text)} characters, the limit is {content.MAX_TEXT}"
            )
        try:
            said = content.encode(content.Text(text, int(self._running.now() * 1000)))
        except UnicodeEncodeError as error:
            raise InvalidInput("the message has bytes in it that are no text") from error
        name = logs.state(self._rooms.log(group_id)).name
        if not wait:
            ticket = self._placing.enqueued(group_id, Say(said))
            return api.Sent(name, 0, "", ticket.hex())
        placed = await self._placing.placed(group_id, Say(said))
        return api.Sent(name, placed.seq, placed.message_id.hex())
