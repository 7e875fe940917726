"""The timeline on the screen: one widget that draws lines, which it keeps for each item and width.

A widget a message would fail: 500 of Textual's Markdown widgets take 5.2 s to mount.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from rich.segment import Segment
from textual.geometry import Size
from textual.message import Message as Event
from textual.scroll_view import ScrollView
from textual.strip import Strip

from coterie.client.api import Message
from coterie.tui.item_lines import STYLES, item_lines
from coterie.tui.room_timeline import Entry, Item, New

if TYPE_CHECKING:
    from rich.style import Style

NEAR_TOP = 20  # lines from the top, where older messages are asked for


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

    class NearTop(Event):
        """Who reads will soon want what is older."""

    def __init__(self, *, id: str) -> None:  # noqa: A002  # Textual's word
        super().__init__(id=id)
        self._items: Sequence[Item] = ()
        self._own_name = ""
        self._kept: dict[Item, list[Strip]] = {}
        self._kept_for = (0, "")  # a width and a name
        self._strips: list[Strip] = []
        self._tops: list[int] = []  # the line at which each item begins
        self._key = ""
        self._is_at_end = True  # as the person left it: what comes later scrolls then
        self._styles: Mapping[str, Style] = {}

    def show(self, key: str, items: Sequence[Item], own_name: str) -> None:
        """``items`` of what ``key`` names: of another one, the newest is shown."""
        is_other = key != self._key
        was_at_end = is_other or self._is_at_end
        anchor = None if was_at_end else self._anchor()
        self._key, self._items, self._own_name = key, items, own_name
        self._lay_out()
        if was_at_end:
            self._go_to(self.max_scroll_y)
            self._is_at_end = True
        elif anchor is not None:
            message, above = anchor
            for item, top in zip(self._items, self._tops, strict=True):
                if isinstance(item, Entry) and item.message == message:
                    self._go_to(top - above)
                    break

    def scroll_to_new(self) -> None:
        """So that the line of what is new is at the top."""
        place = next((n for n, item in enumerate(self._items) if isinstance(item, New)), None)
        if place is not None:
            self.scroll_to(y=self._tops[place], animate=False)

    @property
    def text(self) -> str:
        """All of it, for tests."""
        return "\n".join(strip.text.rstrip() for strip in self._strips)

    def _go_to(self, y: float) -> None:
        """At once: the next line may come before the next refresh."""
        self.scroll_target_y = self.scroll_y = y

    def _anchor(self) -> tuple[Message, int] | None:
        """The first message that begins on the screen, and how many lines are above it there.

        Not a day's line, nor how the message was drawn: both change where older ones come before it.
        """
        screen_top = self.scroll_offset.y
        for item, top in zip(self._items, self._tops, strict=True):
            if top >= screen_top and isinstance(item, Entry):
                return item.message, top - screen_top
        return None

    def _lay_out(self) -> None:
        width = self.scrollable_content_region.width
        if width <= 0:
            return
        if self._kept_for != (width, self._own_name):
            self._kept, self._kept_for = {}, (width, self._own_name)
        kept: dict[Item, list[Strip]] = {}
        self._strips, self._tops = [], []
        for item in self._items:
            strips = self._kept.get(item)
            kept[item] = strips = self._draw(item, width) if strips is None else strips
            self._tops.append(len(self._strips))
            self._strips += strips
        self._kept = kept
        self.virtual_size = Size(width, len(self._strips))
        self.refresh()

    def _draw(self, item: Item, width: int) -> list[Strip]:
        if not self._styles:
            self._styles = {
                name: self.get_component_rich_style(f"timeline--{name}") for name in STYLES
            }
        return [
            Strip([Segment(text, self._styles[style]) for text, style in line]).crop(0, width)
            for line in item_lines(item, width, self._own_name)
        ]

    def render_line(self, y: int) -> Strip:
        """One line of the screen."""
        place = y + self.scroll_offset.y
        width = self.size.width
        if place >= len(self._strips):
            return Strip.blank(width, self.rich_style)
        return (
            self._strips[place]
            .extend_cell_length(width, self.rich_style)
            .apply_style(self.rich_style)
        )

    def notify_style_update(self) -> None:
        """Another theme: all is drawn anew."""
        super().notify_style_update()
        self._styles, self._kept = {}, {}
        if self.is_mounted:
            self._lay_out()

    def on_resize(self) -> None:
        """Another width: what was at the top stays there, and the end at the end."""
        self.show(self._key, self._items, self._own_name)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Tells who reads back."""
        super().watch_scroll_y(old_value, new_value)
        self._is_at_end = new_value >= self.max_scroll_y
        if new_value < old_value and new_value < NEAR_TOP:
            self.post_message(self.NearTop())
