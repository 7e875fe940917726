"""The command line itself is wrong, which looking at it suffices to tell: exit status 2."""

import click


class Misuse(click.UsageError):
    """As click's own, with a hint."""

    def __init__(self, message: str, *, hint: str = "", ctx: click.Context | None = None) -> None:
        super().__init__(message, ctx)
        self.hint = hint


def sentence(error: click.UsageError) -> tuple[str, str]:
    """Message and hint of a misuse in this program's manner, whoever found it."""
    path = error.ctx.command_path if error.ctx is not None else "coterie"
    see = f"see `{path} --help`"
    if isinstance(error, Misuse):
        return error.message, error.hint or see
    if isinstance(error, click.NoSuchOption) and error.possibilities:
        return _plain(error.message), f"did you mean {' or '.join(error.possibilities)}?"
    return _plain(error.format_message()), see


def _plain(message: str) -> str:
    """click writes sentences, with a capital and a full stop."""
    return message[:1].lower() + message[1:].rstrip(".")
