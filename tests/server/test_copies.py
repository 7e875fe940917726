"""Copies of a server's files, taken at any moment under load as a crash leaves them."""

import asyncio
import os
import random
import shutil
import signal
from contextlib import closing
from pathlib import Path

from coterie.client.seams import LoopClock, PoolThreads, Seams
from coterie.client.transport import TCP
from coterie.secret import Secret
from coterie.server.backup import make_backup
from coterie.server.check import check
from coterie.server.database import FILE as DATABASE
from coterie.server.keys import FILE as SECRETS
from coterie.server.restore import restore
from coterie.server.store import Store
from coterie.wire import frames as f
from tests.asynchronous import asynchronous
from tests.decoded import decoded
from tests.server.process import ServerProcess, running
from tests.server.test_run import GROUP, Talker, assert_kept

COPIES = 8


class Still:
    """The server's process, stopped in the midst of whatever it does."""

    def __init__(self, server: ServerProcess) -> None:
        self._pid = server.process.pid

    def __enter__(self) -> None:
        os.kill(self._pid, signal.SIGSTOP)
        os.waitid(os.P_PID, self._pid, os.WSTOPPED)

    def __exit__(self, *exc_info: object) -> None:
        os.kill(self._pid, signal.SIGCONT)


def copy(folder: Path, target: Path, *, with_index: bool) -> None:
    """The files as they are: with the index of the write-ahead log after a kill, without it after a power cut."""
    target.mkdir()
    for name in (DATABASE, f"{DATABASE}-wal", SECRETS):
        shutil.copy2(folder / name, target / name)
    if with_index:
        shutil.copy2(folder / f"{DATABASE}-shm", target / f"{DATABASE}-shm")


def log_of(folder: Path, device: bytes) -> list[f.Entry]:
    """All of the group's entries in a copy."""
    found: list[f.Entry] = []
    with closing(Store.open(folder)) as store:
        while True:
            answer = decoded(store.reading.entries(GROUP, device, len(found), 1000))
            assert isinstance(answer, f.Entries)
            if not answer.entries:
                return found
            found += answer.entries


@asynchronous
async def test_copy_of_the_files_at_any_moment_has_all_that_was_acknowledged_and_is_sound(
    tmp_path: Path,
) -> None:
    chance = random.Random(14)  # noqa: S311  # for a schedule that can be repeated
    seams = Seams(TCP(), PoolThreads(), LoopClock())
    folder = tmp_path / "server"
    copies: list[tuple[Path, dict[bytes, int]]] = []
    async with running(folder) as server:
        talker = await Talker.join(server, seams)
        async with talker.connected(server) as connection:
            for number in range(COPIES):
                stop = asyncio.Event()
                until = len(talker.acknowledged) + chance.randrange(1, 60)
                talking = asyncio.ensure_future(talker.talk(connection, until, stop))
                await stop.wait()
                await asyncio.sleep(chance.uniform(0, 0.02))  # any moment will do
                with Still(server):
                    target = tmp_path / str(number)
                    copy(folder, target, with_index=number % 2 == 0)
                    copies.append((target, dict(talker.acknowledged)))
                talking.cancel()
                await asyncio.wait([talking])
    for target, acknowledged in copies:
        assert check(target).findings == ()
        talker.acknowledged = acknowledged
        assert_kept(log_of(target, talker.enrolled.identity.device), talker)
    assert len(copies[0][1]) < len(copies[-1][1]), "it went on meanwhile"
    seams.threads.close()


@asynchronous
async def test_backup_of_a_server_that_was_killed_holds_all_that_was_acknowledged(
    tmp_path: Path,
) -> None:
    """Nobody has opened the database since: its write-ahead log is as it was left."""
    seams = Seams(TCP(), PoolThreads(), LoopClock())
    folder, passphrase = tmp_path / "server", Secret(b"passphrase")
    async with running(folder) as server:
        talker = await Talker.join(server, seams)
        async with talker.connected(server) as connection:
            stop = asyncio.Event()
            talking = asyncio.ensure_future(talker.talk(connection, 100, stop))
            await stop.wait()
            server.kill()
            await talking
        await server.ended()
    assert (folder / f"{DATABASE}-wal").stat().st_size > 0
    manifest = make_backup(folder, tmp_path / "backup", passphrase)
    restore(tmp_path / "backup", tmp_path / "new", passphrase)
    assert manifest.holdings.entries >= 100
    assert check(tmp_path / "new").findings == ()
    assert_kept(log_of(tmp_path / "new", talker.enrolled.identity.device), talker)
    seams.threads.close()
