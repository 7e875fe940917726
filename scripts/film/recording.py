"""A terminal's output with its times, as asciicast v2 keeps it: https://docs.asciinema.org/manual/asciicast/v2/."""

import json
from dataclasses import dataclass, field
from pathlib import Path

VERSION = 2
LONGEST_STILL_S = 3.0  # a player need not wait longer for the machine that made it


@dataclass(slots=True)
class Recording:
    """``events`` are what the terminal was sent, in order, each with the second of the film."""

    title: str
    width: int
    height: int
    events: list[tuple[float, str]] = field(default_factory=list)

    def save(self, path: Path) -> None:
        """As a file that ``asciinema play`` shows."""
        head = {
            "version": VERSION,
            "width": self.width,
            "height": self.height,
            "title": self.title,
            "idle_time_limit": LONGEST_STILL_S,
            "env": {"TERM": "xterm-256color"},
        }
        lines = [json.dumps(head, ensure_ascii=False)]
        lines += [
            json.dumps([round(at_s, 3), "o", text], ensure_ascii=False)
            for at_s, text in self.events
        ]
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> "Recording":
        """What ``save`` wrote. Raises ValueError for another version."""
        first, *rest = path.read_text(encoding="utf-8").splitlines()
        head = json.loads(first)
        if head["version"] != VERSION:
            raise ValueError(f"asciicast {head['version']}, not {VERSION}")
        events = [json.loads(line) for line in rest]
        output = [(at_s, text) for at_s, kind, text in events if kind == "o"]
        return cls(head["title"], head["width"], head["height"], output)
