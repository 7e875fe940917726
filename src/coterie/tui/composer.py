"""Where one writes: Enter sends, Ctrl+J begins a new line, Tab completes."""

from collections.abc import Callable

from textual import events
from textual.message import Message as Event
from textual.widgets import TextArea

from coterie.ui.completion import Completion, Known, complete


class Composer(TextArea):
    """``known`` says what Tab completes to, when it is pressed."""

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

    class Entered(Event):
        """A text is to be sent, or a command done."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    def __init__(self, known: Callable[[], Known], *, id: str) -> None:  # noqa: A002
        super().__init__(id=id, tab_behavior="focus", soft_wrap=True, compact=True)
        self._known = known
        self._offered: tuple[Completion, str, int] | None = None  # its text, and the next choice

    async def _on_key(self, event: events.Key) -> None:
        if event.key != "tab":
            self._offered = None
        match event.key:
            case "enter":
                event.stop()
                event.prevent_default()
                if self.text.strip():
                    text = self.text
                    self.text = ""
                    self.post_message(self.Entered(text))
            case "ctrl+j":
                event.stop()
                event.prevent_default()
                self.insert("\n")
            case "tab":
                event.stop()
                event.prevent_default()
                self._complete()
            case _:
                await super()._on_key(event)

    @property
    def completion(self) -> Completion | None:
        """What Tab would offer where the cursor is."""
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

    def replace_text(self, text: str) -> None:
        """Another draft, with the cursor at its end."""
        self._offered = None
        self.text = text
        self.move_cursor(self.document.end)

    @property
    def _index(self) -> int:
        row, column = self.cursor_location
        return sum(len(line) + 1 for line in self.text.split("\n")[:row]) + column

    def _move_to(self, index: int) -> None:
        before = self.text[:index].split("\n")
        self.move_cursor((len(before) - 1, len(before[-1])))
