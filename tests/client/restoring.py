"""The house's server, put back to an older copy of its store: a new generation, as ``coterie restore`` makes one."""

import sqlite3
from contextlib import closing
from pathlib import Path
from secrets import token_bytes

from coterie.server.database import FILE
from tests.client.house import House, until
from tests.fakes import InlineThreads
from tests.server.world import make_house


def back_up(house: House) -> Path:
    """A copy of the store as it is."""
    copy = house.folder / "backup.db"
    copy.unlink(missing_ok=True)
    with closing(sqlite3.connect(_path(house))) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
    return copy


async def restore(house: House, copy: Path) -> None:
    """The server ends and starts again from the copy. Who was connected connects again by himself."""
    house.go_down()
    await until(lambda: all(connection.is_lost for connection in house.connections))
    await house.shared.writer.drain()
    house.shared.store.close()
    _put_back(house, copy)
    house.shared = make_house(house.folder / "server", InlineThreads(), house.clock)
    house.is_down = False


def _put_back(house: House, copy: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        Path(f"{_path(house)}{suffix}").unlink(missing_ok=True)
    _path(house).write_bytes(copy.read_bytes())
    with closing(sqlite3.connect(_path(house))) as database, database:
        database.execute("UPDATE meta SET value = ? WHERE key = 'generation'", (token_bytes(16),))


def _path(house: House) -> Path:
    return house.folder / "server" / FILE
