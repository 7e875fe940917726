"""What holds as long as the screen is there, above all else: a warning that no key takes away."""

from collections.abc import Iterator

from textual.widgets import Static

from coterie.ui.clean import clean_line


class Mark(Static):
    """At the top of a screen."""

    DEFAULT_CSS = """
    Mark { dock: top; height: auto; max-height: 3; padding: 0 1; text-style: bold reverse; }
    """


def marked(text: str) -> Iterator[Mark]:
    """The widget for it; none for an empty text."""
    if text:
        yield Mark(clean_line(text), markup=False)
