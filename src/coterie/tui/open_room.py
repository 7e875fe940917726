"""The room that is open: what is loaded of it as one reads, the thread in it, and how far it was read."""

from collections.abc import Callable

from coterie.client.api import GetPage, MarkRead, Message, Page, Room
from coterie.tui.asking import Asking
from coterie.tui.room_timeline import RoomTimeline
from coterie.tui.window import PAGE


class OpenRoom:
    """``changed`` is called when there is something else to see."""

    def __init__(self, ask: Asking, changed: Callable[[], object]) -> None:
        self._ask, self._changed = ask, changed
        self._room = RoomTimeline()
        self._thread: RoomTimeline | None = None
        self.is_seen = True  # its end is before the person's eyes
        self._seen = 0  # what is marked as read, or about to be
        self._stays_unread = False  # as the person wants it
        self._is_paging = False

    @property
    def room_id(self) -> str:
        """Empty where none is open."""
        return self._room.room_id

    @property
    def view(self) -> RoomTimeline:
        """What is shown: all of the room, or the thread."""
        return self._thread or self._room

    @property
    def is_thread(self) -> bool:
        """Whether a thread alone is shown."""
        return self._thread is not None

    # --- opening -------------------------------------------------------------------------------

    async def open(
        self, room: Room, pending: tuple[Message, ...], around: int | None = None
    ) -> None:
        """Shows its newest messages, or those around a number."""
        view = RoomTimeline(room.room_id)
        view.new_after = room.read_to if room.unread else None
        self._room, self._thread = view, None
        view.pending = pending
        self._seen, self._stays_unread = room.read_to, False
        await self._load(view, around=around)

    async def open_thread(self, message: Message) -> None:
        """The one that hangs from a message, or that it is in."""
        self._thread = RoomTimeline(self.room_id, message.thread or message.ref)
        self._thread.pending = self._room.pending
        await self._load(self._thread)

    def close_thread(self) -> None:
        """All of the room again, where it was."""
        self._thread = None

    async def reload(self) -> None:
        """What is loaded may not be so any more."""
        for view in (self._room, self._thread):
            if view is not None and view.room_id:
                messages = view.window.messages
                is_at_end = not messages or not view.window.has_newer
                await self._load(
                    view, around=None if is_at_end else messages[len(messages) // 2].number
                )

    async def _load(
        self, view: RoomTimeline, *, around: int | None = None, after: int | None = None
    ) -> None:
        request = GetPage(
            view.room_id, PAGE, after=after, around=around, thread=view.thread or None
        )
        with view.window.asking():
            view.window.load(await self._ask(request, Page))
        self._changed()

    # --- reading -------------------------------------------------------------------------------

    async def load_more(self, *, is_older: bool) -> None:
        """The page before or behind what is loaded, if there is one."""
        view = self.view
        window = view.window
        has_more = window.has_older if is_older else window.has_newer
        if self._is_paging or not has_more or not window.messages:
            return
        thread = view.thread or None
        before = window.messages[0].number if is_older else None
        after = None if is_older else window.messages[-1].number
        request = GetPage(view.room_id, PAGE, before=before, after=after, thread=thread)
        self._is_paging = True
        try:
            with window.asking():
                page = await self._ask(request, Page)
                (window.load_older if is_older else window.load_newer)(page)
        finally:
            self._is_paging = False
        self._changed()

    async def go_to(self, number: int) -> bool:
        """Has that message loaded. Whether there is one."""
        view = self.view
        if view.window.find(number) is None:
            await self._load(view, around=number)
        return view.window.find(number) is not None

    async def go_to_beginning(self) -> None:
        """Has the oldest message loaded."""
        if self.view.window.has_older:
            await self._load(self.view, after=0)

    async def go_to_end(self) -> None:
        """Has the newest message loaded."""
        if self.view.window.has_newer:
            await self._load(self.view)

    async def go_to_new(self) -> None:
        """Has the line of what is new loaded, if there is one."""
        new_after, messages = self._room.new_after, self._room.window.messages
        if new_after is not None and messages and messages[0].number > new_after:
            await self._load(self._room, around=new_after)

    # --- what was seen -------------------------------------------------------------------------

    def take(self, message: Message) -> None:
        """It is new, or otherwise now."""
        for view in (self._room, self._thread):
            if view is not None and view.belongs(message):
                view.window.take(message, is_followed=self.is_seen)

    def take_pending(self, pending: tuple[Message, ...]) -> None:
        """All of the room that is in no log yet."""
        for view in (self._room, self._thread):
            if view is not None:
                view.pending = pending

    def draw_line(self, room: Room) -> None:
        """Something came after all was read: where nobody looked, there is a line above it."""
        if not self.is_seen:
            self._room.new_after = room.read_to

    def clear_line(self) -> None:
        """No line of what is new, before more comes."""
        self._room.new_after = None

    def see(self, number: int) -> MarkRead | None:
        """The person has that message before the eyes: what to tell the client, if that is news."""
        if not self.room_id or number <= self._seen or self._stays_unread:
            return None
        self._seen = number
        return MarkRead(self.room_id, number)

    async def mark_unread(self, message: Message) -> Room:
        """From this message on, until the room is opened again."""
        self._stays_unread = True
        self._room.new_after = message.number - 1
        return await self._ask(MarkRead(self.room_id, message.number - 1), Room)
