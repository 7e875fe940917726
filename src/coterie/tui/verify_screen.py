"""Whether an account's key is the one that its owner has: two people compare a number, or one scans it."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.events import Resize
from textual.geometry import Size
from textual.screen import ModalScreen
from textual.widgets import Static

from coterie.client.api import SafetyNumber
from coterie.tui.dialogs import dialog_css, plain
from coterie.tui.qr import half_blocks
from coterie.ui import safety_code
from coterie.ui.clean import clean_line
from coterie.ui.pins import words_of

GROUPS_A_LINE = 4
WIDE = (80, 30)  # columns and lines of the terminal from which on there is room for the QR code


class VerifyScreen(ModalScreen[bool]):
    """True where the person says that both saw the same number. ``account`` is this person's own name."""

    DEFAULT_CSS = (
        dialog_css("VerifyScreen")
        + """
    VerifyScreen {
        & .number { text-style: bold; margin: 1 2; }
        & .qr-help { display: none; }
        & .qr { display: none; width: auto; height: auto; margin-right: 2; color: white; background: black; }
        & Horizontal { height: auto; max-height: 100%; }
        &.-wide .number { margin: 1 0; }
        &.-wide .dialog { width: 80; max-width: 100%; }
        &.-wide .qr, &.-wide .qr-help { display: block; }
    }
    """
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "dismiss(True)", "Yes", priority=True),
        Binding("n,escape", "dismiss(False)", "No", priority=True),
    ]

    def __init__(self, number: SafetyNumber, account: str) -> None:
        super().__init__()
        self._number, self._account = number, account

    def compose(self) -> ComposeResult:
        name, words = clean_line(self._number.name), words_of(self._number.pin)
        code = half_blocks(safety_code.encode(self._account, self._number.number))
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = plain(f"Verify {name}")
            dialog.border_subtitle = "y they are the same · n not now"
            with Horizontal():
                yield Static("\n".join(code), classes="qr", markup=False)
                with VerticalScroll():
                    yield Static(f"{words.marked}\n{name} {words.sentence}.", markup=False)
                    yield Static(_in_lines(self._number.number), classes="number", markup=False)
                    yield Static(
                        f"{name} sees a number for you, too: read them to each other, over the telephone or in "
                        "person. If they are the same, no server stands between you.",
                        markup=False,
                    )
                    yield Static(
                        f"\nOr {name} scans the code, and gives what it says to "
                        f"coterie verify {self._account} --qr",
                        classes="qr-help",
                        markup=False,
                    )

    def on_mount(self) -> None:
        self._fit(self.app.size)  # before it is drawn for the first time

    def on_resize(self, event: Resize) -> None:
        self._fit(event.size)

    def _fit(self, size: Size) -> None:
        self.set_class(size.width >= WIDE[0] and size.height >= WIDE[1], "-wide")


def _in_lines(number: str) -> str:
    groups = number.split()
    return "\n".join(
        " ".join(groups[at : at + GROUPS_A_LINE]) for at in range(0, len(groups), GROUPS_A_LINE)
    )
