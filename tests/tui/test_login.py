"""The first screen: an account of an invite, a name and a password."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from textual.widgets import Input

from coterie.client.custody import Custody
from coterie.client.enrolment import Stage
from coterie.client.joining import JoinedAccount
from coterie.errors import CoterieError, Refused, ServerNotTrusted, Unavailable
from coterie.secret import Secret
from coterie.tui.login import Entries, LoginApp, WrongEntry, check
from coterie.wire.frames import Code
from coterie.wire.invite import Invite
from tests.asynchronous import asynchronous
from tests.cli.fakes import INVITE
from tests.tui.dialog import SMALLEST, Shown
from tests.tui.sight import DEADLINE_S

PASSWORD = "correct horse battery staple"
TYPED = {"invite": INVITE.encode(), "name": "alice", "password": PASSWORD, "again": PASSWORD}
JOINED = JoinedAccount(
    "alice", b"a" * 16, "127.0.0.1:7617", INVITE.fingerprint, Custody.FILE.sentence
)


class Server:
    """Makes accounts, or raises; one that is not ``is_open`` does not answer before ``open``."""

    def __init__(self, error: CoterieError | None = None, *, is_open: bool = True) -> None:
        self.error = error
        self.asked: list[tuple[str, bytes]] = []
        self.was_left = threading.Event()
        self._is_open = is_open
        self._waiting: tuple[asyncio.AbstractEventLoop, asyncio.Event] | None = None

    def open(self) -> None:
        """From now on it answers; also who waits, in whatever thread."""
        self._is_open = True
        if self._waiting is not None:
            loop, event = self._waiting
            loop.call_soon_threadsafe(event.set)

    async def join(
        self, invite: Invite, name: str, password: Secret, progress: Callable[[Stage], object]
    ) -> JoinedAccount:
        self.asked.append((name, password.expose()))
        self._waiting = asyncio.get_running_loop(), asyncio.Event()
        for stage in (Stage.CONNECTING, Stage.STRETCHING):
            progress(stage)
        try:
            if not self._is_open:
                await self._waiting[1].wait()
        except asyncio.CancelledError:
            self.was_left.set()
            raise
        finally:
            self._waiting = None
        if self.error is not None:
            raise self.error
        return JOINED


@asynccontextmanager
async def showing(
    server: Server, *, size: tuple[int, int] = (100, 30), theme: str = "dark"
) -> AsyncIterator[Shown]:
    app = LoginApp(server.join, theme)
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        yield Shown(app, pilot)


async def fill(seen: Shown, **typed: str) -> None:
    """Puts these into the fields, and enters the last one."""
    for name, value in (TYPED | typed).items():
        field = seen.app.screen.query_one(f"#{name}", Input)
        field.value = value
        field.focus()
    await seen.press("enter")


def focused(seen: Shown) -> str | None:
    return seen.app.focused.id if seen.app.focused else None


def test_what_is_typed_right_is_taken() -> None:
    assert check(TYPED | {"name": " @alice "}) == Entries(
        INVITE, "alice", Secret(PASSWORD.encode())
    )


@pytest.mark.parametrize(
    ("field", "typed", "said"),
    [
        ("invite", "", "an invite begins with coterie://"),
        ("invite", INVITE.encode()[:-4], "cut off"),
        ("name", "Alice B", "a name is 2 to 32 of a-z"),
        ("password", "short", "at least 10 are needed"),
        ("password", "password2026", "a common word"),
        ("again", PASSWORD + "x", "the two passwords differ"),
    ],
)
def test_the_first_wrong_field_is_named(field: str, typed: str, said: str) -> None:
    with pytest.raises(WrongEntry, match=said) as raised:
        check(TYPED | {"again": TYPED["password"], field: typed})
    assert raised.value.field == field


@pytest.mark.parametrize("size", [SMALLEST, (100, 30), (300, 80)], ids=str)
@asynchronous
async def test_an_account_is_made_from_field_to_field(size: tuple[int, int]) -> None:
    server = Server()
    async with showing(server, size=size) as seen:
        await seen.until_shown("no account here yet", "Paste the invite", "password", "again")
        seen.app.screen.query_one("#invite", Input).value = INVITE.encode()
        shown = " ".join(["6666"] * 8)
        await seen.until_shown("127.0.0.1:7617, known by its fingerprint:", shown)
        await seen.press("enter")
        await seen.type("al")
        assert focused(seen) == "name"
        await seen.press("enter")
        seen.app.screen.query_one("#password", Input).value = PASSWORD
        await seen.press("enter")
        seen.app.screen.query_one("#again", Input).value = PASSWORD
        await seen.until_shown("The password is not among")
        await seen.press("enter")
        await seen.until_shown("You are alice on 127.0.0.1:7617", "Enter goes on.")
        assert server.asked == [("al", PASSWORD.encode())]
        await seen.press("enter")
        await seen.until(lambda: seen.app.return_value == JOINED)


@asynchronous
async def test_the_password_is_never_shown() -> None:
    async with showing(Server()) as seen:
        await fill(seen, again=PASSWORD + "x")
        await seen.until_shown("✗ the two passwords differ")
        assert "correct" not in seen.text
        assert focused(seen) == "again"


@pytest.mark.parametrize(
    ("field", "typed", "said"),
    [
        ("invite", "http://", "✗ an invite begins with"),
        ("name", "A", "✗ a name is 2 to 32"),
        ("password", "secret", "✗ the password has 6 characters"),
    ],
)
@asynchronous
async def test_what_is_wrong_is_said_while_one_is_in_that_field(
    field: str, typed: str, said: str
) -> None:
    async with showing(Server()) as seen:
        await fill(seen, **{field: typed})
        await seen.until_shown(said)
        assert focused(seen) == field


@asynchronous
async def test_while_it_is_made_the_steps_are_told_and_the_screen_goes_on() -> None:
    server = Server(is_open=False)
    async with showing(server, size=SMALLEST) as seen:
        await fill(seen)
        await seen.until_shown("✓ connecting", "… stretching the password", "Esc stop")
        await seen.pilot.resize_terminal(100, 30)
        await seen.until(lambda: len(seen.lines) == 30)
        server.open()
        await seen.until_shown("You are alice")


@pytest.mark.parametrize(
    ("error", "field"),
    [
        (Refused(Code.NAME_TAKEN, "the name is taken"), "name"),
        (Refused(Code.INVITE, "the invite was used"), "invite"),
        (ServerNotTrusted("another key", hint="ask again"), "invite"),
        (Unavailable("nobody answers"), "invite"),
    ],
)
@asynchronous
async def test_what_the_server_refuses_is_said_and_nothing_typed_is_lost(
    error: CoterieError, field: str
) -> None:
    server = Server(error)
    async with showing(server) as seen:
        await fill(seen)
        await seen.until_shown(f"✗ {error}", error.hint, "name      alice")
        assert focused(seen) == field
        kept = {one.id: one.value for one in seen.app.screen.query(Input)}
        assert kept == TYPED
        server.error = None
        seen.app.screen.query_one("#again", Input).focus()
        await seen.press("enter")
        await seen.until_shown("You are alice")


@asynchronous
async def test_escape_stops_it_and_it_can_be_begun_again() -> None:
    server = Server(is_open=False)
    async with showing(server) as seen:
        await fill(seen)
        await seen.until_shown("… stretching the password")
        await seen.press("escape")
        await seen.until_shown("Stopped.")
        await seen.until(server.was_left.is_set)
        server.open()
        await fill(seen)
        await seen.until_shown("You are alice")


@asynchronous
async def test_quitting_makes_nothing_and_leaves_what_is_under_way() -> None:
    server = Server(is_open=False)
    async with showing(server) as seen:
        await fill(seen)
        await seen.until_shown("… stretching")
        await seen.press("ctrl+q")
        await seen.until_over()
    assert await asyncio.to_thread(server.was_left.wait, DEADLINE_S)
    assert seen.app.return_value is None


@pytest.mark.parametrize("theme", ["high-contrast", "terminal"])
@asynchronous
async def test_all_is_in_words_in_every_theme(theme: str) -> None:
    async with showing(Server(), size=SMALLEST, theme=theme) as seen:
        await fill(seen, again="")
        await seen.until_shown("✗ the two passwords differ", "known by its fingerprint")


@pytest.mark.parametrize("key", ["ctrl+c", "ctrl+x"])
@asynchronous
async def test_a_password_cannot_be_copied(key: str) -> None:
    """It went to the terminal in the clear, and from there to a clipboard that others read."""
    async with showing(Server()) as seen:
        field = seen.app.screen.query_one("#password", Input)
        field.value = PASSWORD
        field.focus()
        await seen.press("shift+home", key)
        assert field.value == (PASSWORD if key == "ctrl+c" else "")
        assert seen.app.clipboard == ""
