"""The first screen of all, where there is no account yet: an invite, a name and a password make one."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, ClassVar, NamedTuple

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import Screen
from textual.widgets import Input, Static

from coterie.client.enrolment import Stage
from coterie.client.joining import JoinedAccount
from coterie.errors import CoterieError, InvalidInput, Refused
from coterie.passwords import check_password, encode_password
from coterie.secret import Secret
from coterie.tui.apart import apart
from coterie.tui.dialogs import dialog_css, plain
from coterie.tui.mark import marked
from coterie.tui.program import Program
from coterie.tui.settled import settled
from coterie.tui.words import error_line
from coterie.ui.clean import clean
from coterie.wire import names
from coterie.wire.frames import Code
from coterie.wire.invite import Invite, decode_invite, show_fingerprint

Join = Callable[
    [Invite, str, Secret, Callable[[Stage], object]], Coroutine[Any, Any, JoinedAccount]
]

WELCOME = (
    "There is no account here yet. Whoever runs a server gives you an invite, with `coterie invite`; "
    "your password never leaves this machine, and nobody can reset it."
)
BEGUN = (
    "An account was begun here, and the server has not said whether it is made. The same invite, name and password "
    "go on from there, and make nothing twice."
)
STRONG = "The password is not among those that are guessed first. Enter makes the account."
FIELDS = {
    "invite": "Paste the invite: coterie://HOST:PORT/#…",
    "name": f"Your name, as others see it: {names.RULE}.",
    "password": "A password: four random words are long, strong and easy to remember.",
    "again": "The same password again.",
}
EXAMPLES = {
    "invite": "coterie://HOST:PORT/#…",
    "name": "alice",
    "password": "four random words",
    "again": "the same",
}
_HALF = 39  # characters: eight groups of a fingerprint


class Entries(NamedTuple):
    """What was typed, and is right."""

    invite: Invite
    name: str
    password: Secret


class WrongEntry(InvalidInput):
    """``field`` is the one of ``FIELDS`` to mend."""

    def __init__(self, field: str, error: InvalidInput) -> None:
        super().__init__(str(error), hint=error.hint)
        self.field = field


def check(typed: dict[str, str]) -> Entries:
    """What stands in the fields. Raises WrongEntry for the first that is missing or wrong."""
    field = "invite"
    try:
        invite = decode_invite(typed[field])
        field, name = "name", typed["name"].strip().removeprefix("@")
        if not names.is_allowed(name):
            raise InvalidInput(f"a name is {names.RULE}")
        field = "password"
        check_password(typed[field], name)
        field = "again"
        if typed["again"] != typed["password"]:
            raise InvalidInput("the two passwords differ")
    except InvalidInput as error:
        raise WrongEntry(field, error) from error
    return Entries(invite, name, encode_password(typed["password"]))


class SecretInput(Input):
    """Nothing of it can be copied: a terminal shares its clipboard, and some keep what was there."""

    def __init__(self, *, id: str, placeholder: str, compact: bool) -> None:  # noqa: A002  # Textual's word
        super().__init__(id=id, placeholder=placeholder, compact=compact, password=True)

    def action_copy(self) -> None:
        self.app.bell()

    def action_cut(self) -> None:
        self.delete_selection()


class LoginScreen(Screen[None]):
    """``join`` makes the account; what was typed stays where that fails.

    ``is_begun`` where an earlier try ended without an answer; ``mark`` stands above all.
    """

    DEFAULT_CSS = (
        dialog_css("LoginScreen")
        + """
    LoginScreen {
        & > .dialog { max-height: 100%; }
        & Horizontal { height: 1; }
        & .label { width: 10; text-style: bold; }
        & Input { width: 1fr; background: $panel; }
        & Input:focus { background: $primary 20%; }
        & #server { margin-left: 10; color: $text-muted; }
        & #told { margin-top: 1; }
        & .part { height: auto; }
    }
    """
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "stop", "Stop", show=False),
        Binding("down", "app.focus_next", "The next field", show=False),
        Binding("up", "app.focus_previous", "The field before", show=False),
        Binding("enter", "enter", "Go on", priority=True, show=False),
    ]

    def __init__(self, join: Join, *, is_begun: bool = False, mark: str = "") -> None:
        super().__init__()
        self._join, self._is_begun, self._mark = join, is_begun, mark
        self._joined: JoinedAccount | None = None
        self._is_joining = False
        self._stages: list[Stage] = []
        self._verdict = ""  # how the last try ended, until something else is typed

    def compose(self) -> ComposeResult:
        yield from marked(self._mark)
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = plain("Coterie")
            with VerticalScroll(can_focus=False):
                welcome = BEGUN if self._is_begun else WELCOME
                yield Static(f"{welcome}\n", id="welcome", markup=False)
                for name in FIELDS:
                    with Horizontal(classes="field"):
                        yield Static(name, classes="label", markup=False)
                        field = SecretInput if name in ("password", "again") else Input
                        yield field(id=name, placeholder=EXAMPLES[name], compact=True)
                    if name == "invite":
                        yield Static(id="server", markup=False)
                yield Static(id="told", markup=False)

    def on_mount(self) -> None:
        self.query_one("#server").display = False
        self.query_one("#invite", Input).focus()
        self._hint("Enter next · Ctrl+Q quit")

    # --- filling in ----------------------------------------------------------------------------

    @property
    def _typed(self) -> dict[str, str]:
        return {field.id or "": field.value for field in self.query(Input)}

    def on_input_changed(self, event: Input.Changed) -> None:
        if event.input.id == "invite":
            self._show_server(event.value)
        self._verdict = ""
        if event.input.has_focus:
            self._tell_of(event.input.id or "")

    def on_descendant_focus(self) -> None:
        if isinstance(self.focused, Input):
            self._tell_of(self.focused.id or "")

    def _show_server(self, typed: str) -> None:
        """Whom the invite leads to, for those who can compare it."""
        server = self.query_one("#server", Static)
        server.display = False
        try:
            invite = decode_invite(typed)
        except InvalidInput:
            return  # said below, while one is in that field
        shown = show_fingerprint(invite.fingerprint)
        server.update(
            f"{clean(str(invite.address))}, known by its fingerprint:\n"
            f"{shown[:_HALF]}\n{shown[_HALF + 1 :]}"
        )
        server.display = True
        self.query_one("#welcome").display = False  # its room is wanted

    def _tell_of(self, name: str) -> None:
        """What the field is for, or what is wrong with it as far as it is filled in."""
        if self._verdict:
            self._tell(self._verdict, is_problem=True)
            return
        try:
            check(self._typed)
        except WrongEntry as wrong:
            if wrong.field == name and self._typed[name]:
                self._tell(_sentence(wrong), is_problem=True)
            else:
                self._tell(FIELDS[name])
        else:
            self._tell(STRONG)

    async def action_enter(self) -> None:
        """To the next field that is wanted; with all of them right, on; at the end, to the rooms."""
        field = self.focused
        if self._joined is not None:
            self.app.exit(self._joined)
        elif isinstance(field, Input):
            # Meanwhile no further key goes anywhere: what is typed behind Enter is the next field's, however quickly.
            await settled(field)
            self._enter(field.id or "")

    def _enter(self, name: str) -> None:
        try:
            entries = check(self._typed)
        except WrongEntry as wrong:
            fields = list(FIELDS)
            self.set_focus(self.query_one(f"#{wrong.field}", Input))
            if fields.index(wrong.field) <= fields.index(name):
                self._verdict = _sentence(wrong)
                self._tell(self._verdict, is_problem=True)
        else:
            self._begin(entries)

    # --- joining -------------------------------------------------------------------------------

    def _begin(self, entries: Entries) -> None:
        for field in self.query(Input):
            field.disabled = True
        self._is_joining, self._stages = True, []
        self._hint("Esc stop")
        self.run_worker(self._run(entries), name="join", exclusive=True)

    async def _run(self, entries: Entries) -> None:
        loop = asyncio.get_running_loop()
        try:
            joined = await apart(
                self._join(
                    *entries, lambda stage: loop.call_soon_threadsafe(self._show_stage, stage)
                )
            )
        except CoterieError as error:
            self._open_again(_field_of(error), _sentence(error))
        else:
            self._show_joined(joined)

    def _show_stage(self, stage: Stage) -> None:
        """What is done and what is under way."""
        if not self._is_joining:
            return  # it was stopped meanwhile
        self._stages.append(stage)
        *done, now = self._stages
        self._tell("\n".join([*(f"✓ {one.value}" for one in done), f"… {now.value}"]))

    def action_stop(self) -> None:
        """Ends what is under way. It can be gone on with: the same entries make nothing twice."""
        if self._is_joining:
            self.workers.cancel_node(self)
            self._open_again("again", "Stopped. With the same entries it goes on where it was.")

    def _open_again(self, name: str, verdict: str) -> None:
        self._is_joining, self._verdict = False, verdict
        for field in self.query(Input):
            field.disabled = False
        self._hint("Enter next · Ctrl+Q quit")
        self.query_one(f"#{name}", Input).focus()
        self._tell(verdict, is_problem=True)

    def _show_joined(self, joined: JoinedAccount) -> None:
        self._joined, self._is_joining = joined, False
        for field in self.query(".field, #server"):
            field.display = False
        welcome = self.query_one("#welcome", Static)
        welcome.display = True
        welcome.update(
            f"✓ You are {joined.name} on {clean(joined.server)}.\n\n"
            f"On this machine {joined.custody_sentence}.\n\n"
            "Keep the password: nobody can reset it."
        )
        self._tell("Enter goes on.")
        self._hint("Enter go on · Ctrl+Q quit")

    # --- telling -------------------------------------------------------------------------------

    def _tell(self, text: str, *, is_problem: bool = False) -> None:
        told = self.query_one("#told", Static)
        told.update(clean(text))
        told.set_class(is_problem, "problem")

    def _hint(self, keys: str) -> None:
        self.query_one(".dialog").border_subtitle = plain(keys)


def _sentence(error: CoterieError) -> str:
    return f"✗ {error_line(error)}"


def _field_of(error: CoterieError) -> str:
    """Where to mend it."""
    match error:
        case Refused(code=Code.NAME_TAKEN | Code.NAME_NOT_ALLOWED):
            return "name"
        case _:
            return "invite"


class LoginApp(Program[JoinedAccount]):
    """Ends with the account, or with None where the person quits."""

    def __init__(self, join: Join, theme: str, *, is_begun: bool = False, mark: str = "") -> None:
        super().__init__()
        self.theme = theme
        self._screen = LoginScreen(join, is_begun=is_begun, mark=mark)

    async def on_mount(self) -> None:
        """Shows the one screen there is."""
        await self.push_screen(self._screen)
