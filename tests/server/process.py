"""A server in a process of its own, to be stopped and killed."""

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from coterie.wire.invite import Invite, decode_invite

_PROGRAM = """
import json, sys
from pathlib import Path
from coterie import logs
from coterie.errors import CoterieError
from coterie.server.config import load
from coterie.server.run import serve

logs.configure(debug="--debug" in sys.argv)
try:
    serve(
        load(Path(sys.argv[1]), listen=sys.argv[2], environment={}),
        lambda ready: print(json.dumps([str(ready.address), ready.invite.encode()]), flush=True),
    )
except CoterieError as error:
    sys.exit(f"{type(error).__name__}: {error}")
"""


@dataclass
class ServerProcess:
    """It has said where it listens."""

    process: asyncio.subprocess.Process
    address: str
    invite: Invite

    def kill(self) -> None:
        """As a power cut does."""
        self.process.kill()

    def terminate(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    async def ended(self) -> tuple[int, str]:
        """Its exit status, and what it wrote to stderr."""
        _, told = await self.process.communicate()
        return self.process.returncode or 0, told.decode()


async def start(
    folder: Path, *options: str, listen: str = "127.0.0.1:0"
) -> asyncio.subprocess.Process:
    """A server on a folder."""
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(
        sys.executable, "-c", _PROGRAM, str(folder), listen, *options, stdout=pipe, stderr=pipe
    )


@asynccontextmanager
async def running(folder: Path, *options: str) -> AsyncIterator[ServerProcess]:
    """It listens; at the end it is gone."""
    process = await start(folder, *options)
    try:
        assert process.stdout is not None
        line = await process.stdout.readline()
        address, invite = json.loads(line)
        yield ServerProcess(process, address, decode_invite(invite))
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()
