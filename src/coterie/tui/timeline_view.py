"""The timeline on the screen: one widget that draws lines, which it keeps for each item.

A widget a message would fail: 500 of Textual's Markdown widgets take 5.2 s to mount. Items that are the same objects
as before are not drawn again, so one more message costs one message.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, ClassVar

from msgspec.structs import replace
from rich.segment import Segment
from textual.binding import Binding, BindingType
from textual.events import Click
from textual.geometry import Size
from textual.message import Message as Event
from textual.scroll_view import ScrollView
from textual.strip import Strip

from coterie.client.api import Message
from coterie.tui.item_lines import STYLES, Look, item_lines
from coterie.tui.room_timeline import Entry, Item, New
from coterie.ui.keymap import SELECT_KEYS

if TYPE_CHECKING:
    from rich.style import Style

NEAR = 20  # lines from an end, where more messages are asked for
_GUTTER = 1  # cells at each side; the left one marks the selected message
_NOTHING = Look(0, "")


class TimelineView(ScrollView, can_focus=False):
    """Shows items. It stays at the newest while it is there, and else where it is read."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"timeline--{name}" for name in STYLES}
    DEFAULT_CSS = """
    TimelineView {
        scrollbar-size-vertical: 1;
        overflow-y: scroll;
        & > .timeline--text { color: $foreground; }
        & > .timeline--strong { text-style: bold; }
        & > .timeline--emphasis { text-style: italic; }
        & > .timeline--strike { text-style: strike; }
        & > .timeline--code { color: $text-accent; }
        & > .timeline--quote { color: $text-muted; }
        & > .timeline--link { text-style: underline; color: $text-primary; }
        & > .timeline--mention { text-style: bold; color: $text-primary; }
        & > .timeline--mention-me { text-style: bold reverse; color: $text-warning; }
        & > .timeline--note { color: $text-muted; }
        & > .timeline--sender { text-style: bold; }
        & > .timeline--own { text-style: bold; color: $text-primary; }
        & > .timeline--good { color: $text-success; }
        & > .timeline--bad { text-style: bold; color: $text-error; }
        & > .timeline--new { text-style: bold; color: $text-warning; }
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [  # it has the focus while a message is selected
        Binding(key.keys, f"screen.with_selected('{key.action}')", key.help, show=False)
        for key in SELECT_KEYS
    ]

    class NearEnd(Event):
        """Who reads will soon want what is older, or newer."""

        def __init__(self, *, is_top: bool) -> None:
            super().__init__()
            self.is_top = is_top

    class Moved(Event):
        """Other messages are in sight."""

    class Clicked(Event):
        """On the message with that number; 0 for no message."""

        def __init__(self, number: int) -> None:
            super().__init__()
            self.number = number

    def __init__(self, *, id: str) -> None:  # noqa: A002  # Textual's word
        super().__init__(id=id)
        self.is_at_end = True  # as the person left it: what comes later scrolls then
        self.selected = 0  # the number of a message, 0 for none
        self._has_newest = True
        self._wanted = 0  # the number of a message to go to as soon as it is shown
        self._key = ""
        self._look = _NOTHING
        self._given: Sequence[Item] = ()
        self._items: Sequence[Item] = ()  # of those, what is drawn: nothing before there is room
        self._drawn: list[list[Strip]] = []
        self._drawn_for = _NOTHING
        self._tops = [0]  # the line at which each item begins, and the end of the last
        self._styles: Mapping[str, Style] = {}

    # --- what is shown -------------------------------------------------------------------------

    def show(self, key: str, items: Sequence[Item], look: Look, *, has_newest: bool = True) -> None:
        """``items`` of what ``key`` names, the newest among them or not: of another one, the last is shown.

        ``look`` has any width.
        """
        is_other = key != self._key
        was_at_end = is_other or (self.is_at_end and self._has_newest)
        self._has_newest = has_newest
        anchor = None if was_at_end else self._anchor()
        self._key, self._given, self._look = key, items, look
        self._lay_out()
        if self._wanted:
            self.go_to_message(self._wanted)
        elif was_at_end:
            self._go_to(self.max_scroll_y)
            self.is_at_end = True
        elif anchor is not None:
            number, above = anchor
            place = self._place(number)
            if place is not None:
                self._go_to(self._tops[place] - above)

    @property
    def seen_to(self) -> int:
        """The number of the last message of which the end is in sight, 0 for none."""
        bottom = self.scroll_offset.y + self.scrollable_content_region.height
        for place in range(bisect_right(self._tops, bottom) - 2, -1, -1):
            item = self._items[place]
            if isinstance(item, Entry):
                return item.message.number
        return 0

    @property
    def text(self) -> str:
        """All of it, for tests."""
        return "\n".join(strip.text.strip() for strips in self._drawn for strip in strips)

    def scroll_to_new(self) -> bool:
        """So that the line of what is new is at the top. Whether there is one."""
        place = next((n for n, item in enumerate(self._items) if isinstance(item, New)), None)
        if place is None:
            return False
        self._leave_to(self._tops[place])
        return True

    def go_to_message(self, number: int) -> None:
        """So that it is in the middle, or as near to it as can be; where it is not shown yet, once it is."""
        self._wanted, place = number, self._place(number)
        if place is not None:
            self._wanted = 0
            self._leave_to(self._tops[place] - self.scrollable_content_region.height // 2)

    def leave_end(self) -> None:
        """What is shown next does not end where this ends."""
        self.is_at_end = False

    # --- what is selected ----------------------------------------------------------------------

    @property
    def selected_message(self) -> Message | None:
        """As it is now."""
        place = self._place(self.selected) if self.selected else None
        item = self._items[place] if place is not None else None
        return item.message if isinstance(item, Entry) else None

    def select(self, number: int) -> None:
        """Marks a message, and has it in sight; 0 marks none."""
        self.selected = number
        place = self._place(number) if number else None
        if place is not None:
            top, end = self._tops[place], self._tops[place + 1]
            height = self.scrollable_content_region.height
            if top < self.scroll_offset.y:
                self._leave_to(top - 1)
            elif end > self.scroll_offset.y + height:
                self._leave_to(end - height)
        self.refresh()

    def select_next(self, step: int) -> bool:
        """The one above (-1) or below (1); at first the last one in sight. Whether there is one."""
        place = self._place(self.selected) if self.selected else None
        if place is None:
            bottom = self.scroll_offset.y + self.scrollable_content_region.height
            place, step = bisect_right(self._tops, bottom) - 1, -1
        place += step
        while 0 <= place < len(self._items):
            item = self._items[place]
            if isinstance(item, Entry) and item.message.kind != "line":
                self.select(item.message.number)
                return True
            place += step
        return False

    def on_click(self, event: Click) -> None:
        """Of the line below the pointer."""
        line = event.y + self.scroll_offset.y
        item = self._items[bisect_right(self._tops, line) - 1] if line < self._tops[-1] else None
        message = item.message if isinstance(item, Entry) else None
        is_said = message is not None and message.kind != "line"
        self.post_message(self.Clicked(message.number if message and is_said else 0))

    # --- laying out ----------------------------------------------------------------------------

    def _place(self, number: int) -> int | None:
        found = (
            place
            for place, item in enumerate(self._items)
            if isinstance(item, Entry) and item.message.number == number
        )
        return next(found, None)

    def _leave_to(self, y: float) -> None:
        """There at once; at the end it stays there."""
        self._go_to(max(0, min(y, self.max_scroll_y)))
        self.is_at_end = self.scroll_y >= self.max_scroll_y

    def _go_to(self, y: float) -> None:
        """At once: the next line may come before the next refresh."""
        self.scroll_target_y = self.scroll_y = y

    def _anchor(self) -> tuple[int, int] | None:
        """The first message that begins on the screen, or else the one it is in, and how many lines are above it.

        Not a day's line, nor how the message was drawn: both change where older ones come before it.
        """
        screen_top = self.scroll_offset.y
        first = bisect_right(self._tops, screen_top) - 1
        within = None
        for place in range(max(first, 0), len(self._items)):
            item, above = self._items[place], self._tops[place] - screen_top
            if above >= self.size.height:
                break
            if isinstance(item, Entry) and above >= 0:
                return item.message.number, above
            if isinstance(item, Entry):
                within = item.message.number, above
        return within

    def _lay_out(self) -> None:
        """Draws what is not the object that it was."""
        width = self.scrollable_content_region.width - 2 * _GUTTER
        if width <= 0:
            return
        before, items = self._items, self._given
        self._items = items
        look = replace(self._look, width=width)
        if look != self._drawn_for:
            before, self._drawn, self._tops, self._drawn_for = (), [], [0], look
        begin = _alike(before, items)
        if begin == len(items) == len(before):
            return
        end = _alike(before[begin:][::-1], items[begin:][::-1])
        kept = {
            id(item): strips
            for item, strips in zip(before[begin:], self._drawn[begin:], strict=True)
        }
        self._drawn[begin : len(before) - end] = [
            kept.get(id(item)) or self._draw(item, look) for item in items[begin : len(items) - end]
        ]
        heights = (len(strips) for strips in self._drawn[begin:])
        self._tops[begin:] = accumulate(heights, initial=self._tops[begin])
        self.virtual_size = Size(width + 2 * _GUTTER, self._tops[-1])
        self.refresh()

    def _draw(self, item: Item, look: Look) -> list[Strip]:
        if not self._styles:
            self._styles = {
                name: self.get_component_rich_style(f"timeline--{name}") for name in STYLES
            } | {"base": self.rich_style}
        base, width = self._styles["base"], look.width + 2 * _GUTTER
        gutter = Segment(" " * _GUTTER, base)
        return [
            Strip([gutter, *(Segment(text, self._styles[style]) for text, style in line)])
            .crop(0, width - _GUTTER)
            .extend_cell_length(width, base)
            for line in item_lines(item, look)
        ]

    def render_line(self, y: int) -> Strip:
        """One line of the screen."""
        line = y + self.scroll_offset.y
        if line >= self._tops[-1]:
            return Strip.blank(self.size.width, self.rich_style)
        place = bisect_right(self._tops, line) - 1
        strip = self._drawn[place][line - self._tops[place]]
        item = self._items[place]
        if not self.selected or not isinstance(item, Entry):
            return strip
        if item.message.number != self.selected:
            return strip
        mark = Strip([Segment("▌", self._styles["new"])], 1)
        return Strip.join([mark, strip.crop(1)])

    def notify_style_update(self) -> None:
        """Another theme: all is drawn anew."""
        super().notify_style_update()
        self._styles, self._drawn_for = {}, _NOTHING
        if self.is_mounted:
            self._lay_out()

    def on_resize(self) -> None:
        """Another width: what was at the top stays there, and the end at the end."""
        self.show(self._key, self._given, self._look, has_newest=self._has_newest)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Tells who reads back or on."""
        super().watch_scroll_y(old_value, new_value)
        self.is_at_end = new_value >= self.max_scroll_y
        if new_value < old_value and new_value < NEAR:
            self.post_message(self.NearEnd(is_top=True))
        if new_value > old_value and new_value > self.max_scroll_y - NEAR:
            self.post_message(self.NearEnd(is_top=False))
        self.post_message(self.Moved())


def _alike(before: Sequence[Item], items: Sequence[Item]) -> int:
    """How many are the same objects at the beginning."""
    count = 0
    for one, other in zip(before, items, strict=False):
        if one is not other:
            break
        count += 1
    return count
