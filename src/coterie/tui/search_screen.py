"""Search over all that one can read, or one room of it: hits as one types, and the message to go to."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from coterie.client.api import Found, Hit, Message, Room, Search
from coterie.errors import CoterieError
from coterie.tui.dialogs import dialog_css, plain
from coterie.tui.room_timeline import local_time
from coterie.tui.words import error_line, room_mark
from coterie.tui.wrapping import harmless
from coterie.ui.clean import clean_line

PAGE = 50  # hits asked for at once: more than the tallest screen has room for
NEAR_END = 10  # lines from the end at which more are asked for
LIT = "bold underline"  # what was sought, in an excerpt: seen without colours too
NOT_ALL = " · more may be found: not all was looked through in time"
HELP = 'words, "words in this order", from:name in:room before:2026-11-24 after:2026-11-24 has:link'


class SearchScreen(ModalScreen[Message | None]):
    """``search`` asks the client; ``room`` is the open one, ``rooms`` are all, for their names."""

    DEFAULT_CSS = (
        dialog_css("SearchScreen")
        + """
    SearchScreen {
        & > .dialog { width: 96; height: 90%; }
        & OptionList { height: 1fr; }
        & .state { color: $text-muted; height: auto; max-height: 3; }
        & .state.problem { color: $text-error; }
    }
    """
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Back", priority=True),
        Binding("tab", "widen", "This room or all", priority=True, show=False),
        Binding("up", "list('cursor_up')", "Up", priority=True, show=False),
        Binding("down", "list('cursor_down')", "Down", priority=True, show=False),
        Binding("pageup", "list('page_up')", "Page up", priority=True, show=False),
        Binding("pagedown", "list('page_down')", "Page down", priority=True, show=False),
    ]

    def __init__(
        self,
        search: Callable[[Search], Awaitable[Found]],
        room: Room | None,
        typed: str = "",
        rooms: Iterable[Room] = (),
    ) -> None:
        super().__init__()
        self._search, self._room, self._first = search, room, typed
        self._marks = {one.room_id: room_mark(one) for one in rooms}
        self._is_narrow = False  # who searches often does not know where it was said
        self._hits: list[Hit] = []
        self._has_more = False
        self._asked: Search | None = None  # what the hits answer, or will
        self._due = asyncio.Event()  # something else is asked for, or more of the same

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Input(self._first, placeholder="search", compact=True, select_on_focus=False)
            yield OptionList(compact=True)
            yield Static(classes="state", markup=False)

    def on_mount(self) -> None:
        options = self.query_one(OptionList)
        options.can_focus = False
        self.watch(options, "scroll_y", self._scrolled, init=False)
        self.run_worker(self._answer())
        self._ask()
        self._due.set()

    # --- asking --------------------------------------------------------------------------------

    def on_input_changed(self) -> None:
        self._ask()

    def action_widen(self) -> None:
        """From this room to all, and back."""
        if self._room is not None:
            self._is_narrow = not self._is_narrow
            self._ask()

    def _ask(self) -> None:
        """Another search: of those that were typed while one was under way the last alone is done."""
        where = room_mark(self._room) if self._room and self._is_narrow else "all rooms"
        other = "all rooms" if self._is_narrow else "this room"
        dialog = self.query_one(".dialog")
        dialog.border_title = plain(f"Search {where}")
        keys = f"Tab {other} · " if self._room else ""
        dialog.border_subtitle = plain(f"Enter goes there · {keys}Esc back")
        query = self.query_one(Input).value
        room_id = self._room.room_id if self._room and self._is_narrow else None
        asked = Search(query, room_id, limit=PAGE) if query.strip() else None
        if asked != self._asked:  # the input tells of its first text, too
            self._asked, self._hits, self._has_more = asked, [], False
            self._due.set()

    def _scrolled(self) -> None:
        options = self.query_one(OptionList)
        if self._has_more and options.max_scroll_y - options.scroll_y < NEAR_END:
            self._due.set()

    async def _answer(self) -> None:
        """One search at a time, until the screen goes away."""
        while True:
            await self._due.wait()
            self._due.clear()
            asked = self._asked
            if asked is None:
                self._show(HELP)
                continue
            before = self._hits[-1].message.number if self._hits else None
            request = Search(asked.query, asked.room, before, PAGE)
            try:
                found = await self._search(request)
            except CoterieError as error:
                if asked is self._asked:
                    self._has_more = False
                    self._show(error_line(error), wrong=True)
                continue
            if asked is self._asked:  # else something else was typed meanwhile
                self._hits += found.hits
                self._has_more = found.has_more
                state = _counted(len(self._hits), has_more=found.has_more)
                state += "" if found.is_complete else NOT_ALL
                self._show(state, found.hits)

    # --- showing -------------------------------------------------------------------------------

    def _show(self, state: str, new: tuple[Hit, ...] = (), *, wrong: bool = False) -> None:
        """The hits behind ``new`` are on the screen already, and stay."""
        told = self.query_one(".state", Static)
        told.update(clean_line(state))
        told.set_class(wrong, "problem")
        options = self.query_one(OptionList)
        if len(new) == len(self._hits):
            options.clear_options()
        options.add_options(Option(self._drawn(hit)) for hit in new)
        if options.highlighted is None and self._hits:
            options.highlighted = 0

    def _drawn(self, hit: Hit) -> Content:
        message = hit.message
        mark = self._marks.get(message.room_id, f"#{clean_line(message.room)}")
        if self._room and message.room_id == self._room.room_id and not self._is_narrow:
            mark += " (this room)"
        when = local_time(message.time)
        head = f"{mark} · {clean_line(message.sender)} · {when.day} {when:%B %Y}"
        return Content.assemble((head, "$text-muted"), "\n  ", _lit(hit))

    # --- choosing ------------------------------------------------------------------------------

    def action_list(self, action: str) -> None:
        """A key of the list, while one types in the input."""
        getattr(self.query_one(OptionList), f"action_{action}")()

    def on_input_submitted(self) -> None:
        self._choose(self.query_one(OptionList).highlighted)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self._choose(event.option_index)

    def _choose(self, place: int | None) -> None:
        if place is not None and place < len(self._hits):
            # not awaited: this is a handler of the screen that goes away
            _ = self.dismiss(self._hits[place].message)


def _lit(hit: Hit) -> Content:
    """The excerpt, cleaned piece by piece, since what is cleaned may be shorter."""
    parts: list[str | tuple[str, str]] = ["…"] if hit.is_cut_before else []
    at = 0
    for begin, end in hit.found:
        parts.append(harmless(clean_line(hit.excerpt[at:begin])))
        parts.append((harmless(clean_line(hit.excerpt[begin:end])), LIT))
        at = end
    parts.append(harmless(clean_line(hit.excerpt[at:])))
    return Content.assemble(*parts, "…" if hit.is_cut_after else "")


def _counted(count: int, *, has_more: bool) -> str:
    if not count:
        return "nothing found"
    return f"{count} found, and there are more" if has_more else f"{count} found"
