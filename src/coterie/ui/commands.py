"""Slash commands: one table feeds the interfaces, their help and the docs. What is not a command is said aloud."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from coterie.errors import InvalidInput

MARK = "/"


@dataclass(frozen=True, slots=True)
class SlashCommand:
    """``arguments`` as people read them: a word each, ``[WORD]`` may be left out, ``...`` repeats the last."""

    name: str
    arguments: str
    help: str

    @property
    def usage(self) -> str:
        """As it is typed."""
        return f"{MARK}{self.name} {self.arguments}".rstrip()

    def accepts(self, count: int) -> bool:
        """Whether it can be given so many arguments."""
        words = [word for word in self.arguments.split() if not word.startswith("...")]
        needed = [word for word in words if not word.startswith("[")]
        return len(needed) <= count and (count <= len(words) or "..." in self.arguments)


COMMANDS: Mapping[str, SlashCommand] = MappingProxyType(
    {
        command.name: command
        for command in (
            SlashCommand("join", "ROOM", "see and write in this room"),
            SlashCommand("rooms", "", "list the rooms"),
            SlashCommand("members", "", "list who is in the room"),
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
            SlashCommand("help", "", "list the commands"),
            SlashCommand("quit", "", "end"),
        )
    }
)


@dataclass(frozen=True, slots=True)
class Said:
    """What the others are to read."""

    text: str


@dataclass(frozen=True, slots=True)
class Called:
    """A command, with as many arguments as it takes."""

    command: SlashCommand
    arguments: tuple[str, ...]


def parse(line: str) -> Said | Called | None:
    """What a typed line means; None for an empty one. ``//`` sends a slash, quotes hold an argument together.

    Raises InvalidInput.
    """
    if not line.strip():
        return None
    if not line.startswith(MARK):
        return Said(line)
    if line.startswith(MARK * 2):
        return Said(line[1:])
    try:
        name, *arguments = shlex.split(line[1:]) or [""]
    except ValueError as error:
        raise InvalidInput(f"{line.split(maxsplit=1)[0]}: {str(error).lower()}") from error
    command = COMMANDS.get(name)
    if command is None:
        hint = "/help lists the commands, and // at the beginning sends a slash"
        raise InvalidInput(f"no such command: /{name}", hint=hint)
    if not command.accepts(len(arguments)):
        raise InvalidInput(
            f"/{name} was given {len(arguments)} words", hint=f"write {command.usage}"
        )
    return Called(command, tuple(arguments))
