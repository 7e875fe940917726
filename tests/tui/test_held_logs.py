"""Log lines while the screen is up."""

import logging

from coterie.tui.held_logs import held_logs


class Kept(logging.Handler):
    """What the terminal got."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


def test_what_is_logged_while_the_screen_is_up_is_told_afterwards() -> None:
    root, kept = logging.getLogger(), Kept()
    before, root.handlers[:] = root.handlers[:], [kept]
    try:
        with held_logs():
            logging.getLogger("coterie").warning("not-tidied")
            assert kept.lines == []
        assert kept.lines == ["not-tidied"]
        assert root.handlers == [kept]
    finally:
        root.handlers[:] = before
