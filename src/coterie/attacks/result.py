"""What came of an attack, and whether it is what was promised."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Target(StrEnum):
    """Who is attacked."""

    COTERIE = "coterie"
    PLAIN = "plain"  # the chat of ``naive``, where attacks are to succeed


@dataclass(slots=True)
class Step:
    """Something that the attacker did, and what he got for it."""

    did: str
    got: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Result:
    """Told by the attack as it goes. ``objections`` say what is not as it should be; without any, it is as promised."""

    name: str
    target: Target
    steps: list[Step] = field(default_factory=list)
    mechanism: str = ""  # what stopped him, or what it is that lets him through
    objections: list[str] = field(default_factory=list)

    def did(self, text: str) -> None:
        """The next step: a sentence whose subject is the attacker."""
        self.steps.append(Step(text))

    def got(self, *texts: str) -> None:
        """What came of the last step."""
        self.steps[-1].got += texts

    def check(self, holds: bool, objection: str) -> None:
        """Keeps ``objection`` where something does not hold."""
        if not holds:
            self.objections.append(objection)

    @property
    def holds(self) -> bool:
        """Whether Coterie held, or the plain chat fell."""
        has_shown = bool(self.steps) and all(step.got for step in self.steps)
        return has_shown and bool(self.mechanism) and not self.objections

    @property
    def claim(self) -> str:
        """The verdict."""
        if self.target is Target.COTERIE:
            return "Coterie held" if self.holds else "COTERIE DID NOT HOLD"
        return "the plain chat fell" if self.holds else "the plain chat did not fall as it should"

    @property
    def fact(self) -> str:
        """Why."""
        verb = "stopped by" if self.target is Target.COTERIE else "let through by"
        return "; ".join(self.objections) or f"{verb} {self.mechanism}"

    def as_json(self) -> dict[str, Any]:
        """For scripts."""
        return {
            "name": self.name,
            "against": str(self.target),
            "steps": [{"did": step.did, "got": step.got} for step in self.steps],
            "mechanism": self.mechanism,
            "objections": self.objections,
            "holds": self.holds,
        }
