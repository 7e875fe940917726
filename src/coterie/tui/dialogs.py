"""The small screens over the main one. Each has a typed result, and None where the person goes back."""

from collections.abc import Sequence
from typing import ClassVar, Generic, TypeVar

import msgspec
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from coterie.ui.fuzzy import ranked

T = TypeVar("T")

WIDTH = 72  # columns of a dialog, where there is room
FRAME = 6  # of them for what is around its text: border, space and scrollbar
MOST_SHOWN = 200  # lines of a list: what is sought further down is found by another letter

_CSS = """
{name} {{
    align: center middle;
    & > .dialog {{
        width: {width};
        max-width: 96%;
        height: auto;
        max-height: 90%;
        padding: 0 1;
        border: round $primary;
        background: $surface;
    }}
    & OptionList {{ height: auto; max-height: 100%; border: none; background: $surface; padding: 0; }}
    & Input {{ border: none; height: 1; padding: 0; background: $surface; }}
    & VerticalScroll {{ height: auto; max-height: 100%; }}
    & .hint {{ color: $text-muted; }}
    & .problem {{ color: $text-error; text-style: bold; }}
}}
"""


def dialog_css(name: str) -> str:
    """How a screen of that class looks, with one ``.dialog`` in it."""
    return _CSS.format(name=name, width=WIDTH)


def plain(text: str) -> Text:
    """As a title: in a string Textual reads markup, and room names are others' words."""
    return Text(text)


class Pick(msgspec.Struct, Generic[T], frozen=True):
    """A line to pick: ``name`` is what is typed for it, ``mark`` stands before it, ``hint`` behind."""

    value: T
    name: str
    hint: str = ""
    mark: str = ""


class Picker(ModalScreen[T | None], Generic[T]):
    """One of many, by a few letters: the switcher, the palette, the members."""

    DEFAULT_CSS = dialog_css("Picker")
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Back", priority=True),
        Binding("up", "move(-1)", "Up", priority=True, show=False),
        Binding("down", "move(1)", "Down", priority=True, show=False),
    ]

    def __init__(self, title: str, picks: Sequence[Pick[T]]) -> None:
        super().__init__()
        self._title, self._picks = title, picks
        self._shown: list[Pick[T]] = []

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = plain(self._title)
            yield Input(placeholder="type a few letters", compact=True)
            yield OptionList(compact=True)

    def on_mount(self) -> None:
        self.query_one(OptionList).can_focus = False
        self._show("")

    def on_input_changed(self, event: Input.Changed) -> None:
        self._show(event.value)

    def on_input_submitted(self) -> None:
        place = self.query_one(OptionList).highlighted
        if place is not None and place < len(self._shown):
            self._pick(place)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self._pick(event.option_index)

    def _pick(self, place: int) -> None:
        # not awaited: this is a handler of the screen that goes away, and Textual refuses to wait in one
        _ = self.dismiss(self._shown[place].value)

    def action_move(self, step: int) -> None:
        """Marks the line above or below."""
        options = self.query_one(OptionList)
        if self._shown:
            options.highlighted = ((options.highlighted or 0) + step) % len(self._shown)

    def _show(self, typed: str) -> None:
        self._shown = ranked(typed, self._picks, lambda pick: pick.name)[:MOST_SHOWN]
        options = self.query_one(OptionList)
        options.clear_options()
        options.add_options(Option(_line(pick)) for pick in self._shown)
        options.highlighted = 0 if self._shown else None


def _line(pick: Pick[T]) -> Content:
    name = Content(f"{pick.mark} {pick.name}" if pick.mark else pick.name)
    return Content.assemble(name, ("  " + pick.hint, "$text-muted")) if pick.hint else name


def reader_width(columns: int) -> int:
    """Cells of a line in ``Reader``, in a terminal of so many columns."""
    return min(WIDTH, columns * 96 // 100) - FRAME


class Reader(ModalScreen[None]):
    """Something to read."""

    DEFAULT_CSS = dialog_css("Reader")
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,enter,q", "dismiss(None)", "Back", priority=True),
    ]

    def __init__(self, title: str, text: str) -> None:
        super().__init__()
        self._title, self._text = title, text

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = plain(self._title)
            dialog.border_subtitle = "↑↓ read · Esc back"
            with VerticalScroll():
                yield Static(self._text, markup=False)


class Confirm(ModalScreen[bool]):
    """A question whose answer matters: y or n, and n for whoever goes back."""

    DEFAULT_CSS = dialog_css("Confirm")
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "dismiss(True)", "Yes", priority=True),
        Binding("n,escape", "dismiss(False)", "No", priority=True),
    ]

    def __init__(self, title: str, text: str, yes: str = "yes", no: str = "no") -> None:
        super().__init__()
        self._title, self._text, self._answers = title, text, f"y {yes} · n {no}"

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = plain(self._title)
            dialog.border_subtitle = plain(self._answers)
            with VerticalScroll():
                yield Static(self._text, markup=False)
