"""Slash commands: one table feeds the interfaces, their help and the docs. What is not a command is said aloud."""

import re
import shlex
from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

import msgspec

from coterie.errors import InvalidInput

MARK = "/"

_LINE = re.compile(r"/(\S*)\s*(.*)\Z", re.DOTALL)
_WORD = re.compile(r"(\S+)\s*(.*)\Z", re.DOTALL)
_NUMBER = re.compile(r"#?([0-9]{1,18})\Z")  # as long as one that a database has


class SlashCommand(msgspec.Struct, frozen=True):
    """``arguments`` as people read them: a word each, and ``[WORD]`` may be left out.

    ``...`` repeats the last. ``WORD…`` is the rest of the line, with its quotes and spaces as they were typed. ``a|b``
    is one of these words, and NUMBER is that of a message.
    """

    name: str
    arguments: str
    help: str
    only: Literal["", "screen", "plain"] = ""  # where there is no sense in it elsewhere

    @property
    def usage(self) -> str:
        """As it is typed."""
        return f"{MARK}{self.name} {self.arguments}".rstrip()

    @property
    def words(self) -> list[str]:
        """Those of ``arguments``, without dots that repeat."""
        return [word for word in self.arguments.split() if not word.startswith("...")]

    @property
    def ends_in_text(self) -> bool:
        """Whether the last argument is the rest of the line."""
        return self.arguments.rstrip("]").endswith("…")

    def accepts(self, count: int) -> bool:
        """Whether it can be given so many arguments."""
        words = self.words
        needed = [word for word in words if not word.startswith("[")]
        return len(needed) <= count and (count <= len(words) or "..." in self.arguments)


COMMANDS: Mapping[str, SlashCommand] = MappingProxyType(
    {
        command.name: command
        for command in (
            SlashCommand("join", "ROOM", "see and write in this room"),
            SlashCommand("msg", "NAME [TEXT…]", "go to the direct messages with somebody"),
            SlashCommand("rooms", "", "list the rooms"),
            SlashCommand("members", "", "list who is in the room"),
            SlashCommand("me", "TEXT…", "say what you do"),
            SlashCommand("reply", "[NUMBER] TEXT…", "answer a message"),
            SlashCommand("edit", "[NUMBER] TEXT…", "say something of yours otherwise"),
            SlashCommand("delete", "[NUMBER]", "take a message back, for all"),
            SlashCommand(
                "react", "EMOJI [NUMBER]", "put an emoji under a message, or take it away"
            ),
            SlashCommand("thread", "[NUMBER]", "show what hangs from a message", only="screen"),
            SlashCommand("search", "QUERY…", "find words; from: in: before: after: has:link"),
            SlashCommand(
                "last", "[COUNT]", "say the latest messages with their numbers", only="plain"
            ),
            SlashCommand("unread", "[NUMBER]", "leave the room unread from this message on"),
            SlashCommand("retry", "", "send again what failed"),
            SlashCommand("discard", "", "give up what failed"),
            SlashCommand("topic", "[TEXT…]", "say what the room is about, or see it"),
            SlashCommand("rename", "TITLE…", "give the room another name"),
            SlashCommand("mute", "[all|mentions|nothing]", "say what of the room rings"),
            SlashCommand("create", "ROOM [NAME ...]", "make a room with these people"),
            SlashCommand("invite", "NAME ...", "add people to the room"),
            SlashCommand("kick", "NAME", "take somebody out of the room"),
            SlashCommand("leave", "", "leave the room"),
            SlashCommand("renew", "", "let the room go on in a new group, as its admin"),
            SlashCommand(
                "follow", "[WORD ...]", "go on in an admin's new group; accept what each word says"
            ),
            SlashCommand("verify", "NAME", "show the safety number to compare"),
            SlashCommand("status", "", "say how things are"),
            SlashCommand("settings", "", "choose colours, times, what rings", only="screen"),
            SlashCommand("help", "", "list the commands"),
            SlashCommand("quit", "", "end"),
        )
    }
)
SCREEN_COMMANDS: Mapping[str, SlashCommand] = MappingProxyType(
    {name: command for name, command in COMMANDS.items() if command.only != "plain"}
)
PLAIN_COMMANDS: Mapping[str, SlashCommand] = MappingProxyType(
    {name: command for name, command in COMMANDS.items() if command.only != "screen"}
)


class Said(msgspec.Struct, frozen=True):
    """What the others are to read."""

    text: str


class Called(msgspec.Struct, frozen=True):
    """A command, with as many arguments as it takes. A NUMBER is its digits alone."""

    command: SlashCommand
    arguments: tuple[str, ...]


def parse(line: str, commands: Mapping[str, SlashCommand] = COMMANDS) -> Said | Called | None:
    """What a typed line means; None for an empty one. ``//`` sends a slash, quotes hold an argument together.

    Raises InvalidInput.
    """
    if not line.strip():
        return None
    typed = _LINE.match(line)
    if typed is None:
        return Said(line)
    name, rest = typed[1], typed[2]
    if name.startswith(MARK):
        return Said(line[1:])
    command = commands.get(name)
    if command is None:
        hint = "/help lists the commands, and // at the beginning sends a slash"
        raise InvalidInput(f"no such command: /{name}", hint=hint)
    arguments = (_with_text if command.ends_in_text else _split)(command, rest)
    if not command.accepts(len(arguments)):
        raise InvalidInput(
            f"/{name} was given {len(arguments)} words", hint=f"write {command.usage}"
        )
    return Called(command, tuple(arguments))


def _with_text(command: SlashCommand, rest: str) -> list[str]:
    """The words before the text, and the text. A NUMBER that nothing follows is the text itself."""
    arguments = []
    for word in command.words[:-1]:
        found = _WORD.match(rest)
        number = _NUMBER.match(found[1]) if found else None
        if found is None or (word == "[NUMBER]" and not (number and found[2])):
            continue
        arguments.append(number[1] if word == "[NUMBER]" and number else found[1])
        rest = found[2]
    return [*arguments, rest] if rest else arguments


def _split(command: SlashCommand, rest: str) -> list[str]:
    """By words and quotes, and those that can only be some are."""
    try:
        arguments = shlex.split(rest)
    except ValueError as error:
        raise InvalidInput(f"/{command.name}: {str(error).lower()}") from error
    for place, (word, argument) in enumerate(zip(command.words, arguments, strict=False)):
        kind, number = word.strip("[]"), _NUMBER.match(argument)
        if kind in ("NUMBER", "COUNT") and number is None:
            raise InvalidInput(f"{argument} is no number", hint=f"write {command.usage}")
        if kind in ("NUMBER", "COUNT") and number is not None:
            arguments[place] = number[1]
        if "|" in kind and argument not in kind.split("|"):
            raise InvalidInput(f"{argument} is none of these words", hint=f"write {command.usage}")
    return arguments
