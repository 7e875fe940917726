"""How fast the full screen is, beside the bare toolkit in one run: ``python benchmarks/tui/run.py`` prints a table.

Everything is timed from outside, on a real terminal of 100 × 30: from a key, or a message, to its text among what the
program wrote. ``--only`` measures one thing, and ``--quick`` with fewer repetitions.
"""

import argparse
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

from profiles import COTERIE, alice
from terminal import Terminal, environment

from coterie.tui.writing import text_lines

HERE = Path(__file__).parent
sys.path.append(str(HERE.parents[1]))
from tests.tui.test_writing import HOSTILE  # noqa: E402  # the same texts as the tests have

LETTERS = "бгджзийлмнпртуфхцчшщъыьэюя"  # in no escape sequence, and nowhere else on the screen
PAST = 100_000  # messages of the long room
NUMBER = r"long m(\d{6}) "  # of a message, as profiles.fill writes it
SWITCHER, PAGE_UP, BACKSPACE = "\x0b", "\x1b[5~", "\x7f"


@dataclass(frozen=True, slots=True)
class Line:
    """Of the table. ``bar`` is what issue and pages promise."""

    what: str
    figure: str
    floor: str
    ratio: str
    bar: str

    def __str__(self) -> str:
        return f"| {self.what} | {self.figure} | {self.floor} | {self.ratio} | {self.bar} |"


HEAD = Line("what", "Coterie", "bare Textual", "ratio", "bar")
RULE = Line(*["---"] * 5)


def floor(kind: str, *, with_notes: bool = False) -> Terminal:
    return Terminal(
        [sys.executable, str(HERE / "floors.py"), kind], environment(), with_notes=with_notes
    )


def screen() -> Terminal:
    """Coterie's, on 5,000 messages in memory."""
    return Terminal([sys.executable, str(HERE / "chat.py")], environment(), with_notes=True)


def chat(profile: Path, room: str) -> Terminal:
    return Terminal([COTERIE, "--profile", str(profile), "chat", room], environment())


def ms(times: list[float]) -> str:
    """Median, and in how much nine of ten were done."""
    return f"{statistics.median(times) * 1000:.1f} ms (p90 {statistics.quantiles(times, n=10)[8] * 1000:.1f})"


def ratio(ours: list[float], theirs: list[float]) -> str:
    return f"{statistics.median(ours) / statistics.median(theirs):.2f} ×"


# --- what is measured --------------------------------------------------------------------------------


def keys(rounds: int) -> Iterator[Line]:
    """A letter into the composer, with 5,000 messages above it."""
    with floor("input") as bare, screen() as ours:
        bare.until("ready")
        ours.until("message 5000 ")
        letters = cycle(LETTERS)

        def key(terminal: Terminal) -> float:
            letter = next(letters)
            took = -terminal.press(letter) + terminal.until(letter)
            terminal.press(BACKSPACE)
            terminal.until("\x1b")
            terminal.calm()
            return took

        found = _by_turns(rounds, lambda: key(ours), lambda: key(bare))
    yield Line("key to screen", ms(found[0]), ms(found[1]), ratio(*found), "≤ 2 ×")


def messages(rounds: int) -> Iterator[Line]:
    """One more in a room of 5,000."""
    with floor("lines", with_notes=True) as bare, screen() as ours:
        bare.until("message 4999 ")
        ours.until("message 5000 ")
        number = iter(range(10**6))

        def said(terminal: Terminal) -> float:
            text = f"news-{next(number):06}"
            took = -terminal.note(text) + terminal.until(text)
            terminal.calm()
            return took

        found = _by_turns(rounds, lambda: said(ours), lambda: said(bare))
    yield Line("one more message, of 5,000", ms(found[0]), ms(found[1]), ratio(*found), "≤ 2 ×")


