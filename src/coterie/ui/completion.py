"""What Tab offers behind ``@``, ``#``, ``:`` and ``/``: the same for all interfaces. Pure."""

import re
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from coterie.ui import emoji
from coterie.ui.commands import COMMANDS, MARK, SlashCommand

MOST = 8  # offered at once: more is a list to read, not a completion
LEAST_OF_EMOJI = 2  # letters behind a colon; with fewer it is a smiley or a time

# A sign at the beginning of a word, and what was typed behind it up to the cursor.
_TYPED = re.compile(r"(?:\A|(?<=[\s(\[{\"'>]))([@#:])([^\s@#:]*)\Z")
_NAMED = re.compile(r"(?:\A|(?<=[\s(\[{\"'>])):([^\s@#:]+):\Z")
_COMMAND = re.compile(r"\A/([a-z]*)\Z")
_ARGUMENT = re.compile(r"\A/([a-z]+)((?:\s+\S+)*)\s+(\S*)\Z")


class Choice(msgspec.Struct, frozen=True):
    """``inserted`` takes the place of what was typed; ``hint`` says what it is."""

    inserted: str
    hint: str = ""


class Completion(msgspec.Struct, frozen=True):
    """What could stand from ``begin`` to ``end``, the likeliest first; never empty."""

    begin: int
    end: int
    choices: tuple[Choice, ...]

    def applied(self, text: str, choice: Choice) -> tuple[str, int]:
        """The text with that choice, and the cursor behind it and a space."""
        rest = text[self.end :]
        before = text[: self.begin] + choice.inserted
        return f"{before} {rest.removeprefix(' ')}", len(before) + 1


class Known(msgspec.Struct, frozen=True):
    """What there is to complete to, each in the order in which it should be offered."""

    names: Sequence[str] = ()  # accounts of the room, the latest speakers first
    rooms: Sequence[str] = ()
    commands: Mapping[str, SlashCommand] = msgspec.field(default_factory=lambda: COMMANDS)


def complete(text: str, cursor: int, known: Known) -> Completion | None:
    """What can stand at the cursor; None where there is nothing to offer."""
    typed = text[:cursor]
    if command := _COMMAND.match(typed):
        found = _fitting(command[1], known.commands)
        choices = [Choice(MARK + name, known.commands[name].help) for name in found]
        return _completion(0, cursor, choices)
    if sign := _TYPED.search(typed):
        return _completion(sign.start(), cursor, _behind(sign[1], sign[2], known))
    if argument := _ARGUMENT.match(typed):
        candidates = _candidates(argument[1], len(argument[2].split()), known)
        found = _fitting(argument[3], candidates)
        return _completion(argument.start(3), cursor, [Choice(name) for name in found])
    return None


def _completion(begin: int, end: int, choices: Sequence[Choice]) -> Completion | None:
    return Completion(begin, end, tuple(choices)) if choices else None


def _behind(sign: str, typed: str, known: Known) -> list[Choice]:
    if sign == ":":
        if len(typed) < LEAST_OF_EMOJI:
            return []
        return [Choice(drawn, name) for name, drawn in emoji.matching(typed, MOST)]
    candidates = known.names if sign == "@" else known.rooms
    return [Choice(sign + name) for name in _fitting(typed, candidates)]


def emoji_before(text: str, cursor: int) -> tuple[int, str] | None:
    """Where ``:tada:`` begins that ends at the cursor, and what it means; None in code, or where it means nothing."""
    typed = text[:cursor]
    named = _NAMED.search(typed)
    if named is None or typed.count("`") % 2:
        return None
    drawn = emoji.names().get(named[1])
    return (named.start(), drawn) if drawn else None


def _candidates(command: str, place: int, known: Known) -> Sequence[str]:
    """What can be a command's argument, by the word that stands for it in its usage."""
    if command not in known.commands:
        return ()
    words = [word.strip("[]") for word in known.commands[command].arguments.split()]
    if words[-1:] == ["..."]:  # the word before it repeats
        words.pop()
        place = min(place, len(words) - 1)
    word = words[place] if place < len(words) else ""
    return {"NAME": known.names, "ROOM": known.rooms}.get(word, ())


def _fitting(typed: str, candidates: Iterable[str]) -> list[str]:
    """First those that begin so, then those that hold it."""
    wanted = typed.casefold()
    held = [name for name in candidates if wanted in name.casefold()]
    return sorted(held, key=lambda name: not name.casefold().startswith(wanted))[:MOST]
