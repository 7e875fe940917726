"""The key log: what is in it, who may read it, and that it is off unless asked for."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from coterie.client.connection import Connection
from coterie.client.key_log import KeyLogFile
from coterie.client.transport import real_seams
from coterie.errors import StorageError
from coterie.noise.channel import RecordKey
from coterie.secret import Secret
from tests.asynchronous import asynchronous
from tests.client.world import COUNT, DEVICE, World
from tests.fakes import ADDRESS, FINGERPRINT, settle

KEY = RecordKey("initiator-to-responder", 3, 2, Secret(b"\xab" * 32))


@asynchronous
async def test_connection_writes_its_keys_and_each_new_one(tmp_path: Path) -> None:
    world = World()
    key_log = KeyLogFile(tmp_path / "keys")
    seams = replace(world.seams, key_log=key_log)
    connection = await Connection.open(ADDRESS, FINGERPRINT, seams)
    await connection.log_in(DEVICE)
    await connection.renew()
    assert world.server.channel is not None
    world.server.channel.rekey()
    world.server.write(world.server.channel.data_to_send())
    await settle()
    await connection.request(COUNT)
    await connection.close()
    key_log.close()
    lines = [line.split(" ") for line in (tmp_path / "keys").read_text().splitlines()]
    message_1 = world.network.pipes[0].written[0][4:]
    assert {(line[0], line[1]) for line in lines} == {("COTERIE_RECORD_KEY", message_1[:32].hex())}
    assert [line[2:5] for line in lines] == [
        ["client", "0", "0"],
        ["server", "0", "0"],
        ["client", "4", "0"],  # hello, login, message 1 and the marker were under the old key
        ["server", "3", "0"],
        ["server", "5", "2"],
    ]
    assert len({line[5] for line in lines}) == 5
    assert all(len(line[5]) == 64 for line in lines)


@asynchronous
async def test_nothing_is_logged_unless_it_is_asked_for() -> None:
    seams = real_seams()
    assert seams.key_log is None
    seams.threads.close()
    assert World().seams.key_log is None


def test_file_is_made_for_its_owner_alone_and_only_grows(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    for _ in range(2):
        key_log = KeyLogFile(path)
        key_log.write(bytes(1440), KEY)
        key_log.close()
    assert path.stat().st_mode & 0o777 == 0o600
    line = f"COTERIE_RECORD_KEY {'00' * 32} client 3 2 {'ab' * 32}\n"
    assert path.read_text() == 2 * line


def test_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.touch()
    path.chmod(0o640)
    with pytest.raises(StorageError, match="can be read by others"):
        KeyLogFile(path)
    assert path.read_text() == ""


@pytest.mark.parametrize("kind", ["folder", "pipe", "link", "nowhere"])
def test_what_is_no_file_of_ours_is_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "keys"
    match kind:
        case "folder":
            path.mkdir()
        case "pipe":
            os.mkfifo(path)
        case "link":
            path.symlink_to(tmp_path / "elsewhere")
        case _:
            path = tmp_path / "missing" / "keys"
    with pytest.raises(StorageError):
        KeyLogFile(path)
    assert not (tmp_path / "elsewhere").exists()


def test_log_that_cannot_be_written_any_more_says_so_once_and_ends_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    key_log = KeyLogFile(tmp_path / "keys")
    key_log.close()
    key_log.write(bytes(1440), KEY)
    key_log.write(bytes(1440), KEY)
    assert [str(record.msg) for record in caplog.records] == [
        "key-log-not-written error=Bad file descriptor"
    ]
