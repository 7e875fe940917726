"""What all commands have in common: the options that work everywhere, and a help that ends in examples."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import click

from coterie import __version__
from coterie.cli.invocation import Invocation
from coterie.cli.misuse import Misuse
from coterie.cli.output import put
from coterie.cli.table import Entry

pass_invocation = click.make_pass_decorator(Invocation)


def _show_help(context: click.Context, _: click.Parameter, value: bool) -> None:
    if value and not context.resilient_parsing:
        put(context.get_help())
        context.exit()


def _show_version(context: click.Context, _: click.Parameter, value: bool) -> None:
    if value and not context.resilient_parsing:
        put(f"coterie {__version__}")
        context.exit()


def _note(context: click.Context, option: click.Parameter, value: object) -> None:
    """Keeps what was given in the field of ``Invocation`` that has the option's name."""
    if value and option.name:
        setattr(context.obj, option.name, value)


def _everywhere() -> list[click.Option]:
    """New ones for each command: a command's options are its own."""
    kept: dict[str, Any] = {"expose_value": False, "callback": _note}
    flag: dict[str, Any] = {"expose_value": False, "is_flag": True}
    return [
        click.Option(
            ["profile_option", "--profile"],
            **kept,
            metavar="DIR",
            help="The folder of the account and its device, else that of COTERIE_PROFILE.",
        ),
        click.Option(
            ["passphrase_file", "--passphrase-file"],
            **kept,
            metavar="PATH",
            help="The passphrase of a profile or a backup; - is standard input.",
        ),
        click.Option(
            ["key_log_path", "--keylog"],
            **kept,
            metavar="FILE",
            envvar="COTERIE_KEYLOG",
            help="Write the keys of the connection to FILE, for Wireshark: whoever has it reads the connection.",
        ),
        click.Option(
            ["is_key_log_forced", "--keylog-anyway"],
            **kept,
            is_flag=True,
            help="Also where no terminal shows the warning.",
        ),
        click.Option(
            ["is_json", "--json"], **kept, is_flag=True, help="Results as JSON, one object a line."
        ),
        click.Option(
            ["is_debug", "--debug"],
            **kept,
            is_flag=True,
            help="Tell on stderr what happens, down to each key's name.",
        ),
        click.Option(
            ["--version"], **flag, is_eager=True, callback=_show_version, help="Print the version."
        ),
        click.Option(
            ["--help", "-h"], **flag, is_eager=True, callback=_show_help, help="Print this help."
        ),
    ]


class Command(click.Command):
    """A command with ``examples``: a line each, as it is typed."""

    def __init__(
        self, name: str | None = None, *, examples: tuple[str, ...], **kwargs: Any
    ) -> None:
        super().__init__(name, add_help_option=False, **kwargs)
        self.examples = examples
        self.everywhere = _everywhere()
        self.params += self.everywhere

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        own = [
            param
            for param in self.params
            if isinstance(param, click.Option) and param not in self.everywhere
        ]
        for title, params in (("Options", own), ("Everywhere", self.everywhere)):
            rows = [row for param in params if (row := param.get_help_record(ctx)) is not None]
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Example" if len(self.examples) == 1 else "Examples"):
            formatter.write("".join(f"  {example}\n" for example in self.examples))


class Group(Command, click.Group):
    """A family of commands."""

    command_class = Command

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)  # in the order of the file

    def summaries(self) -> list[tuple[str, str]]:
        """Each command with the first line of its help."""
        return [(name, (one.help or "").splitlines()[0]) for name, one in self.commands.items()]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(self.summaries())

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        self.format_commands(ctx, formatter)
        Command.format_options(self, ctx, formatter)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in self.list_commands(ctx) and not args[0].startswith("-"):
            from difflib import get_close_matches  # for who mistypes alone

            near = get_close_matches(args[0], self.list_commands(ctx))
            hint = f"did you mean {' or '.join(near)}?" if near else ""
            raise Misuse(f"no such command {args[0]!r}", hint=hint, ctx=ctx)
        return super().resolve_command(ctx, args)


class LazyGroup(Group):
    """A family whose members are imported when they are run: their list is a table."""

    def __init__(
        self, name: str | None = None, *, table: Mapping[str, Entry], **kwargs: Any
    ) -> None:
        super().__init__(name, **kwargs)
        self.table = table

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.table:
            return None
        found: click.Command = import_module(self.table[cmd_name].module).command
        return found

    def summaries(self) -> list[tuple[str, str]]:
        return [(name, entry.summary) for name, entry in self.table.items()]
