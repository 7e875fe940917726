"""The main screen: rooms at the left, the open one at the right, and where one writes below it."""

import asyncio
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.events import Resize
from textual.widgets import OptionList, Static

from coterie.client.api import EditMessage, Message, Room, SendText, Sent
from coterie.client.profile import NoAccount
from coterie.errors import CoterieError, InvalidInput, StorageError, Unavailable
from coterie.tui import words
from coterie.tui.banner import Banner, banner
from coterie.tui.chat_keys import ChatKeys
from coterie.tui.composer import ACTIONS, Composer
from coterie.tui.composing import Composing
from coterie.tui.item_lines import Look
from coterie.tui.mark import marked
from coterie.tui.message_actions import act, opened
from coterie.tui.navigating import go_to_end
from coterie.tui.possible import possible
from coterie.tui.session import Session, Work
from coterie.tui.settled import settled
from coterie.tui.sidebar import Sidebar
from coterie.tui.slash import run_command
from coterie.tui.target import Editing, Place, Target, request_of, target_line
from coterie.tui.timeline_view import TimelineView
from coterie.ui.clean import clean_line
from coterie.ui.commands import SCREEN_COMMANDS, Called, Said, parse
from coterie.ui.completion import Known
from coterie.ui.keymap import KEYS, Key

if TYPE_CHECKING:
    from coterie.tui.app import ChatApp

NARROW = 72  # columns: with fewer the room has them all, and Ctrl+K is the list


