"""The processes of a demo: ``coterie``, started as a person starts it, on folders that the demo made."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from coterie.demo.bell import Bell, NotSeen

EXIT_PATIENCE_S = 5.0  # from the request to end to the end by force
MAX_LINE = 2**20  # bytes of a line of JSON; messages are far smaller

Facts = dict[str, Any]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Ran:
    """A command that has ended."""

    what: str  # it was
    status: int
    out: list[Facts]  # its results
    said: list[str]  # what it told the person on stderr, without the program's name
    log: list[Facts]  # its story, by --debug

    def check(self) -> "Ran":
        """Itself. Raises NotSeen where it failed."""
        if self.status != 0:
            raise NotSeen(f"{self.what} failed: {self.complaint or f'exit status {self.status}'}")
        return self

    @property
    def result(self) -> Facts:
        """The one result. Raises NotSeen where there is none."""
        if len(self.check().out) != 1:
            raise NotSeen(f"{self.what} gave {len(self.out)} results")
        return self.out[0]

    @property
    def complaint(self) -> str:
        """Its error, and none of its hints."""
        return next((s.removeprefix("error: ") for s in self.said if s.startswith("error: ")), "")


class Program:
    """One process that runs ``coterie``. What it writes is kept, and wakes who waits for it."""

    def __init__(
        self, name: str, process: asyncio.subprocess.Process, log: Path, bell: Bell
    ) -> None:
        self.name = name
        self.process = process
        self.log_path = log  # its story, and what it says, as it wrote them
        self.out: list[Facts] = []
        self.said: list[str] = []
        self.log: list[Facts] = []
        self._bell = bell
        self._reading = [
            asyncio.create_task(self._read_out()),
            asyncio.create_task(self._read_err()),
        ]

    def type(self, line: str) -> None:
        """As a person types it, with a line end."""
        if self.process.stdin is not None:
            self.process.stdin.write(f"{line}\n".encode())

    async def until_out(self, what: str, **wanted: object) -> Facts:
        """The first result with these values. Raises NotSeen, also where the process ends before."""
        return await self._until(
            what, lambda: next((o for o in self.out if wanted.items() <= o.items()), None)
        )

    async def until_logged(self, what: str, **wanted: object) -> Facts:
        """The same of its log."""
        return await self._until(
            what, lambda: next((o for o in self.log if wanted.items() <= o.items()), None)
        )

    async def until_said(self, what: str, part: str) -> str:
        """The first thing it tells people that has ``part`` in it."""
        return await self._until(what, lambda: next((s for s in self.said if part in s), None))

    async def _until(self, what: str, look: Callable[[], T | None]) -> T:
        def look_or_give_up() -> T | None:
            found = look()
            if found is None and self._has_ended():
                complaints = "; ".join(said for said in self.said if said.startswith("error: "))
                raise NotSeen(f"{what}: {self.name} has ended {complaints}".rstrip())
            return found

        return await self._bell.until(look_or_give_up, what)

    def _has_ended(self) -> bool:
        return all(task.done() for task in self._reading)

    async def ended(self) -> Ran:
        """Waits for its end, which the end of its input may bring about. Raises NotSeen."""
        if self.process.stdin is not None:
            self.process.stdin.close()
        await self._bell.until(
            lambda: True if self._has_ended() else None, f"the end of {self.name}"
        )
        return Ran(self.name, await self.process.wait(), self.out, self.said, self.log)

    def ask_to_end(self) -> None:
        """SIGTERM, where it still runs."""
        if self.process.returncode is None:
            with suppress(ProcessLookupError):
                self.process.terminate()

    async def end(self) -> None:
        """Ends it in order, or by force where that takes too long."""
        self.ask_to_end()
        try:
            async with asyncio.timeout(EXIT_PATIENCE_S):
                await self.process.wait()
        except TimeoutError:
            kill(self.process)
            await self.process.wait()
        await asyncio.gather(*self._reading)

    async def _read_out(self) -> None:
        if self.process.stdout is not None:
            async for line in self.process.stdout:
                self.out.append(json.loads(line))
                self._bell.ring()
        self._bell.ring()

    async def _read_err(self) -> None:
        """What it tells people begins with the program's name; its log is JSON."""
        if self.process.stderr is None:
            return
        with self.log_path.open("wb") as file:
            async for line in self.process.stderr:
                file.write(line)
                file.flush()
                if line.startswith(b"{"):
                    self.log.append(json.loads(line))
                else:
                    self.said.append(
                        line.decode(errors="replace").rstrip().removeprefix("coterie: ")
                    )
                self._bell.ring()
        self._bell.ring()


class Programs:
    """Starts them, and ends them all, however the demo itself ends."""

    def __init__(self, logs: Path, bell: Bell) -> None:
        self._logs = logs
        self._bell = bell
        self._started: list[Program] = []

    async def start(self, name: str, *words: str, with_input: bool = False) -> Program:
        """``coterie words…``, with results as JSON and its story in a file. ``name`` says whose it is."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "coterie", "--json", "--debug"),
            *words,
            stdin=asyncio.subprocess.PIPE if with_input else asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=environment(),
            limit=MAX_LINE,
            start_new_session=True,  # Ctrl+C is for the demo, which ends them in order
        )
        log = self._logs / f"{len(self._started) + 1:02}-{name}.log"
        program = Program(f"{name}'s process {len(self._started) + 1}", process, log, self._bell)
        self._started.append(program)
        return program

    async def run(self, name: str, *words: str, typed: str | None = None) -> Ran:
        """The same, to its end. ``typed`` is its input."""
        program = await self.start(name, *words, with_input=typed is not None)
        if typed is not None:
            program.type(typed)
        return await program.ended()

    async def close(self) -> None:
        """Ends all that still run."""
        for program in self._started:
            program.ask_to_end()
        await asyncio.gather(*(program.end() for program in self._started))

    def kill(self) -> None:
        """The last resort, without an event loop."""
        for program in self._started:
            kill(program.process)


def kill(process: asyncio.subprocess.Process) -> None:
    """SIGKILL, where it still runs."""
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)


def environment() -> dict[str, str]:
    """Ours without the settings of the person's own Coterie: profile, data folder, address."""
    return {key: value for key, value in os.environ.items() if not key.startswith("COTERIE_")}
