"""``coterie`` as processes: started as a person starts it, read line by line, and ended whatever happens."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import IO, Any, Self, TypeVar

T = TypeVar("T")
Facts = dict[str, Any]

LOOK_AGAIN_S = 0.05  # what is not written, such as a file, wakes nobody
DEADLINE_S = (
    40.0  # for whatever must happen; a machine under load takes ten times as long as an idle one
)
COTERIE = (sys.executable, "-P", "-m", "coterie")
# Where there is util-linux, who kills the tests ends their processes too: no fixture would.
MORTAL = ("setpriv", "--pdeathsig", "KILL") if shutil.which("setpriv") else ()


@dataclass(frozen=True, slots=True)
class Ran:
    """A process that has ended."""

    words: tuple[str, ...]
    status: int  # minus the signal's number where one ended it
    out: str
    err: str

    @property
    def results(self) -> list[Facts]:
        """What it wrote with ``--json``."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def result(self) -> Facts:
        """The one result."""
        (result,) = self.results
        return result

    @property
    def texts(self) -> list[str]:
        """The texts among the messages that it printed with ``--json``."""
        return [m["text"] for m in self.results if m.get("kind") == "text"]

    def check(self) -> Self:
        """Itself, which went well."""
        assert self.status == 0, self
        return self

    def failed_with(self, *parts: str, status: int = 1) -> Self:
        """Itself, which failed and said so in a sentence with these parts, and without a stack trace."""
        assert self.status == status, self
        assert self.out == "", self
        assert self.err.startswith("coterie: "), self
        assert "Traceback" not in self.err, self
        assert "a bug in" not in self.err, self
        for part in parts:
            assert part in self.err, self
        return self


class Program:
    """A process that runs. What it writes is kept, by the line, and wakes who waits for it."""

    def __init__(self, command: Sequence[str], words: Sequence[str], *, with_input: bool) -> None:
        self.words = tuple(words)
        self.out: list[str] = []
        self.err: list[str] = []
        self._changed = threading.Condition()
        self._process = subprocess.Popen(  # noqa: S603
            [*MORTAL, *command, *words],
            stdin=subprocess.PIPE if with_input else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(),
            start_new_session=True,  # no terminal to ask on
        )
        self._readers = [
            threading.Thread(target=self._read, args=(stream, lines), daemon=True)
            for stream, lines in (
                (self._process.stdout, self.out),
                (self._process.stderr, self.err),
            )
        ]
        for reader in self._readers:
            reader.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def has_ended(self) -> bool:
        return not any(reader.is_alive() for reader in self._readers)

    @property
    def results(self) -> list[Facts]:
        """What it wrote so far with ``--json``."""
        with self._changed:
            return [json.loads(line) for line in self.out]

    @property
    def texts(self) -> list[str]:
        """The texts among the messages that it wrote so far with ``--json``."""
        return [m["text"] for m in self.results if m.get("kind") == "text"]

    def type(self, *lines: str) -> None:
        """As a person types them."""
        assert self._process.stdin is not None
        self._process.stdin.write("".join(f"{line}\n" for line in lines).encode())
        self._process.stdin.flush()

    def end_input(self) -> None:
        """As with Ctrl+D."""
        assert self._process.stdin is not None
        self._process.stdin.close()

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def kill(self) -> None:
        """``kill -9``; returns when it is gone."""
        self.signal(signal.SIGKILL)
        self.ended()

    def until(self, look: Callable[[], T | None], what: str) -> T:
        """What ``look`` finds, once it finds it. Fails at the deadline, or where the process ends before."""
        deadline = time.monotonic() + DEADLINE_S
        with self._changed:
            while True:
                has_ended = self.has_ended  # before the look: the last line may do
                found = look()
                if found is not None:
                    return found
                assert not has_ended, f"{what}: ended with {self._told()}"
                assert time.monotonic() < deadline, (
                    f"{what}: not within {DEADLINE_S} s: {self._told()}"
                )
                self._changed.wait(LOOK_AGAIN_S)

    def until_out(self, part: str) -> str:
        """The first line with ``part`` that it writes."""
        return self.until(lambda: next((o for o in self.out if part in o), None), part)

    def until_err(self, part: str) -> str:
        """The same of what it says to people."""
        return self.until(lambda: next((o for o in self.err if part in o), None), part)

    def until_text(self, *texts: str) -> None:
        """It showed messages with these texts."""
        for text in texts:
            self.until(lambda text=text: text in self.texts or None, text)  # type: ignore[misc]

    def ended(self, deadline_s: float = DEADLINE_S) -> Ran:
        """Waits for its end."""
        try:
            status = self._process.wait(deadline_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"does not end: {self._told()}") from None
        for reader in self._readers:
            reader.join()
        return Ran(self.words, status, _text(self.out), _text(self.err))

    def close(self) -> None:
        """Ends it by force, where it still runs."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        for reader in self._readers:
            reader.join()
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            if stream is not None:
                with suppress(BrokenPipeError):  # what was typed last had no reader any more
                    stream.close()

    def _read(self, stream: IO[bytes], lines: list[str]) -> None:
        for line in stream:
            with self._changed:
                lines.append(line.decode().removesuffix("\n"))
                self._changed.notify_all()
        with self._changed:
            self._changed.notify_all()

    def _told(self) -> str:
        return f"{' '.join(self.words)}\n{_text(self.out[-50:])}\n{_text(self.err[-50:])}"


class Programs:
    """Starts them, and ends them all."""

    def __init__(self) -> None:
        self._started: list[Program] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for program in self._started:
            program.close()

    def start(
        self, *words: str, with_input: bool = False, command: Sequence[str] = COTERIE
    ) -> Program:
        """``coterie words…``."""
        program = Program(command, words, with_input=with_input)
        self._started.append(program)
        return program

    def run(self, *words: str, typed: str | None = None, command: Sequence[str] = COTERIE) -> Ran:
        """The same, to its end. ``typed`` is all of its input."""
        program = self.start(*words, with_input=typed is not None, command=command)
        if typed is not None:
            program.type(*typed.splitlines())
            program.end_input()
        return program.ended()


def environment() -> dict[str, str]:
    """Ours without the settings of the person's own Coterie: profile, data folder, address, colours."""
    ours = {key: value for key, value in os.environ.items() if not key.startswith("COTERIE_")}
    return ours | {"COTERIE_CONFIG": os.devnull}


def _text(lines: list[str]) -> str:
    return "".join(f"{line}\n" for line in lines)
