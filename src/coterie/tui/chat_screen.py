"""The main screen: rooms at the left, the open one at the right, and where one writes below it."""

from collections.abc import Coroutine
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.events import Resize
from textual.screen import Screen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from coterie.client.api import Acknowledge, Done, Room, SafetyNumber, VerifyAccount
from coterie.errors import CoterieError, Unavailable
from coterie.tui import words
from coterie.tui.composer import Composer
from coterie.tui.dialogs import Confirm, Pick, Picker
from coterie.tui.session import CONNECTED, Session
from coterie.tui.slash import IN_PALETTE, chosen, run_command
from coterie.tui.themes import THEMES
from coterie.tui.timeline_view import TimelineView
from coterie.tui.wrapping import cut
from coterie.ui.clean import clean_line
from coterie.ui.commands import COMMANDS, Called, Said, parse
from coterie.ui.completion import Known
from coterie.ui.keymap import KEYS

NARROW = 72  # columns: with fewer the room has them all, and Ctrl+K is the list
SIDEBAR = 22  # columns
_COMPOSERS = {"send", "newline", "complete"}  # keys that the composer knows by itself


class ChatScreen(Screen[None]):
    """All of ``session``. ``wanted`` is the room to open first."""

    DEFAULT_CSS = f"""
    ChatScreen {{
        & #sidebar {{
            width: {SIDEBAR}; height: 100%; border: none; padding: 0; background: $panel;
            scrollbar-size-vertical: 1;
        }}
        &.-narrow #sidebar {{ display: none; }}
        & #header {{ height: 1; padding: 0 1; background: $panel; text-style: bold; }}
        & #banner {{ height: auto; padding: 0 1; color: $text-error; text-style: bold; display: none; }}
        & #timeline {{ height: 1fr; padding: 0 1; }}
        & #notice {{ height: auto; max-height: 4; padding: 0 1; color: $text-warning; }}
        & #footer {{ height: 1; padding: 0 1; background: $panel; color: $text-muted; }}
    }}
    """
    # all before the composer, which has Ctrl+K and others as keys of its own
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(key.keys, key.action, key.help, priority=key.action != "back", show=False)
        for key in KEYS
        if key.action not in _COMPOSERS
    ]

    def __init__(self, session: Session, wanted: str | None) -> None:
        super().__init__()
        self.session = session
        self._wanted = wanted
        self._problem = ""
        self._drafts: dict[str, str] = {}
        self._shown = ""  # the id of the room whose draft is in the composer
        self._listed: list[Room] = []

    def compose(self) -> ComposeResult:
        with Horizontal():
            yield OptionList(id="sidebar", compact=True)
            with Vertical():
                yield Static(id="header", markup=False)
                yield Static(id="banner", markup=False)
                yield TimelineView(id="timeline")
                yield Static(id="notice", markup=False)
                yield Composer(self._known, id="composer")
        yield Static(id="footer", markup=False)

    def on_mount(self) -> None:
        self.query_one("#sidebar", OptionList).can_focus = False
        self.query_one(Composer).focus()
        self.update()
        self._begin(self.session.start(self._wanted))
        self.run_worker(self._until_end(self.session.follow()))
        self.run_worker(self._until_end(self.session.keep_fresh()))

    # --- showing -------------------------------------------------------------------------------

    def update(self) -> None:
        """Shows the session as it is now."""
        if not self.is_mounted:
            return
        session = self.session
        room = session.room
        self._swap_draft(room.room_id if room else "")
        self._show_sidebar()
        self.query_one("#header", Static).update(self._header(room))
        banner = self.query_one("#banner", Static)
        reason = clean_line(room.reason) if room else ""
        more = ", Ctrl+P" if room and room.state in ("key-changed", "forked") else ""
        banner.update(f"⚠ {reason}{more}")
        banner.display = bool(reason)
        place = f"message {words.room_mark(room)}" if room else self._nowhere
        self.query_one(Composer).placeholder = Content(f"> {place}")
        self.query_one("#footer", Static).update(
            f"{clean_line(session.connection)} · ^K switch · ^J newline · F1 help"
        )
        self._show_notice()
        items = session.timeline.items(session.pins) if room else []
        self.query_one(TimelineView).show(self._shown, items, session.account)

    @property
    def _nowhere(self) -> str:
        """What stands in the composer where no room is open."""
        if not self.session.is_listed:
            return "…"
        return (
            "no room yet: /create makes one" if not self.session.rooms else "Ctrl+K goes to a room"
        )

    def _header(self, room: Room | None) -> str:
        if room is None:
            return "Coterie"
        text = words.header(
            room, self.session.members, is_connected=self.session.connection == CONNECTED
        )
        others = [one for one in self.session.rooms if one.room_id != room.room_id]
        new = sum(self.session.timeline_of(one.room_id).unread for one in others)
        return f"({new} new) {text}" if new and self.has_class("-narrow") else text

    def _show_sidebar(self) -> None:
        sidebar = self.query_one("#sidebar", OptionList)
        self._listed = self.session.in_order
        sidebar.clear_options()
        sidebar.add_option(Option(Content("Rooms").stylize("bold"), disabled=True))
        for room in self._listed:
            timeline = self.session.timeline_of(room.room_id)
            new = str(timeline.unread) if timeline.unread else ""
            new += " @" if timeline.mentions else ""
            new += " ⚠" if room.reason else ""
            width = SIDEBAR - 2 - len(new)
            name = cut(f"# {clean_line(room.name)}", width)
            line = Content.assemble(name, " ", (new.strip(), "bold"))
            sidebar.add_option(Option(line.stylize("bold") if new else line, id=room.room_id))
            if room.room_id == self._shown:
                sidebar.highlighted = sidebar.option_count - 1

    def _swap_draft(self, room_id: str) -> None:
        """Each room has what was begun in it."""
        if room_id == self._shown:
            return
        composer = self.query_one(Composer)
        self._drafts[self._shown] = composer.text
        if self._shown or not composer.text:  # what was typed before the first room is for it
            composer.replace_text(self._drafts.pop(room_id, ""))
        self._shown = room_id

    def _show_notice(self) -> None:
        """What went wrong, or else what Tab would offer."""
        found = self.query_one(Composer).completion
        offered = "  ".join(choice.inserted for choice in found.choices) if found else ""
        text = self._problem or (f"Tab: {offered}" if offered else "")
        notice = self.query_one("#notice", Static)
        notice.update(clean_line(text))
        notice.display = bool(text)

    def _known(self) -> Known:
        rooms = [clean_line(room.name) for room in self.session.in_order]
        return Known(names=self.session.speakers, rooms=rooms)

    def on_resize(self, event: Resize) -> None:
        self.set_class(event.size.width < NARROW, "-narrow")
        self.update()

    # --- doing ---------------------------------------------------------------------------------

    def _begin(self, work: Coroutine[object, object, object]) -> None:
        """In the background; what goes wrong is said, in place of what went wrong before."""
        self._problem = ""
        self.run_worker(self._told(work))

    async def _told(self, work: Coroutine[object, object, object]) -> None:
        try:
            await work
        except CoterieError as error:
            self._problem = f"{error} — {error.hint}" if error.hint else str(error)
            self.update()

    async def _until_end(self, work: Coroutine[object, object, None]) -> None:
        """Where the client ends, the screen ends, and its error is told on the terminal."""
        try:
            await work
        except Unavailable as error:
            self.app.exit(error)
        except CoterieError as error:
            self._problem = str(error)
            self.update()

    def on_composer_entered(self, event: Composer.Entered) -> None:
        self._begin(self._enter(event.text))

    async def _enter(self, text: str) -> None:
        try:
            match parse(text):
                case None:
                    pass
                case Said(said):
                    chosen(self)
                    self.query_one(TimelineView).scroll_end(animate=False)
                    self.session.timeline.clear()
                    await self.session.send(said)
                case Called(command, arguments):
                    await run_command(self, command.name, arguments)
        except CoterieError:
            composer = self.query_one(Composer)
            if not composer.text:
                composer.replace_text(text)  # to be mended
            raise

    def on_text_area_changed(self) -> None:
        self._show_notice()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        if event.option_id:
            self._begin(self.session.open(event.option_id))
        self.query_one(Composer).focus()

    def on_timeline_view_near_top(self) -> None:
        self.run_worker(self._told(self.session.load_older()))

    # --- dialogs -------------------------------------------------------------------------------

    async def show_members(self) -> None:
        """Who is in the room; the picked one is verified."""
        room = chosen(self)
        picks = [
            Pick(member, clean_line(member.name), words.member_hint(member))
            for member in self.session.members
        ]
        title = f"Members of {words.room_mark(room)} · Enter verifies"
        picked = await self.app.push_screen_wait(Picker(title, picks))
        if picked is not None and picked.pin != "self":
            await self.verify(picked.name)

    async def verify(self, name: str) -> None:
        """Shows the safety number, and records that both saw the same one."""
        number = await self.session.ask(VerifyAccount(name), SafetyNumber)
        text, title = words.safety_number(number), f"Verify {clean_line(name)}"
        answers = ("I compared them: they are the same", "not now")
        if await self.app.push_screen_wait(Confirm(title, text, *answers)):
            compared = VerifyAccount(name, compared=True, number=number.number)
            await self.session.ask(compared, SafetyNumber)
            await self.session.refresh()

    async def _acknowledge(self) -> None:
        """The warning in the banner: a changed key, or a forked log."""
        room = chosen(self)
        changed = [member.name for member in self.session.members if member.pin == "changed"]
        if room.state == "key-changed":
            for name in changed:
                text = (
                    f"{clean_line(name)} came with another key. It may be a new account of the same person, or somebody"
                    " else. Ask them another way before you go on; then verify them again."
                )
                if await self.app.push_screen_wait(Confirm("Key changed", text, "go on", "wait")):
                    await self.session.ask(Acknowledge(name=name), Done)
        else:
            text = f"{clean_line(room.reason)}. Compare with the others what you read before you go on."
            if await self.app.push_screen_wait(Confirm("Two logs", text, "go on", "wait")):
                await self.session.ask(Acknowledge(room=room.room_id), Done)
        await self.session.refresh()

    async def _pick_room(self) -> None:
        rooms = []
        for room in self.session.in_order:
            timeline = self.session.timeline_of(room.room_id)
            hint = words.room_hint(room, timeline.unread, timeline.mentions)
            rooms.append(Pick(room.room_id, words.room_mark(room), hint))
        room_id = await self.app.push_screen_wait(Picker("Go to", rooms))
        if room_id is not None:
            await self.session.open(room_id)

    async def _pick_command(self) -> None:
        room = self.session.room
        picks = []
        if room and room.state in ("key-changed", "forked"):
            picks.append(Pick("acknowledge", "acknowledge", "go on in spite of the warning"))
        picks += [Pick(f"/{name}", name, COMMANDS[name].help) for name in IN_PALETTE]
        picks += [
            Pick(member.name, f"verify {member.name}", words.member_hint(member))
            for member in self.session.members
            if member.pin != "self"
        ]
        picks += [Pick(f"theme {name}", f"theme {name}", "colours") for name in THEMES]
        match await self.app.push_screen_wait(Picker("Do", picks)):
            case None:
                pass
            case "acknowledge":
                await self._acknowledge()
            case str(command) if command.startswith("/"):
                await run_command(self, command[1:], ())
            case str(theme) if theme.startswith("theme "):
                self.app.theme = theme.removeprefix("theme ")
            case str(name):
                await self.verify(name)

    # --- keys ----------------------------------------------------------------------------------

    def action_switch(self) -> None:
        self._begin(self._pick_room())

    def action_palette(self) -> None:
        self._begin(self._pick_command())

    def action_help(self) -> None:
        self._begin(run_command(self, "help", ()))

    def action_quit(self) -> None:
        self.app.exit()

    def action_previous_room(self) -> None:
        self._go(self.session.go(-1))

    def action_next_room(self) -> None:
        self._go(self.session.go(1))

    def action_next_unread(self) -> None:
        self._go(self.session.next_unread())

    def _go(self, room: Room | None) -> None:
        if room is not None:
            self._begin(self.session.open(room.room_id))

    def action_page_up(self) -> None:
        self.query_one(TimelineView).scroll_page_up(animate=False)

    def action_page_down(self) -> None:
        self.query_one(TimelineView).scroll_page_down(animate=False)

    def action_first(self) -> None:
        self.query_one(TimelineView).scroll_home(animate=False)

    def action_last(self) -> None:
        self.query_one(TimelineView).scroll_end(animate=False)

    def action_first_unread(self) -> None:
        self.query_one(TimelineView).scroll_to_new()

    def action_retry(self) -> None:
        self._begin(self.session.retry())

    def action_back(self) -> None:
        self._problem = ""
        self.session.timeline.clear()
        self.update()
