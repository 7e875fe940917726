"""The command line's page of the reference, made of the commands themselves.

python -m coterie.cli.reference > docs/reference/cli.md
"""

import re
from collections.abc import Iterator

import click

from coterie.cli.main import coterie
from coterie.ui.commands import COMMANDS

WIDTH = 80  # of the help shown, whatever the terminal

_HEAD = """\
# The command line

This page is generated from the commands: `python -m coterie.cli.reference > docs/reference/cli.md`.

A command's result goes to standard output, everything else to standard error behind `coterie:`.
With `--json` the result is JSON in ASCII, one object a line: a list gives one for each of its parts.
Text from others is cleaned before it is shown: a control character becomes `\ufffd`.

| exit status | means |
| --- | --- |
| 0 | done; also when the reader of a pipe has had enough, and when Ctrl+C ends `chat` or `read --follow` |
| 1 | failed: standard error says why |
| 2 | misused: the command line itself is wrong |
| 130 | interrupted by Ctrl+C before it was done |

| variable | names |
| --- | --- |
| `COTERIE_PROFILE` | the folder of the profile, for who gives no `--profile` |
| `COTERIE_DATA` | the data folder of `serve`, `invite`, `backup`, `restore` and `check`, for who gives no `--data` |
| `COTERIE_KEYLOG` | the file for the keys of connections, for who gives no `--keylog` |
| `COTERIE_ROTATION` | how often a client's keys turn over: [settings](settings.md#the-client) |

Passwords and passphrases come from the terminal, a file (`--password-file`, `--passphrase-file`), standard input (`-`)
or a descriptor (`/dev/fd/3`), never from an argument."""


def page() -> str:
    """The whole page, in Markdown."""
    parts = [_HEAD]
    for path, command in _commands("coterie", coterie):
        parts.append(f"{'#' * max(2, path.count(' ') + 1)} {path}")
        with click.Context(command, info_name=path, terminal_width=WIDTH) as context:
            text = command.get_help(context)
        if path != "coterie":  # its help has the options that work everywhere
            text = re.sub(r"\n\nEverywhere:\n(  .*\n)+", "\n", text)
        parts.append(f"```\n{text}\n```")
    rows = [f"| {_cell(one.usage)} | {one.help} |" for one in COMMANDS.values()]
    parts.append("## Commands within a chat")
    parts.append("\n".join(["| typed | does |", "| --- | --- |", *rows]))
    return "\n\n".join(parts) + "\n"


def _cell(code: str) -> str:
    """In a table a | parts cells, in code as well."""
    return f"`{code}`".replace("|", "\\|")


def _commands(path: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    """This one and all within it, each with the words that call it."""
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command, info_name=path)
        for name in command.list_commands(context):
            within = command.get_command(context, name)
            if within is not None:
                yield from _commands(f"{path} {name}", within)


if __name__ == "__main__":
    print(page(), end="")
