"""Where a person changes the settings. Each change is written at once."""

from collections.abc import Callable
from functools import partial
from itertools import groupby
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from coterie.errors import StorageError
from coterie.tui.dialogs import dialog_css, plain
from coterie.tui.settings import SETTINGS, Setting, Settings, Value, wrong_keys
from coterie.tui.settings_file import SettingsFile
from coterie.tui.words import error_line
from coterie.ui.clean import clean
from coterie.ui.keymap import KEYS, Key

_NAME_WIDTH = 16
_KEYS = "Keys"
# choices that are known by no name of their own, or a long one
_SHOWN = {"osc9": "as iTerm2", "osc777": "as foot", "high-contrast": "contrast"}
_KEYS_LATER = "keys count from the next start"


class SettingsScreen(ModalScreen[None]):
    """``apply`` is given all settings as they are after each change."""

    DEFAULT_CSS = (
        dialog_css("SettingsScreen")
        + """
    SettingsScreen {
        & > .dialog { height: 90%; }
        & OptionList { height: 1fr; }
        & .told { height: auto; max-height: 6; }
    }
    """
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Back", priority=True),
        Binding("left", "turn(-1)", "The one before", show=False),
        Binding("right,space", "turn(1)", "The next", show=False),
        Binding("delete,backspace", "unbind", "Its own key again", show=False),
    ]

    def __init__(self, file: SettingsFile, apply: Callable[[Settings], object]) -> None:
        super().__init__()
        self._file, self._apply = file, apply
        self._lines: list[Setting | Key | str] = []
        for heading, settings in groupby(SETTINGS, lambda setting: setting.heading):
            self._lines += [heading, *settings]
        self._lines += [_KEYS, *KEYS]
        self._told_of = 1  # the line that something is said about

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = plain("Settings")
            yield OptionList(compact=True)
            yield Static(classes="told", markup=False)

    def on_mount(self) -> None:
        options = self.query_one(OptionList)
        options.add_options(
            Option(self._drawn(line), disabled=isinstance(line, str)) for line in self._lines
        )
        options.highlighted = 1
        options.focus()
        folder = f"{self._file.path.parent}/"
        problems = [problem.removeprefix(folder) for problem in self._file.problems]
        self._tell("\n".join(problems), is_problem=bool(problems))

    # --- showing -------------------------------------------------------------------------------

    def _drawn(self, line: Setting | Key | str) -> Content:
        settings = self._file.settings
        if isinstance(line, str):
            return Content(line).stylize("bold")
        if isinstance(line, Key):
            keys = settings.keys.get(line.action, line.shown)
            return Content(f"{keys:<{_NAME_WIDTH}} {line.help}")
        value = getattr(settings, line.name)
        choices = " ".join(
            f"[{_word(choice)}]" if choice == value else f" {_word(choice)} "
            for choice in line.choices
        )
        return Content(f"{line.title:<{_NAME_WIDTH}}{choices}")

    @property
    def _marked(self) -> Setting | Key:
        line = self._lines[self.query_one(OptionList).highlighted or 1]
        return SETTINGS[0] if isinstance(line, str) else line  # a heading is never marked

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        if event.option_index != self._told_of:  # the list tells of its first line, too
            self._told_of = event.option_index
            self._tell("")

    def _tell(self, text: str, *, is_problem: bool = False) -> None:
        """``text``, or else what the marked line is."""
        marked = self._marked
        if not text:
            text = f"{marked.help[:1].upper()}{marked.help[1:]}."
            text += f" ({_KEYS_LATER})" if isinstance(marked, Key) else ""
        told = self.query_one(".told", Static)
        told.update(clean(text))
        told.set_class(is_problem, "problem")
        keys = "Enter another key · Del its own" if isinstance(marked, Key) else "← → change"
        self.query_one(".dialog").border_subtitle = plain(f"{keys} · Esc back")

    # --- changing ------------------------------------------------------------------------------

    def action_turn(self, step: int) -> None:
        """Gives the marked setting its next choice."""
        marked = self._marked
        if isinstance(marked, Key):
            return
        place = marked.choices.index(getattr(self._file.settings, marked.name))
        choice = marked.choices[(place + step) % len(marked.choices)]
        self._write(lambda: self._file.change(marked.name, choice))

    def on_option_list_option_selected(self) -> None:
        marked = self._marked
        if isinstance(marked, Key):
            _ = self.app.push_screen(KeyPress(marked), partial(self._bind, marked))
        else:
            self.action_turn(1)

    def action_unbind(self) -> None:
        """Gives the marked action its own key again."""
        marked = self._marked
        if isinstance(marked, Key):
            self._write(lambda: self._file.bind(marked.action, None))

    def _bind(self, key: Key, pressed: str | None) -> None:
        if pressed is None:
            return
        wrong = wrong_keys(key.action, pressed, self._file.settings.keys)
        if wrong:
            self._tell(wrong, is_problem=True)
        else:
            self._write(lambda: self._file.bind(key.action, pressed))

    def _write(self, change: Callable[[], None]) -> None:
        try:
            change()
        except StorageError as error:
            self._tell(error_line(error), is_problem=True)
            return
        self._apply(self._file.settings)
        options = self.query_one(OptionList)
        place = options.highlighted or 1
        options.replace_option_prompt_at_index(place, self._drawn(self._lines[place]))
        self._tell("")


class KeyPress(ModalScreen[str | None]):
    """The next key that is pressed, as Textual names it; None for Esc, which is not to be had."""

    DEFAULT_CSS = dialog_css("KeyPress")

    def __init__(self, key: Key) -> None:
        super().__init__()
        self._name = key.help

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = plain(f"The new key of: {self._name}")
            dialog.border_subtitle = plain("Esc leaves it")
            yield Static("Press it now.", markup=False)

    def on_key(self, event: events.Key) -> None:
        """Before it can do what it does now."""
        event.stop()
        event.prevent_default()
        # not awaited: this is a handler of the screen that goes away
        _ = self.dismiss(None if event.key == "escape" else event.key)


def _word(choice: Value) -> str:
    """As a person says it."""
    if isinstance(choice, bool):
        return "on" if choice else "off"
    return _SHOWN.get(choice, choice)
