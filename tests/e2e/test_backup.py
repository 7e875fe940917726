"""A server dies, and one from a backup takes its place: nobody is deceived about what is missing, and talk goes on."""

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from coterie.server.database import FILE as DATABASE
from tests.e2e.programs import Facts, Program
from tests.e2e.stage import PASSWORD, Server, Stage

EACH = 5  # messages a person types at a time


def lines(who: str, when: str) -> list[str]:
    return [f"{who} {when} {number}" for number in range(EACH)]


@contextmanager
def talking(*chats: Program) -> Iterator[list[str]]:
    """Everybody says something again and again, until the block ends; what was said."""
    said: list[str] = []
    over = threading.Event()

    def talk() -> None:
        while not over.wait(0.1):
            for number, chat in enumerate(chats):
                said.append(f"{number} says {len(said)} under load")
                chat.type(said[-1])

    thread = threading.Thread(target=talk)
    thread.start()
    try:
        yield said
    finally:
        over.set()
        thread.join()


def event(chat: Program, name: str) -> Facts:
    """The line of the system of that kind, once the chat has shown it."""
    found: Facts = json.loads(chat.until_out(f'"event": "{name}"'))
    return found


def suppliers(data: Path) -> int:
    """How many devices have one-time key packages there: a restore leaves none."""
    with closing(sqlite3.connect(f"file:{data / DATABASE}?mode=ro", uri=True)) as connection:
        (count,) = connection.execute(
            "SELECT count(DISTINCT device) FROM key_package WHERE NOT is_last_resort"
        ).fetchone()
    return int(count)


def replace_server(stage: Stage, file: Path, secret: Path) -> Server:
    """A backup is restored into a new folder, and serves at the old address."""
    old = stage.server
    new = stage.folder / "restored"
    words = ("restore", str(file), "--data", str(new), "--passphrase-file", str(secret))
    stage.programs.run(*words).check()
    stage.server_data, stage.listen = new, old.listen
    return stage.start_server()


def test_server_restored_from_a_backup_under_load_is_noticed_and_its_rooms_go_on_once_renewed(
    furnished: Stage, stage: Stage
) -> None:
    stage.take_over(furnished)
    server = stage.start_server()
    alice, bobb, carol = stage.people.values()
    alice.does("room", "new", "quiet", "carol")
    alice.does("send", "quiet", "before")
    assert carol.reads("quiet") == ["before"]
    secret, file = stage.folder / "passphrase", stage.folder / "monday"
    secret.write_text(PASSWORD)
    chats = alices, bobbs = alice.chat("ops"), bobb.chat("ops")

    # A backup while everybody talks, which nobody notices.
    for chat, who in zip(chats, ("alice", "bobb"), strict=True):
        chat.type(*lines(who, "before"))
    data = ("--data", str(server.data))
    with talking(*chats) as said:
        made = stage.programs.run(
            "backup", str(file), *data, "--passphrase-file", str(secret), "--json"
        ).check()
        sound = stage.programs.run("check", *data, "--json").check()
    assert sound.result["sound"]
    assert len(said) > 4, "there was a load"
    for chat in chats:
        chat.until_text(*lines("alice", "before"), *lines("bobb", "before"), *said)
    assert made.result["entries"] > 2 * EACH

    # What is said after it is lost with the server.
    for chat, who in zip(chats, ("alice", "bobb"), strict=True):
        chat.type(*lines(who, "after"))
    for chat in chats:
        chat.until_text(*lines("alice", "after"), *lines("bobb", "after"))
    server.program.kill()
    bobbs.type("typed while there is no server")
    bobbs.until_err("was cut")
    restored = replace_server(stage, file, secret)
    for chat in chats:
        told = event(chat, "lost")["text"]
        assert "the server does not have" in told
        assert "coterie room renew ops" in told
    bobb.run("send", "ops", "not sent").failed_with("has less of this room", "room renew ops")

    # A room that was not used meanwhile goes on by itself.
    carol.does("send", "quiet", "and after")
    assert alice.reads("quiet") == ["before", "and after"]

    # The other does once an admin says so; what waited goes out.
    alice.does("room", "renew", "ops")
    for chat in chats:
        event(chat, "moved")
    alices.type("all is well")
    for chat in chats:
        chat.until_text("typed while there is no server", "all is well")
    for chat in chats:
        chat.end_input()
        chat.ended()  # bobb's says that one could not be sent at once
    both = alice.reads("ops")
    assert sorted(both) == sorted(bobb.reads("ops"))
    assert len(both) == len(set(both)) == len(said) + 4 * EACH + 2, "each once, the lost ones too"
    assert [room["name"] for room in alice.does("room", "list", "--json").results] == [
        "ops",
        "quiet",
    ]

    # Each device has brought new key packages, so that others can be added; and the new server is sound.
    assert suppliers(restored.data) == 3
    alice.does("room", "add", "ops", "carol")
    alice.does("send", "ops", "welcome")
    assert carol.reads("ops") == ["welcome"]
    data = ("--data", str(restored.data))
    checked = stage.programs.run("check", *data, "--json").check()
    assert checked.result["findings"] == []
    restored.stop().check()
