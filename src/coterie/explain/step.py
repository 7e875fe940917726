"""What a walk through the protocol is made of: chapters and steps, with what went over the wire and which keys came."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Who(StrEnum):
    """The three whose doings are told."""

    ALICE = "alice's client"
    SERVER = "server"
    BOBB = "bobb's client"


@dataclass(frozen=True, slots=True)
class Part:
    """Some bytes of a message."""

    name: str
    size: int
    meaning: str


@dataclass(frozen=True, slots=True)
class Key:
    """A key that came to be: by name, size, and a fingerprint under a salt that nobody keeps. Never the key."""

    name: str  # as in docs/reference/debug-log.md
    size: int
    fingerprint: str
    holder: Who


@dataclass(frozen=True, slots=True)
class Step:
    """Something that one of them does. What it says to another has ``to``, ``parts`` and ``wire_size``."""

    title: str
    by: Who
    text: str
    section: str  # of docs/reference/protocol.md, as its heading stands there
    standard: str  # where the rule comes from
    to: Who | None = None
    parts: tuple[Part, ...] = ()
    wire_size: int = 0  # bytes that a listener on the network counts, lengths included
    keys: tuple[Key, ...] = ()
    sizes_vary: bool = False  # by some bytes, from one walk to the next


@dataclass(frozen=True, slots=True)
class Chapter:
    """Some steps."""

    title: str
    text: str
    steps: tuple[Step, ...]


Walk = tuple[Chapter, ...]


def as_json(walk: Walk) -> list[dict[str, Any]]:
    """For scripts."""
    return [
        {
            "title": chapter.title,
            "text": chapter.text,
            "steps": [_step_as_json(step) for step in chapter.steps],
        }
        for chapter in walk
    ]


def _step_as_json(step: Step) -> dict[str, Any]:
    return {
        "title": step.title,
        "by": str(step.by),
        "to": str(step.to) if step.to else None,
        "text": step.text,
        "section": step.section,
        "standard": step.standard,
        "wire_size": step.wire_size,
        "parts": [
            {"name": part.name, "size": part.size, "meaning": part.meaning} for part in step.parts
        ],
        "keys": [
            {
                "name": key.name,
                "size": key.size,
                "fingerprint": key.fingerprint,
                "holder": str(key.holder),
            }
            for key in step.keys
        ],
    }
