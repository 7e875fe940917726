"""How a demo looks: on a terminal in colour, in a pipe plain; with ticks, or in ASCII where there is no more."""

import textwrap
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:  # the title is there before all that is imported
    from coterie.demo.exchange import Exchange

SHOWN_BYTES = 16  # of what the wire carried and the server stored
MAX_WIDTH = 100

# What ASCII has instead.
ASCII = {"✓": "ok", "✗": "FAILED", "…": "...", "→": "->", "─": "-"}

BOLD, DIM, RED, GREEN, YELLOW, CYAN, MAGENTA = "1", "2", "1;31", "32", "33", "36", "35"
PEOPLE = {"alice": CYAN, "bobb": MAGENTA}  # others are YELLOW


class Judged(Protocol):
    """Something that holds or not; ``fact`` is what was seen, or what is wrong with it."""

    @property
    def holds(self) -> bool: ...

    @property
    def claim(self) -> str: ...

    @property
    def fact(self) -> str: ...


class Look:
    """Writes lines as they happen."""

    def __init__(
        self, put: Callable[[str], object], *, is_coloured: bool, is_ascii: bool, width: int
    ) -> None:
        self._put = put
        self._is_coloured = is_coloured
        self._is_ascii = is_ascii
        self._width = min(width, MAX_WIDTH)

    def title(self) -> None:
        """The first thing that a stranger sees."""
        self._line(self._in(BOLD, "Coterie: group chat that its own server cannot read."))
        self._wrapped("A real server and real clients, each a process of its own, on real TCP.", "")

    def gap(self) -> None:
        """An empty line."""
        self._line("")

    def act(self, text: str) -> None:
        """A part of it begins."""
        self._line("")
        self._line(self._in(BOLD, f"── {text} {'─' * max(0, self._width - len(text) - 4)}"))

    def remark(self, text: str) -> None:
        """A sentence for who watches."""
        self._wrapped(text, "  ")

    def detail(self, text: str) -> None:
        """What belongs to the last remark."""
        self._wrapped(text, "      ")

    def typed(self, who: str, command: str, *results: str) -> None:
        """What somebody typed, and what came of it."""
        self._line(f"  {self._who(who)} $ {self._in(BOLD, command)}")
        for result in results:
            self._line(f"  {'':8}   {result}")

    def exchange(self, exchange: "Exchange") -> None:
        """One message, all its way."""
        up, down, entry = b"".join(exchange.up), b"".join(exchange.down), exchange.entry
        self._line("")
        self._line(f"  {self._who(exchange.sender)} types  {self._in(BOLD, exchange.text)}")
        self._bytes("wire →", up, f"from {exchange.sender}")
        self._bytes("stored", entry.body, f"entry {entry.seq}")
        self._bytes("wire →", down, f"to {exchange.reader}")
        self._line(f"  {self._who(exchange.reader)} reads  {self._in(BOLD, exchange.text)}")

    def proof(self, proof: Judged) -> None:
        """A tick or a cross, what is claimed, and below it what was seen."""
        mark = self._in(GREEN, "✓") if proof.holds else self._in(RED, "✗")
        self._line(f"  {mark} {proof.claim if proof.holds else self._in(RED, proof.claim)}")
        self._wrapped(proof.fact, "      ", DIM if proof.holds else RED)

    def verdict(self, proofs: Sequence[Judged], seconds: float) -> None:
        """How it ended."""
        failed = sum(not proof.holds for proof in proofs)
        self._line("")
        if failed:
            self._line(self._in(RED, f"✗ {failed} of {len(proofs)} failed, after {seconds:.1f} s"))
        else:
            self._line(self._in(GREEN, f"✓ all {len(proofs)} hold, after {seconds:.1f} s"))

    def next_steps(self, text: str, commands: list[tuple[str, str]]) -> None:
        """What to type now, and why."""
        self._line("")
        self._wrapped(text, "")
        width = max(len(command) for command, _ in commands)
        for command, why in commands:
            self._line(f"  {self._in(BOLD, command)}{' ' * (width - len(command))}  {why}".rstrip())

    # --- below it all ---------------------------------------------------------------------------

    def _bytes(self, what: str, data: bytes, where: str) -> None:
        told = f"  {'':8} {what} {len(data):>6,} bytes {where:<11} "
        size = max(1, min(SHOWN_BYTES, (self._width - len(told) - 1) // 3))
        first = data[:size].hex(" ") + (" …" if len(data) > size else "")
        self._line(self._in(DIM, told + first))

    def _who(self, name: str) -> str:
        return self._in(PEOPLE.get(name, YELLOW), f"{name:<8}")

    def _wrapped(self, text: str, indent: str, colour: str = "") -> None:
        for line in textwrap.wrap(
            self._fit(text), self._width, initial_indent=indent, subsequent_indent=indent,
            break_long_words=False, break_on_hyphens=False,
        ):  # fmt: skip
            self._line(self._in(colour, line))

    def _in(self, colour: str, text: str) -> str:
        return f"\x1b[{colour}m{text}\x1b[0m" if self._is_coloured and colour else text

    def _fit(self, text: str) -> str:
        if self._is_ascii:
            for character, instead in ASCII.items():
                text = text.replace(character, instead)
        return text

    def _line(self, text: str) -> None:
        self._put(self._fit(text).rstrip())