def rooms(rounds: int) -> Iterator[Line]:
    """From a key to the newest messages of the other room, on the real store."""
    with (
        tempfile.TemporaryDirectory() as folder,
        alice(Path(folder), {"long": PAST, "short": 100}) as profile,
        chat(profile, "short") as ours,
    ):
        ours.until("m000100 ")
        ours.until("connected")
        took = {"long": list[float](), "short": list[float]()}
        for _ in range(rounds):
            for name, newest in (("long", PAST), ("short", 100)):
                took[name].append(_go(ours, name, newest))
        yield Line("open a room of 100,000", ms(took["long"]), "", "", "≤ 150 ms")
        yield Line(
            "beside a room of 100",
            ms(took["short"]),
            "",
            ratio(took["long"], took["short"]),
            "",
        )
        yield from _pages(ours, 40 if rounds < ROUNDS else 750)


def _pages(ours: Terminal, pages: int) -> Iterator[Line]:
    """Reads back in the long room, screen by screen."""
    _go(ours, "long", PAST)
    oldest, took, kb = PAST, list[float](), list[int]()
    for _ in range(pages):
        shown = list[int]()

        def is_older(seen: str, oldest: int = oldest, shown: list[int] = shown) -> bool:
            shown[:] = map(int, re.findall(NUMBER, seen))
            return bool(shown) and min(shown) < oldest

        took.append(-ours.press(PAGE_UP) + ours.until_so(is_older, f"message before {oldest}"))
        oldest = min(shown)
        kb.append(ours.resident_kb())
    grown_kb, p90 = kb[-1] - kb[pages // 2], statistics.quantiles(took, n=10)[8]
    yield Line("read back, a screen at a time", ms(took), "", f"{1 / p90:.0f} a second", "≥ 30")
    what = f"memory after {PAST - oldest:,} messages read back, and more than after half of them"
    yield Line(what, f"{kb[-1] / 1024:.0f} MiB", "", f"{grown_kb / 1024:+.1f} MiB", "flat")


def _go(ours: Terminal, name: str, newest: int) -> float:
    """Seconds from Enter in the switcher to the newest message of a room."""
    ours.press(SWITCHER)
    ours.until("Go to")
    ours.press(name)
    ours.until(name)
    return -ours.press("\r") + ours.until(f"{name} m{newest:06} ")


def starts(rounds: int) -> Iterator[Line]:
    """From the command to what one can use: the messages and the composer, or an empty Input."""
    with tempfile.TemporaryDirectory() as folder, alice(Path(folder), {"ops": 5_000}) as profile:

        def ours() -> float:
            with chat(profile, "ops") as terminal:
                return terminal.until("m005000 ") - terminal.began

        def bare() -> float:
            with floor("input") as terminal:
                return terminal.until("ready") - terminal.began

        ours()  # compiles what is imported
        bare()
        found = _by_turns(max(rounds // 5, 5), ours, bare)
    yield Line(
        "start to the first usable screen", ms(found[0]), ms(found[1]), ratio(*found), "≤ 1.5 ×"
    )


def texts(rounds: int) -> Iterator[Line]:
    """What somebody writes to stop the others' screens: the slowest of all to draw, without the terminal."""

    def drawn(text: str) -> float:
        began = time.perf_counter()
        text_lines(text, 100, "alice")
        return time.perf_counter() - began

    took = {name: [drawn(text) for _ in range(rounds)] for name, text in HOSTILE.items()}
    slowest = max(took, key=lambda name: statistics.median(took[name]))
    yield Line(f"the slowest hostile text: {slowest}", ms(took[slowest]), "", "", "≤ 10 ms")


def _by_turns(
    rounds: int, ours: Callable[[], float], bare: Callable[[], float]
) -> tuple[list[float], list[float]]:
    """So that what else the machine does is in both."""
    pairs = [(ours(), bare()) for _ in range(rounds)]
    return [one for one, _ in pairs], [other for _, other in pairs]


MEASURED = {"keys": keys, "messages": messages, "texts": texts, "rooms": rooms, "starts": starts}
ROUNDS = 100


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", choices=tuple(MEASURED))
    parser.add_argument("--quick", action="store_true")
    asked = parser.parse_args()
    print(HEAD, RULE, sep="\n")
    for name in (asked.only,) if asked.only else MEASURED:
        for line in MEASURED[name](20 if asked.quick else ROUNDS):
            print(line, flush=True)


if __name__ == "__main__":
    main()
