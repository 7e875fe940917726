"""A client that answers from memory what the main screen asks, and tells it what changes."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any, cast, overload

from msgspec import structs

from coterie.client import api
from coterie.client.mentions import is_mentioned
from coterie.errors import CoterieError, InvalidInput
from tests.cli.fakes import ALICE, BOBB, NUMBER, OPS, STATUS, WAR

OWN_DEVICE = "aa" * 16
CAROL = api.Member("carol", False, ("cc" * 16,), "compared")
DIRECT = structs.replace(
    OPS, room_id="2a" * 32, name="carol", direct="carol", topic="", newest=0, admin=False
)
DEVICES = {"alice": OWN_DEVICE, "bobb": "bb" * 16, "carol": "cc" * 16}
TIME = "2026-11-24T09:12:30+00:00"


class Memory:
    """Alice's: the rooms ops and war room, and direct messages with carol. ``refuses`` are texts that fail."""

    def __init__(self, *rooms: api.Room) -> None:
        self.rooms = {room.room_id: room for room in rooms or (OPS, WAR, DIRECT)}
        self.members = {
            OPS.room_id: (ALICE, BOBB),
            WAR.room_id: (ALICE,),
            DIRECT.room_id: (ALICE, CAROL),
        }
        self.messages: dict[int, api.Message] = {}
        self.pending: dict[str, list[api.Message]] = {}
        self.drafts: dict[str, str] = {}
        self.refuses: dict[str, str] = {}
        self.asked: list[api.Request] = []
        self.is_away = False  # the server: what is sent stays in the outbox
        self.connection = api.Connection("connected", "connected")
        self.numbers = [NUMBER]
        self.is_ended: CoterieError | None = None
        self._watchers: list[asyncio.Queue[api.Update]] = []
        self._tickets = 0

    # --- what happens ------------------------------------------------------------------------

    def say(
        self, text: str, sender: str = "bobb", room: api.Room = OPS, **more: Any
    ) -> api.Message:
        """Somebody says this now."""
        number = len(self.messages) + 1
        fields: dict[str, Any] = {
            "seq": number,
            "message_id": f"{number:032x}",
            "device": DEVICES.get(sender, "dd" * 16),
            "time": TIME,
            "kind": "text",
            "number": number,
            "mentions_me": sender != "alice" and is_mentioned(text, "alice"),
        }
        message = api.Message(
            room=room.name, room_id=room.room_id, sender=sender, text=text, **{**fields, **more}
        )
        self.messages[number] = message
        self._tell(message)
        own = {"read_to": number, "unread": 0, "mentions": 0} if sender == "alice" else {}
        self.change_room(room.room_id, newest=number, **own)
        return message

    def change(self, message: api.Message, **changes: Any) -> api.Message:
        """A message is otherwise now."""
        changed = structs.replace(self.messages[message.number], **changes)
        self.messages[message.number] = changed
        self._tell(changed)
        return changed

    def change_room(self, room_id: str, **changes: Any) -> api.Room:
        """A room is otherwise now, and what is unread in it is counted."""
        room = structs.replace(self.rooms[room_id], **changes)
        unread = [
            one
            for one in self.messages.values()
            if one.room_id == room_id and one.number > room.read_to and one.sender != "alice"
            if one.kind != "line" and not one.deleted_by
        ]
        mentions = len(unread) if room.direct else sum(one.mentions_me for one in unread)
        room = structs.replace(
            room, unread=len(unread), mentions=mentions, has_draft=bool(self.drafts.get(room_id))
        )
        self.rooms[room_id] = room
        self._tell(room)
        return room

    def around(self, room: api.Room, *typing: str, **presence: api.PresenceWord) -> None:
        """Who is typing in a room, and who is there."""
        self._tell(api.Around(room.room_id, typing, presence))

    def connect(self, state: str, text: str) -> None:
        """The connection is otherwise now. What waited for it goes out."""
        self.is_away = state != "connected"
        connection = api.Connection(cast("Any", state), text)
        self._tell(connection)
        if not self.is_away:
            for room_id, waiting in list(self.pending.items()):
                self._set_pending(room_id, [one for one in waiting if one.state == "failed"])
                for one in waiting:
                    if one.state == "sending":
                        self.say(one.text, "alice", self.rooms[room_id])

    def notice(self, text: str) -> None:
        """A sentence for people."""
        self._tell(api.Notice(text))

    def miss(self) -> None:
        """More happens than a watcher can be told."""
        self._tell(api.Missed())

    def end(self, error: CoterieError) -> None:
        """The client ends."""
        self.is_ended = error
        self._tell(api.Notice("the end"))

    def _tell(self, update: api.Update) -> None:
        for queue in self._watchers:
            queue.put_nowait(update)

    # --- what is asked -----------------------------------------------------------------------

    def requests(self, kind: type[Any]) -> list[Any]:
        """Those of one kind, in their order."""
        return [request for request in self.asked if isinstance(request, kind)]

    @overload
    def stream(self, request: api.ReadRoom) -> AsyncGenerator[api.Read, None]: ...
    @overload
    def stream(self, request: api.Watch) -> AsyncGenerator[api.Update, None]: ...
    def stream(self, request: api.StreamRequest) -> AsyncGenerator[Any, None]:
        """All that changes."""
        assert isinstance(request, api.Watch), "a screen watches"
        return self._watch()

    async def _watch(self) -> AsyncGenerator[api.Update, None]:
        queue: asyncio.Queue[api.Update] = asyncio.Queue()
        self._watchers.append(queue)
        yield self.connection
        for room in self.rooms.values():
            yield room
        while True:
            update = await queue.get()
            if self.is_ended is not None:
                raise self.is_ended
            yield update

    async def call(self, request: api.Request) -> api.Result:  # noqa: PLR0912  # one case a request
        """At once."""
        self.asked.append(request)
        match request:
            case api.GetStatus():
                return structs.replace(STATUS, rooms=tuple(self.rooms.values()))
            case api.ListRooms():
                return api.Rooms(tuple(self.rooms.values()))
            case api.ListMembers(room):
                return api.Members(self.members[room])
            case api.GetPage():
                return self._page(request)
            case api.SendText():
                return self._send(request)
            case api.EditMessage(_, ref, text):
                self.change(self._by_ref(ref), text=text, edited=TIME)
            case api.DeleteMessage(_, ref):
                gone = {"text": "", "reactions": (), "reply_to": None}
                self.change(self._by_ref(ref), deleted_by="alice", **gone)
            case api.React(_, ref, emoji, remove):
                self.react(self._by_ref(ref), emoji, "alice", remove=remove)
            case api.MarkRead(room_id, to):
                newest = self.rooms[room_id].newest
                return self.change_room(room_id, read_to=newest if to is None else to)
            case api.GetDraft(room_id):
                return api.Draft(self.drafts.get(room_id, ""))
            case api.SetDraft(room_id, text):
                self.drafts[room_id] = text
                self.change_room(room_id)
                return api.Done()
            case api.SetAttention(room_id, attention):
                return self.change_room(room_id, attention=attention)
            case api.ChangeRoom(room_id, name, topic):
                changes = {"name": name, "topic": topic}
                return self.change_room(
                    room_id, **{key: value for key, value in changes.items() if value is not None}
                )
            case api.OpenDirect(name):
                return next(room for room in self.rooms.values() if room.direct == name)
            case api.Resend(room_id, ticket):
                again = [one for one in self.pending[room_id] if one.ticket == ticket]
                self._set_pending(
                    room_id, [one for one in self.pending[room_id] if one not in again]
                )
                for one in again:
                    self.say(one.text, "alice", self.rooms[room_id])
                return api.Done()
            case api.Discard(room_id, ticket):
                self._set_pending(room_id, [o for o in self.pending[room_id] if o.ticket != ticket])
                return api.Done()
            case api.VerifyAccount(name, compared):
                if compared:
                    self._pin(name)
                return api.SafetyNumber(name, self.numbers[0], "compared" if compared else "met")
            case api.SayTyping() | api.SayPresence() | api.Acknowledge():
                return api.Done()
            case api.Search(query):
                found = [one for one in self.messages.values() if query in one.text]
                hits = tuple(api.Hit(one, one.text, ()) for one in reversed(found))
                return api.Found(hits, False)
            case _:
                return self.rooms[OPS.room_id]
        return api.Sent("ops", 0, "", "ticket")

    def react(
        self, message: api.Message, emoji: str, name: str, *, remove: bool = False
    ) -> api.Message:
        """Somebody puts an emoji under a message, or takes it away."""
        given = {one.emoji: one.names for one in self.messages[message.number].reactions}
        names = tuple(one for one in given.get(emoji, ()) if one != name)
        given[emoji] = names if remove else (*names, name)
        reactions = tuple(api.Reactions(one, who) for one, who in given.items() if who)
        return self.change(message, reactions=reactions)

    def _page(self, request: api.GetPage) -> api.Page:
        self._check(request.room)
        all_ = [one for one in self.messages.values() if one.room_id == request.room]
        if request.thread:
            all_ = [one for one in all_ if request.thread in (one.thread, one.ref)]
        begin, end = max(0, len(all_) - request.limit), len(all_)
        if request.before is not None:
            end = sum(one.number < request.before for one in all_)
            begin = max(0, end - request.limit)
        elif request.after is not None:
            begin = sum(one.number <= request.after for one in all_)
            end = begin + request.limit
        elif request.around is not None:
            begin = max(0, sum(one.number < request.around for one in all_) - request.limit // 2)
            end = begin + request.limit
        return api.Page(tuple(all_[begin:end]), begin > 0, end < len(all_))

    def _send(self, request: api.SendText) -> api.Sent:
        self._check(request.room)
        text, room = request.text, self.rooms[request.room]
        self._tickets += 1
        ticket = f"{self._tickets:032x}"
        waits = self.is_away or text in self.refuses
        if waits:
            message = api.Message(
                room.name, room.room_id, 0, "", "alice", OWN_DEVICE, TIME, "text", text,
                state="failed" if text in self.refuses else "sending",
                reason=self.refuses.get(text, ""), ticket=ticket, thread=request.thread or "",
            )  # fmt: skip
            self._set_pending(room.room_id, [*self.pending.get(room.room_id, []), message])
        else:
            reply_to = self._quote(request.reply_to) if request.reply_to else None
            self.say(
                text, "alice", room, reply_to=reply_to, thread=request.thread or "",
                is_action=request.is_action,
            )  # fmt: skip
            if request.thread:
                root = self._by_ref(request.thread)
                self.change(root, replies=root.replies + 1)
        return api.Sent(room.name, 0, "", ticket)

    def _set_pending(self, room_id: str, messages: list[api.Message]) -> None:
        self.pending[room_id] = messages
        self._tell(api.Pending(room_id, tuple(messages)))

    def _quote(self, ref: str) -> api.Quote:
        message = self._by_ref(ref)
        return api.Quote(ref, message.number, message.sender, message.text)

    def _by_ref(self, ref: str) -> api.Message:
        return next(one for one in self.messages.values() if one.ref == ref)

    def _pin(self, name: str) -> None:
        for room_id, members in self.members.items():
            self.members[room_id] = tuple(
                structs.replace(one, pin="compared") if one.name == name else one for one in members
            )

    def _check(self, room: str) -> None:
        if room not in self.rooms:
            raise InvalidInput(f"there is no room {room}")
