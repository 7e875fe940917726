"""One emoji of all, by a few letters of its name."""

from collections.abc import Iterator, Sequence

from coterie.tui.dialogs import Pick, Picker, dialog_css
from coterie.ui import emoji


class EmojiScreen(Picker[str]):
    """The emoji itself. Those of ``recent`` stand first."""

    DEFAULT_CSS = dialog_css("EmojiScreen")

    def __init__(self, recent: Sequence[str] = ()) -> None:
        super().__init__("Emoji", list(_picks(recent)))


def _picks(recent: Sequence[str]) -> Iterator[Pick[str]]:
    for drawn in dict.fromkeys(recent):
        yield Pick(drawn, emoji.name_of(drawn).replace(" ", "_"), mark=drawn)
    for name, drawn in emoji.names().items():
        if drawn not in recent:
            yield Pick(drawn, name, mark=drawn)
