"""The whole program, for some seconds: it ends well with a server that keeps its word, and only with such a one."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from coterie.server.database import FILE
from coterie.wire import chain
from coterie.wire.frames import Kind
from tests.soak.run import Plan, run

pytestmark = pytest.mark.slow
SECONDS = 20
LOST = 200  # entries: more than those that nobody has been told of yet


def plan(folder: Path, while_down: Callable[[Path], object] = lambda data: None) -> Plan:
    return Plan(folder, SECONDS / 60, rooms=2, members=4, people=False, while_down=while_down)


def test_a_short_soak_with_people_loses_nothing(tmp_path: Path) -> None:
    verdict = run(Plan(tmp_path, SECONDS / 60, rooms=3, members=5))
    assert verdict.failures == ()
    assert any("texts of people acknowledged" in fact for fact in verdict.facts)


def lose_the_last(data: Path) -> None:
    """As a disk that lied about its flush does."""
    with closing(sqlite3.connect(data / FILE)) as database, database:
        for group, head in database.execute("SELECT group_id, head FROM log_group").fetchall():
            left = max(0, head - LOST)
            here = (group, left)
            (link,) = database.execute(
                "SELECT chain FROM entry WHERE group_id = ? AND seq = ?", here
            ).fetchone() or (chain.first(group),)
            database.execute("DELETE FROM entry WHERE group_id = ? AND seq > ?", here)
            database.execute(
                "UPDATE log_group SET head = ?, chain = ? WHERE group_id = ?", (left, link, group)
            )


def double_the_last(data: Path) -> None:
    """As a server does that forgets what it has stored, and stores it again."""
    with closing(sqlite3.connect(data / FILE)) as database, database:
        for group, head, link in database.execute(
            "SELECT group_id, head, chain FROM log_group"
        ).fetchall():
            kind, device, body = database.execute(
                "SELECT kind, device, body FROM entry WHERE group_id = ? AND seq = ?", (group, head)
            ).fetchone()
            other_id = b"\x00" * 16
            after = chain.link(link, head + 1, Kind(kind), device, other_id, body)
            database.execute(
                "INSERT INTO entry VALUES (?, ?, ?, ?, ?, ?, ?, 0)",
                (group, head + 1, kind, device, other_id, body, after),
            )
            database.execute(
                "UPDATE log_group SET head = ?, chain = ? WHERE group_id = ?",
                (head + 1, after, group),
            )


@pytest.mark.parametrize(
    ("sabotage", "found"),
    [(lose_the_last, "log is another"), (double_the_last, "is not post")],
)
def test_a_soak_finds_a_server_that_breaks_its_word(
    tmp_path: Path, sabotage: Callable[[Path], object], found: str
) -> None:
    verdict = run(plan(tmp_path, sabotage))
    assert any(found in failure for failure in verdict.failures), verdict
