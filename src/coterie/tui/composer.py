"""Where one writes: Enter sends, Ctrl+J begins a new line, Tab completes."""

from collections.abc import Callable, Mapping

from rich.text import Text
from textual import events
from textual.message import Message as Event
from textual.widgets import TextArea

from coterie.ui.clean import clean
from coterie.ui.completion import Completion, Known, complete, emoji_before
from coterie.ui.keymap import KEYS

ACTIONS = ("send", "newline", "complete", "typed_before", "typed_after")  # keys that it has itself
MOST_ENTERED = 100  # texts that come back with a key
_SIGNS = ("@", "#", ":", "/")  # without one there is nothing to complete


class Composer(TextArea):
    """``known`` says what Tab completes to, when it is pressed; ``keys`` are those of actions that have others.

    ``enter`` is given a text to send, or a command to do: at once, since in a moment another room may be open.
    """

    DEFAULT_CSS = """
    Composer {
        height: auto;
        max-height: 8;
        min-height: 1;
        padding: 0 1;
        border: none;
        background: $surface;
        &:focus { border: none; }
    }
    """

    class Typed(Event):
        """The person changed what stands there."""

    class EditLast(Event):
        """The person wants to say the last thing otherwise."""

    def __init__(
        self,
        known: Callable[[], Known],
        enter: Callable[[str], object],
        keys: Mapping[str, str],
        *,
        id: str,  # noqa: A002  # Textual's word
    ) -> None:
        super().__init__(id=id, tab_behavior="focus", soft_wrap=True, compact=True)
        self._known, self._entering = known, enter
        self._actions = {
            name: key.action
            for key in KEYS
            if key.action in ACTIONS
            for name in keys.get(key.action, key.keys).split(",")
        }
        self._offered: tuple[Completion, str, int] | None = None  # its text, and the next choice
        self._entered: list[str] = []
        self._place = 0  # among those, as one looks for an earlier one
        self._begun = ""  # what stood here before that
        self._placed = ""  # what stands here, where the person did not change it

    async def _on_key(self, event: events.Key) -> None:
        action = self._actions.get(event.key, "")
        if action != "complete":
            self._offered = None
        if not action and not (event.key == "up" and not self.text):
            await super()._on_key(event)
            if event.character == ":":
                self._draw_emoji()
            return
        event.stop()
        event.prevent_default()
        match action:
            case "send":
                self._enter()
            case "newline":
                self.insert("\n")
            case "complete":
                self._complete()
            case "typed_before":
                self._recall(-1)
            case "typed_after":
                self._recall(1)
            case _:
                self.post_message(self.EditLast())

    async def _on_paste(self, event: events.Paste) -> None:
        """Whole, whatever is in it: a line end in it sends nothing."""
        event.stop()
        event.prevent_default()
        text = event.text.replace("\r\n", "\n").replace("\r", "\n")
        placed = self.replace(text, *self.selection, maintain_selection_offset=False)
        self.move_cursor(placed.end_location)

    def on_text_area_changed(self) -> None:
        """Tells the person's own changes from those that were placed here."""
        if self.text != self._placed:
            self._placed = self.text
            self.post_message(self.Typed())

    def get_line(self, line_index: int) -> Text:
        """As it is drawn: what was quoted or pasted may hold what a terminal obeys."""
        return Text(clean(self.document.get_line(line_index)), end="", no_wrap=True)

    def _enter(self) -> None:
        if not self.text.strip():
            return
        text = self.text
        self._entered = [*(one for one in self._entered if one != text), text][-MOST_ENTERED:]
        self._place, self._begun = 0, ""
        self.replace_text("")
        self._entering(text)

    def _recall(self, step: int) -> None:
        """What was entered before or after what stands here; behind the last, what was begun."""
        place = self._place + step
        if not -len(self._entered) <= place <= 0:
            return
        if self._place == 0:
            self._begun = self.text
        self._place = place
        self.text = self._entered[place] if place else self._begun
        self.move_cursor(self.document.end)

    @property
    def completion(self) -> Completion | None:
        """What Tab would offer where the cursor is."""
        if not any(sign in self.text for sign in _SIGNS):
            return None
        return complete(self.text, self._index, self._known())

    def _complete(self) -> None:
        if self._offered is None:
            found = self.completion
            if found is None:
                return
            self._offered = (found, self.text, 0)
        found, text, place = self._offered
        completed, cursor = found.applied(text, found.choices[place])
        self._offered = (found, text, (place + 1) % len(found.choices))
        self.text = completed
        self._move_to(cursor)

    def _draw_emoji(self) -> None:
        """The one whose name was just closed with a colon."""
        found = emoji_before(self.text, self._index)
        if found is not None:
            begin, drawn = found
            end = self.cursor_location
            placed = self.replace(drawn, (end[0], end[1] - (self._index - begin)), end)
            self.move_cursor(placed.end_location)

    def replace_text(self, text: str) -> None:
        """Another draft, with the cursor at its end."""
        self._offered = None
        self._placed = text
        self.text = text
        self.move_cursor(self.document.end)

    @property
    def _index(self) -> int:
        row, column = self.cursor_location
        return sum(len(line) + 1 for line in self.text.split("\n")[:row]) + column

    def _move_to(self, index: int) -> None:
        before = self.text[:index].split("\n")
        self.move_cursor((len(before) - 1, len(before[-1])))
