"""The screen that makes an account where there is none, before the chat opens."""

from typing import TYPE_CHECKING

from coterie.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable

    from coterie.cli.invocation import Invocation
    from coterie.client.enrolment import Stage
    from coterie.client.joining import JoinedAccount
    from coterie.secret import Secret
    from coterie.wire.invite import Invite


def needs_account(invocation: "Invocation") -> bool:
    """Whether there is no profile yet. Raises StorageError where that cannot be seen, or there is no place for one."""
    from coterie.client.profile import Profile, check_vacant

    if Profile.exists(invocation.profile):
        return False
    check_vacant(invocation.profile)
    return True


def log_in(invocation: "Invocation", theme: str, *, is_begun: bool = False) -> bool:
    """Whether there is an account when the screen ends; else the person has quit.

    ``is_begun`` where an earlier try ended without an answer.
    """
    from coterie.tui.held_logs import held_logs
    from coterie.tui.login import LoginApp

    async def join(
        invite: "Invite", name: str, password: "Secret", progress: "Callable[[Stage], object]"
    ) -> "JoinedAccount":
        return await invocation.engine.join(
            invocation.profile,
            invite,
            name,
            password,
            custody=None,
            passphrase=_no_passphrase,
            progress=progress,
        )

    invocation.engine.configure_logs(is_debug=invocation.is_debug)
    invocation.start_key_log()
    mark = invocation.key_log_warning
    with held_logs():
        return LoginApp(join, theme, is_begun=is_begun, mark=mark).run() is not None


def _no_passphrase() -> "Secret":
    """One is only ever chosen on the command line, so that profile was begun there."""
    raise InvalidInput(
        "this profile was begun with a passphrase", hint="run the same `coterie join` again"
    )
