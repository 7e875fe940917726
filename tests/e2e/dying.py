"""``coterie``, killed as by ``kill -9`` right before or right after its Nth commit: ``dying.py WHEN N WORD ...``

No module of ours is touched: SQLite itself tells of commits, to a client's database through apsw and to a server's
through SQLAlchemy.
"""

import os
import signal
import sys

import apsw
from sqlalchemy import Engine, event
from sqlalchemy.pool import Pool

from coterie.cli.main import main


class Death:
    """Comes with the Nth call."""

    def __init__(self, number: int) -> None:
        self._left = number

    def approach(self) -> None:
        self._left -= 1
        if not self._left:
            os.kill(os.getpid(), signal.SIGKILL)


def watch_client(when: str, death: Death) -> None:
    def before() -> bool:
        death.approach()
        return False  # the commit may go on

    def after(connection: apsw.Connection, name: str, pages: int) -> int:
        death.approach()
        return apsw.SQLITE_OK

    def hook(connection: apsw.Connection) -> None:
        if when == "before":
            connection.set_commit_hook(before)
        else:
            connection.set_wal_hook(after)

    apsw.connection_hooks.append(hook)


def watch_server(when: str, death: Death) -> None:
    has_committed = False

    def committing(*_: object) -> None:
        nonlocal has_committed
        has_committed = True
        if when == "before":
            death.approach()

    def given_back(*_: object) -> None:
        nonlocal has_committed
        if when == "after" and has_committed:
            death.approach()
        has_committed = False

    event.listen(Engine, "commit", committing)
    event.listen(Pool, "checkin", given_back)


if __name__ == "__main__":
    _, when, number, *words = sys.argv
    death = Death(int(number))
    watch_client(when, death)
    watch_server(when, death)
    sys.exit(main(words))
