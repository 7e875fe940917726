"""Where the user's other processes find the one that has a profile open."""

import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from coterie.client.socket_path import socket_path
from coterie.errors import StorageError


@pytest.fixture
def short() -> Iterator[Path]:
    """A folder with so short a name that a socket can be in it: pytest's may be too long."""
    folder = Path(tempfile.mkdtemp(prefix="c", dir="/tmp"))
    yield folder
    shutil.rmtree(folder)


def make_long(tmp_path: Path) -> Path:
    folder = tmp_path / ("long" * 30)
    folder.mkdir()
    return folder


def can_listen_at(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.fspath(path))
    path.unlink()
    return True


def test_socket_is_in_the_folder_of_the_profile(short: Path) -> None:
    assert socket_path(short) == short / "socket"
    assert can_listen_at(socket_path(short))


def test_longest_name_that_fits_is_used(short: Path) -> None:
    room = 103 - len(os.fsencode(short / "x" / "socket")) + 1
    fits, too_long = short / ("x" * room), short / ("x" * (room + 1))
    fits.mkdir()
    assert socket_path(fits, short) == fits / "socket"
    assert can_listen_at(socket_path(fits, short))
    assert socket_path(too_long, short).parent == short / f"coterie-{os.geteuid()}"


def test_folder_with_a_long_name_has_its_socket_in_a_private_short_one(
    tmp_path: Path, short: Path
) -> None:
    path = socket_path(make_long(tmp_path), short)
    assert path.parent == short / f"coterie-{os.geteuid()}"
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert can_listen_at(path)


def test_every_process_finds_the_same_socket(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever its environment, its working folder and the name by which it knows the profile."""
    folder = make_long(tmp_path)
    path = socket_path(folder)
    assert len(os.fsencode(path)) <= 103
    (tmp_path / "link").symlink_to(folder)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert socket_path(tmp_path / "link") == path
    assert socket_path(Path(folder.name)) == path
    assert socket_path(folder / "other") != path


def test_short_folder_that_is_not_ours_alone_is_refused(tmp_path: Path, short: Path) -> None:
    folder, place = make_long(tmp_path), short / f"coterie-{os.geteuid()}"
    (short / "theirs").mkdir(0o700)
    place.symlink_to(short / "theirs")
    with pytest.raises(StorageError, match="not a folder of yours alone"):
        socket_path(folder, short)
    place.unlink()
    place.touch(0o600)
    with pytest.raises(StorageError, match="file exists"):
        socket_path(folder, short)
    place.unlink()
    place.mkdir()
    place.chmod(0o770)
    with pytest.raises(StorageError, match="not a folder of yours alone") as caught:
        socket_path(folder, short)
    assert caught.value.hint
    place.chmod(0o700)
    assert socket_path(folder, short).parent == place


def test_short_folder_of_another_user_is_refused(tmp_path: Path, short: Path) -> None:
    place = short / f"coterie-{os.geteuid()}"
    place.mkdir(0o700)
    try:
        os.chown(place, 12345, 12345)
    except PermissionError:
        pytest.skip("only root can give a folder away")
    with pytest.raises(StorageError, match="not a folder of yours alone"):
        socket_path(make_long(tmp_path), short)
