"""``coterie``: runs a command, and makes of whatever goes wrong a sentence and an exit status."""

import os
import sys
from collections.abc import Sequence
from enum import IntEnum
from io import TextIOWrapper

import click

from coterie.cli import output
from coterie.cli.asking import is_on_terminal
from coterie.cli.command import LazyGroup
from coterie.cli.engine import Engine
from coterie.cli.invocation import Invocation
from coterie.cli.misuse import sentence
from coterie.cli.table import COMMANDS
from coterie.errors import CoterieError


class Status(IntEnum):
    """How the program ends."""

    DONE = 0
    FAILED = 1
    MISUSED = 2  # the command line itself is wrong
    INTERRUPTED = 130  # by Ctrl+C, before it was done: 128 + SIGINT, as shells have it


@click.group(
    cls=LazyGroup,
    table=COMMANDS,
    examples=(
        "coterie join coterie://chat.example.org:7617/#AX... alice",
        "coterie send ops 'shipping today'",
    ),
    invoke_without_command=True,
    no_args_is_help=True,
)
@click.pass_context
def coterie(context: click.Context) -> None:
    """Group chat that its own server cannot read."""
    if context.invoked_subcommand is None:  # options alone, such as --profile
        if not is_on_terminal():
            raise click.UsageError("Missing command.", context)
        _, chat, words = coterie.resolve_command(context, ["chat"])
        if chat is not None:
            with chat.make_context("chat", words, parent=context) as inner:
                chat.invoke(inner)


def main(words: Sequence[str] | None = None, engine: Engine | None = None) -> int:
    """The exit status of ``coterie`` with these words behind its name, by default the process's own."""
    if sys.stderr is None:  # closed by who started us: then nobody wants to hear it
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115  # until the end
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # a terminal without Unicode shows escapes, not a stack trace
            stream.reconfigure(errors="backslashreplace")
    invocation = Invocation(engine or Engine())
    try:
        given = list(sys.argv[1:] if words is None else words)
        if not given and is_on_terminal():
            given = ["chat"]
        with coterie.make_context("coterie", given, obj=invocation) as context:
            coterie.invoke(context)
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        print(error.message, file=sys.stderr)
        return Status.MISUSED
    except click.UsageError as error:
        output.complain(*sentence(error))
        return Status.MISUSED
    except output.OutputClosed:
        output.abandon_stdout()
        return Status.DONE
    except KeyboardInterrupt:
        return Status.INTERRUPTED
    except CoterieError as error:
        _tell_story(invocation)
        output.complain_about(error)
        return Status.FAILED
    except Exception as error:
        # Whatever it is, it is ours. Its words may hold what somebody wrote, so they are for --debug alone.
        _tell_story(invocation)
        hint = (
            "" if invocation.is_debug else "run it again with --debug to see where, and report it"
        )
        output.complain(f"a bug in coterie: {type(error).__name__}", hint)
        return Status.FAILED
    return Status.DONE


def _tell_story(invocation: Invocation) -> None:
    if invocation.is_debug:
        sys.excepthook(*sys.exc_info())
