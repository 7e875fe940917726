"""``coterie chat``."""

import codecs
import os
import sys
from typing import TYPE_CHECKING

import click

from coterie.cli import types
from coterie.cli.asking import is_on_terminal, is_terminal
from coterie.cli.calling import with_backend
from coterie.cli.command import Command, pass_invocation
from coterie.cli.invocation import Invocation
from coterie.cli.login import log_in, needs_account
from coterie.cli.misuse import Misuse
from coterie.cli.output import note
from coterie.errors import StorageError

if TYPE_CHECKING:
    from coterie.client.api import Backend
    from coterie.tui.app import Begun


@click.command(
    cls=Command, examples=("coterie chat ops", "my-bot | coterie chat ops --plain --json")
)
@click.argument("room", type=types.room, required=False)
@click.option(
    "--plain",
    is_flag=True,
    help="Lines in, lines out: for pipes, screen readers and simple terminals.",
)
@click.option(
    "--changes",
    is_flag=True,
    help="With --plain --json: a message that is edited, deleted or reacted to comes again.",
)
@click.option("--numbers", is_flag=True, help="With --plain: each message has its number in front.")
@click.option(
    "--theme",
    type=click.Choice(["dark", "light", "high-contrast", "terminal"]),
    envvar="COTERIE_THEME",
    help="The colours of the full screen, before those of the settings; terminal has the terminal's own 16. NO_COLOR "
    "takes all away.",
)
@pass_invocation
def command(
    invocation: Invocation,
    room: str | None,
    plain: bool,
    changes: bool,
    numbers: bool,
    theme: str | None,
) -> None:
    """Talk, on the full screen or in lines.

    The screen opens ROOM, or the first one, and has all others beside it; F1 shows its keys, Ctrl+Q quits. Where there
    is no account yet, it asks for an invite, a name and a password first. `coterie` alone on a terminal does the same.

    With --plain a line that you type goes out, and a line that is said comes in: of ROOM, or of all rooms until /join
    chooses one. What you type appears as a line of the room when the server has stored it durably. A line that begins
    with / is a command, which /help lists; // sends a slash. It ends with /quit or the end of input, once all that was
    typed is stored, or at once with Ctrl+C. A line that fails does not end it; then the exit status is 1.
    """
    if plain:
        # a program that did not ask is told each message once
        with_changes = changes or not invocation.is_json
        _talk_in_lines(invocation, room, with_numbers=numbers, with_changes=with_changes)
        return
    if numbers or changes:
        raise Misuse("--numbers and --changes are for lines", hint="add --plain")
    if invocation.is_json:
        raise Misuse("the full screen has no --json", hint="add --plain")
    if not is_on_terminal():
        raise Misuse("the full screen needs a terminal", hint="use --plain")
    if os.environ.get("TERM") == "dumb":
        raise Misuse("this terminal has no full screen (TERM is dumb)", hint="use --plain")
    if codecs.lookup(sys.stderr.encoding).name != "utf-8":
        hint = "set LC_ALL to C.UTF-8, or use --plain"
        raise Misuse(
            f"the full screen needs UTF-8, and here it is {sys.stderr.encoding}", hint=hint
        )
    from coterie.client.profile import HolderEnded, NoAccount
    from coterie.tui.settings_file import SettingsFile

    file = SettingsFile.read()
    if needs_account(invocation) and not log_in(invocation, theme or file.settings.theme):
        return
    begun: Begun | None = None

    async def show(backend: "Backend") -> None:
        nonlocal begun
        from coterie.tui.app import Begun, run_chat
        from coterie.tui.held_logs import held_logs

        mark = invocation.engine.keys_elsewhere(backend) or invocation.key_log_warning
        with held_logs():
            begun = begun or Begun(room)
            await run_chat(backend, begun, theme=theme, settings_file=file, mark=mark)

    is_over = False
    while not is_over:
        try:
            with_backend(invocation, show, is_for_screen=True)
            is_over = True
        except HolderEnded:  # of another screen: this one opens the profile itself, where it was
            note("the process that held the profile has ended: it is opened here")
        except NoAccount:
            is_over = not log_in(invocation, theme or file.settings.theme, is_begun=True)


def _talk_in_lines(
    invocation: Invocation, room: str | None, *, with_numbers: bool, with_changes: bool
) -> None:
    invocation.take_stdin("the chat")
    if sys.stdin is None:
        raise StorageError("standard input is closed")
    if is_terminal(sys.stdin):
        note("/help lists the commands, /quit ends")

    async def talk(backend: "Backend") -> int:
        from coterie.cli.plain import PlainChat
        from coterie.cli.typed import typed_lines
        from coterie.content import MAX_TEXT

        lines = typed_lines(sys.stdin.fileno(), MAX_TEXT * 4)  # bytes UTF-8 takes for a character
        chat = PlainChat(
            backend,
            room,
            is_json=invocation.is_json,
            with_numbers=with_numbers,
            with_changes=with_changes,
        )
        return await chat.run(lines)

    try:
        failures = with_backend(invocation, talk)
    except KeyboardInterrupt:
        return  # a way to end it
    if failures:
        raise click.exceptions.Exit(1)
