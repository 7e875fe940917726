"""A full screen that fails."""

import pytest
from textual.app import ComposeResult
from textual.pilot import Pilot
from textual.widgets import Input

from coterie.tui.program import Program
from tests.asynchronous import asynchronous

PASSWORD = "correct-horse-battery"


class Broken(Program[None]):
    """Fails with a password at hand, in a handler or in work that goes on behind it."""

    def __init__(self, *, is_behind: bool) -> None:
        super().__init__()
        self._is_behind = is_behind

    def compose(self) -> ComposeResult:
        yield Input(value=PASSWORD, password=True)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        if self._is_behind:
            self.run_worker(self._fail(event.value))
        else:
            raise ValueError(event.value)

    async def _fail(self, password: str) -> None:
        raise ValueError(password)


@pytest.mark.parametrize("is_behind", [False, True])
@asynchronous
async def test_a_program_that_fails_shows_no_password(
    is_behind: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    """On the terminal, and so in whatever records it, stood each variable with its value; and the status was 0."""

    async def press(pilot: Pilot[None]) -> None:
        await pilot.press("enter")

    with pytest.raises(ValueError, match=PASSWORD):
        await Broken(is_behind=is_behind).run_async(headless=True, auto_pilot=press)
    told = capsys.readouterr()
    assert told.out + told.err == ""