class ChatScreen(ChatKeys):
    """All of ``session``. ``wanted`` is the room to open first."""

    DEFAULT_CSS = """
    ChatScreen {
        &.-narrow Sidebar { display: none; }
        & #header { height: 1; padding: 0 1; background: $panel; text-style: bold; }
        & #banner { height: auto; max-height: 3; padding: 0 1; color: $text-error; text-style: bold; }
        & #timeline { height: 1fr; }
        & #typing, #target, #ending { height: 1; padding: 0 1; color: $text-muted; }
        & #notice { height: auto; max-height: 4; padding: 0 1; color: $text-warning; }
        & #footer { height: 1; padding: 0 1; background: $panel; color: $text-muted; }
        & #first { height: 1fr; padding: 1 2; }
        & .empty { display: none; }
    }
    """
    # All before the composer, which has Ctrl+K and others as keys of its own. The ids are for a person's own keys.
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            key.keys, key.action, key.help, id=key.action, priority=key.action != "back", show=False
        )
        for key in KEYS
        if key.action not in ACTIONS
    ]
    app: "ChatApp"

    def __init__(self, session: Session, wanted: str | None) -> None:
        super().__init__()
        self.session = session
        self.banner: Banner | None = None
        self.is_there = asyncio.Event()  # and takes what is typed
        self._wanted = wanted
        self._told = ""  # what went wrong, or what was asked for
        self._sending: set[asyncio.Task[Sent]] = set()  # what the client has not taken yet
        self.is_quitting = False
        self._is_told_offline = False  # it is over once there is a connection
        self._was_connected = False
        self.jumped_from: list[tuple[str, int]] = []  # rooms and messages, to come back to
        self._texts: dict[str, str] = {}  # of the lines around the timeline, as they are shown

    def compose(self) -> ComposeResult:
        yield from marked(self.app.mark)
        with Horizontal():
            yield Sidebar(id="sidebar")
            with Vertical():
                yield Static(id="header", markup=False)
                yield Static(id="banner", markup=False, classes="empty")
                yield TimelineView(id="timeline")
                yield Static(id="first", markup=False, classes="empty")
                for line in ("typing", "target", "notice", "ending"):
                    yield Static(id=line, markup=False, classes="empty")
                yield Composer(self._known, self._entered, self.app.settings.keys, id="composer")
        yield Static(id="footer", markup=False)

    def on_mount(self) -> None:
        self.timeline, self.composer = self.query_one(TimelineView), self.query_one(Composer)
        self.composing = Composing(self.composer, self.session.drafts)
        self.composer.focus()
        self.watch(self.app, "app_focus", self._look_at, init=False)
        self.begin(self._start())
        self.run_worker(self._until_end(self.session.follow()))
        self.is_there.set()

    async def _start(self) -> None:
        """Where not even the rooms can be read there is nothing to show: it is told on the terminal."""
        try:
            await self.session.start(self._wanted)
        except StorageError as error:
            self.is_quitting = True
            self.app.exit(error)

    def on_unmount(self) -> None:
        self.session.drafts.stop_waiting()

    # --- showing -------------------------------------------------------------------------------

    def update(self) -> None:
        """Shows the session as it is now; nothing before there is something."""
        session = self.session
        if not self.children or not session.is_listed:  # not yet, or not any more
            return
        room, view = session.room, session.opened.view
        self._write_at(self._opened_place)
        self._forget_offline()
        self.query_one(Sidebar).show(session)
        self._put("header", self._header(room))
        heed = next(key.shown for key in KEYS if key.action == "heed")
        self.banner = banner(room, session.members, heed) if room else None
        self._put("banner", self.banner.text if self.banner else "")
        self._put("typing", words.typing(session.typing))
        self._put("footer", f"{clean_line(session.connection.text)} · {words.FOOTER}")
        self._show_place(room)
        self._show_lines()
        settings = self.app.settings
        look = Look(0, session.account, settings.clock == "12h", settings.density == "compact")
        if room and view.window.is_loaded:
            items = view.items(session.account, session.pins, is_connected=session.is_connected)
            has_newest = not view.window.has_newer
            key = self._opened_place.key
            self.timeline.show(key, items, look, has_newest=has_newest)
        elif not room:
            self.timeline.show("", [], look)
        first = "" if session.rooms else words.first_steps(session.account, session.server)
        self._put("first", first)
        self.timeline.set_class(bool(first), "empty")
        if self.timeline.selected and self.timeline.selected_message is None:
            self.end_select()
        self._look_at()

    def _put(self, name: str, text: str) -> None:
        """A line that is not drawn again where it says the same; an empty one takes no room."""
        if self._texts.get(name) == text:
            return
        self._texts[name] = text
        line = self.query_one(f"#{name}", Static)
        line.update(text)
        line.set_class(not text, "empty")

    def _header(self, room: Room | None) -> str:
        if room is None:
            return "Coterie"
        session = self.session
        text = words.header(room, session.members, is_connected=session.is_connected)
        if session.opened.is_thread:
            text = f"Thread in {words.room_mark(room)} · Esc back"
        others = (one for one in session.rooms.values() if one.room_id != room.room_id)
        new = sum(one.unread for one in others)
        return f"({new} new) {text}" if new and self.has_class("-narrow") else text

    def _show_place(self, room: Room | None) -> None:
        """Where what is typed would go."""
        session = self.session
        if room is None:
            place = (
                "Ctrl+K goes to a room" if session.rooms else "no room yet: /create ROOM makes one"
            )
        else:
            thread = "the thread in " if session.opened.is_thread else ""
            place = f"message {thread}{words.room_mark(room)}"
        if self._texts.get("place") != place:
            self._texts["place"] = place
            self.composer.placeholder = Content(f"> {place}")

    def _show_lines(self) -> None:
        """What the composer is for, and above it what went wrong, what the keys are, or what Tab would offer."""
        self._put("target", target_line(self.composing.target, self.composer.size.width))
        text = self._told
        if not text and (selected := self.timeline.selected_message):
            text = words.select_hint(self.possible(selected))
        if not text and (found := self.composer.completion):
            text = "Tab: " + "  ".join(choice.inserted for choice in found.choices)
        if not text and self.session.notice != self.session.connection.text:  # the footer has it
            text = self.session.notice
        self._put("notice", clean_line(text))

    def _look_at(self) -> None:
        """What is in sight while the person looks at the terminal was seen."""
        opened_room, view = self.session.opened, self.session.opened.view
        is_at_end = self.timeline.is_at_end and not view.window.has_newer
        opened_room.is_seen = self.app.app_focus and is_at_end and not opened_room.is_thread
        if self.app.app_focus and not opened_room.is_thread:
            self.session.saw(self.timeline.seen_to)

    def _known(self) -> Known:
        rooms = [clean_line(room.name) for room in self.session.in_order if not room.direct]
        return Known(names=self.session.speakers, rooms=rooms, commands=SCREEN_COMMANDS)

    def on_resize(self, event: Resize) -> None:
        self.set_class(event.size.width < NARROW, "-narrow")
        self.update()

    # --- the composer --------------------------------------------------------------------------

    @property
    def _opened_place(self) -> Place:
        view = self.session.opened.view
        return Place(view.room_id, view.thread)

    def _write_at(self, place: Place) -> None:
        """Each room has what was begun in it."""
        if place == self.composing.place:
            return
        self.end_select()
        self.composing.go(place)
        if not place.thread and (room := self.session.rooms.get(place.room_id)):
            self.begin(self.composing.load_draft(room), says_nothing=True)

    def on_composer_typed(self) -> None:
        text = self.composer.text
        self._told = ""
        self.composing.typed()
        if not isinstance(self.composing.target, Editing) and not text.startswith("/"):
            self.session.typed(text)
        self._show_lines()

    def on_composer_edit_last(self) -> None:
        last = self.session.opened.view.last_own(self.session.account)
        if last is not None:
            self.begin(act(self, "edit", last))

    def _entered(self, text: str) -> None:
        """It is for what the lines around the composer say now, whatever is opened in a moment."""
        place, target = self.composing.place, self.composing.target
        self.composing.typed()
        self.begin(self._enter(text, place, target))

    async def _enter(self, text: str, place: Place, target: Target) -> None:
        try:
            match parse(text, SCREEN_COMMANDS):
                case None:
                    pass
                case Said(said):
                    await self.say(said, place, target)
                case Called(command, arguments):
                    if place != self._opened_place:
                        raise InvalidInput("another room was opened meanwhile: nothing was done")
                    await run_command(self, command.name, arguments)
        except CoterieError as error:
            if not error.is_kept:
                self.composing.give_back(text, place, target)
            raise

    async def say(self, text: str, place: Place, target: Target) -> None:
        """As a message in that room or thread, or as what it is for."""
        if not place.room_id:
            opened(self)
            place = self._opened_place
        self.composing.sent(place)
        await self._send(request_of(text, target, place), place)

    async def do(self, text: str) -> None:
        """Says in the open room or thread what this person does."""
        room, place = opened(self), self._opened_place
        thread = place.thread or None
        request = SendText(room.room_id, text, wait=False, thread=thread, is_action=True)
        await self._send(request, place)

    async def _send(self, request: SendText | EditMessage, place: Place) -> None:
        self.session.sent()
        self._show_lines()
        sending = asyncio.create_task(self.session.ask(request, Sent))
        self._sending.add(sending)
        sending.add_done_callback(self._sending.discard)
        await sending
        if isinstance(request, SendText) and place == self._opened_place:
            self.session.opened.clear_line()
            await go_to_end(self)

    # --- reading -------------------------------------------------------------------------------

    def on_timeline_view_near_end(self, event: TimelineView.NearEnd) -> None:
        self.begin(self.session.opened.load_more(is_older=event.is_top), says_nothing=True)

    def on_timeline_view_moved(self) -> None:
        self._look_at()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        if event.option_id:
            self.begin(self.session.open(event.option_id))
        self.composer.focus()

    # --- selecting -----------------------------------------------------------------------------

    def begin_select(self, number: int) -> None:
        """Letters are keys for that message then, as the timeline has the focus."""
        self.timeline.select(number)
        self.timeline.can_focus = True
        self.set_focus(self.timeline)  # at once: the next key may be here already
        self._show_lines()

    def end_select(self) -> None:
        """Back to the composer."""
        if self.timeline.selected:
            self.timeline.select(0)
            self.timeline.can_focus = False
            self.set_focus(self.composer)
            self._show_lines()

    def possible(self, message: Message) -> list[Key]:
        """The keys that do something with it."""
        room = self.session.room
        return possible(message, self.session.account, is_admin=bool(room and room.admin))

    def on_timeline_view_clicked(self, event: TimelineView.Clicked) -> None:
        if event.number:
            self._told = ""
            self.begin_select(event.number)
        else:
            self.end_select()

    # --- what commands need --------------------------------------------------------------------

    async def show_settings(self) -> None:
        """What the person may set, changed at once."""
        from coterie.tui.settings_screen import SettingsScreen  # noqa: PLC0415

        await self.app.push_screen_wait(SettingsScreen(self.app.settings_file, self.app.apply))

    async def quit(self) -> None:
        """Once what was entered and begun is kept. Nothing else is begun any more."""
        await settled(self.composer)
        self.is_quitting = True
        self.composer.display = False  # what was typed there now would be lost
        self._put("ending", "ending…")
        if self._sending:
            self.tell("a moment, what you sent is not kept yet: Ctrl+Q again leaves at once")
            await asyncio.wait(self._sending)
        try:
            await self.composing.save()
        except CoterieError as error:
            self.app.exit(error)
        else:
            self.app.exit()

    # --- work in the background ----------------------------------------------------------------

    def begin(self, work: Work, *, says_nothing: bool = False) -> None:
        """What goes wrong is said in place of what was said before; which goes, where the person asked for this."""
        if self.is_quitting:
            work.close()
            return
        if not says_nothing:
            self._told = self.session.notice = ""
        self.run_worker(self._telling(work))

    async def _telling(self, work: Work) -> None:
        try:
            await work
        except CoterieError as error:
            self.tell(words.error_line(error))
            self._is_told_offline = isinstance(error, Unavailable)
        self.update()

    def _forget_offline(self) -> None:
        """That the server was away is no news once it is back."""
        is_back = self.session.is_connected and not self._was_connected
        self._was_connected = self.session.is_connected
        if is_back and self._is_told_offline:
            self._told = ""

    async def _until_end(self, work: Work) -> None:
        """Where the client ends, the screen ends, and its error is told on the terminal."""
        try:
            await work
        except (Unavailable, NoAccount) as error:
            if self._sending:  # what fails with it is given back
                await asyncio.wait(self._sending)
            self.composing.keep()
            self.app.exit(error)
        except CoterieError as error:
            self.tell(str(error))

    def tell(self, text: str) -> None:
        """Above the composer, until the next key that does something."""
        self._told, self._is_told_offline = text, False
        if self.children:
            self._show_lines()
