"""What is said in a room: judged at once by the rules that all devices judge by, then sent through the outbox."""

from typing import assert_never

from coterie import content
from coterie.client import api
from coterie.client import log as logs
from coterie.client.conversation import (
    MAX_REACTIONS,
    MAX_REACTIONS_EACH,
    Arrived,
    Author,
    History,
    take,
)
from coterie.client.finding import message_ref, ticket_id
from coterie.client.intent import Say
from coterie.client.placing import Placing
from coterie.client.room_policy import is_direct, moderates
from coterie.client.running import Running
from coterie.content import Delete, Edit, Reaction, Ref, Text
from coterie.errors import InvalidInput
from coterie.wire.limits import MESSAGE_ID_SIZE

MAX_DRAFT = 4 * content.MAX_TEXT  # characters; of any kind, a frame between processes holds them


class Saying:
    """In all rooms. What could not count is refused with InvalidInput, as far as can be known here."""

    def __init__(self, running: Running, placing: Placing) -> None:
        self._running, self._placing = running, placing
        self._rooms, self._store = running.rooms, running.store

    async def text(self, group_id: bytes, request: api.SendText) -> api.Sent:
        """A message, an answer, or one of a thread."""
        if not request.text:
            raise InvalidInput("there is nothing to send")
        room_id = self._rooms.room_id(group_id)
        history = self._store.history(room_id)
        reply_to = message_ref(request.reply_to) if request.reply_to is not None else None
        if reply_to is not None:
            row = history.row(reply_to)
            if row is None or row.is_deleted:
                raise InvalidInput(_NOT_HERE if row is None else _DELETED)
        thread = message_ref(request.thread) if request.thread is not None else None
        if thread is not None:
            if history.row(thread) is None:
                raise InvalidInput(_NOT_HERE)
            thread = self._store.root_of(room_id, thread)
        said = Text(request.text, self._now_ms(), reply_to, thread, request.is_action)
        return await self._say(group_id, said, wait=request.wait)

    async def change(
        self, group_id: bytes, request: api.EditMessage | api.DeleteMessage | api.React
    ) -> api.Sent:
        """Of a message that is here."""
        target = message_ref(request.message)
        match request:
            case api.EditMessage():
                if not request.text:
                    raise InvalidInput("there is nothing left of it", hint="delete it instead")
                said: Edit | Delete | Reaction = Edit(target, request.text, self._now_ms())
            case api.DeleteMessage():
                said = Delete(target, self._now_ms())
            case api.React():
                said = Reaction(target, request.emoji, self._now_ms(), request.remove)
            case _:
                assert_never(request)
        self._check_counts(group_id, said)
        return await self._say(group_id, said, wait=request.wait)

    def resend(self, group_id: bytes, ticket: str) -> None:
        """What failed is posted anew."""
        self._placing.sendable(group_id)
        self._rooms.resend(self._rooms.room_id(group_id), ticket_id(ticket)).placed.cancel()
        self._running.hurry()

    def discard(self, group_id: bytes, ticket: str) -> None:
        """What failed, or was not posted yet, is dropped."""
        self._rooms.discard(self._rooms.room_id(group_id), ticket_id(ticket))

    def draft(self, group_id: bytes, text: str) -> None:
        """What was begun and not sent."""
        if len(text) > MAX_DRAFT:
            raise InvalidInput(f"a draft of {len(text)} characters, the limit is {MAX_DRAFT}")
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise InvalidInput(_NO_TEXT) from error
        self._rooms.set_draft(self._rooms.room_id(group_id), text)

    def _check_counts(self, group_id: bytes, said: Edit | Delete | Reaction) -> None:
        """The judgement is ``conversation.take``'s; only the words are from here."""
        account, log = self._running.account, self._rooms.log(group_id)
        history = self._store.history(self._rooms.room_id(group_id))
        me = Author(account.name, account.account_public_key)
        here = Ref(account.device, bytes(MESSAGE_ID_SIZE))
        arrived = Arrived(here, me, moderates(logs.state(log), me.account_key), said)
        if take(arrived, history, account.name) is None:
            is_alone = is_direct(logs.state(log))
            raise InvalidInput(_why_not(arrived, said, history, is_direct=is_alone))

    async def _say(
        self, group_id: bytes, said: Text | Edit | Delete | Reaction, *, wait: bool
    ) -> api.Sent:
        encoded = _encoded(said)
        self._placing.sendable(group_id)
        if isinstance(said, Text):
            self._running.whispering.sent(self._rooms.room_id(group_id))
        name = self._rooms.name(self._rooms.room_id(group_id))
        device = self._running.account.device.hex()
        if not wait:
            ticket = self._placing.enqueued(group_id, Say(encoded))
            return api.Sent(name, 0, "", ticket.hex(), device)
        placed = await self._placing.placed(group_id, Say(encoded))
        return api.Sent(name, placed.seq, placed.message_id.hex(), device=device)

    def _now_ms(self) -> int:
        return int(self._running.now() * 1000)


_NO_TEXT = "the message has bytes in it that are no text"
_NOT_HERE = "that message is not here"
_DELETED = "that message was deleted"


def _why_not(
    arrived: Arrived, said: Edit | Delete | Reaction, history: History, *, is_direct: bool
) -> str:
    """Why it would do nothing."""
    row = history.row(said.target)
    if row is None:
        return _NOT_HERE
    if row.is_deleted:
        return _DELETED
    match said:
        case Edit():
            is_own = row.author.account_key == arrived.author.account_key
            return (
                "it is no text" if is_own else f"{row.author.name} wrote it, who alone may edit it"
            )
        case Delete():
            others = "" if is_direct else " and an admin"
            return f"{row.author.name} wrote it: only that account{others} may delete it"
        case Reaction(is_removed=True):
            return f"you did not react with {said.emoji}"
        case Reaction():
            present = history.reactions(said.target)
            own = [one for one in present if one.author.account_key == arrived.author.account_key]
            if any(one.emoji == said.emoji for one in own):
                return f"you reacted with {said.emoji} already"
            if len(own) >= MAX_REACTIONS_EACH:
                return f"you gave it {MAX_REACTIONS_EACH} reactions, which is the most"
            return f"it has {MAX_REACTIONS} reactions, which is the most"
        case _:
            assert_never(said)


def _encoded(said: Text | Edit | Delete | Reaction) -> bytes:
    """What every device will read as the same. Raises InvalidInput."""
    if isinstance(said, Text | Edit) and len(said.text) > content.MAX_TEXT:
        raise InvalidInput(
            f"a message of {len(said.text)} characters, the limit is {content.MAX_TEXT}"
        )
    try:
        encoded = content.encode(said)
    except UnicodeEncodeError as error:
        raise InvalidInput(_NO_TEXT) from error
    if content.decode(encoded) != said:  # of what is left, only a reaction can be no such thing
        raise InvalidInput("that is no emoji", hint="a reaction is one emoji as it is drawn")
    return encoded
