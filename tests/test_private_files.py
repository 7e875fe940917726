"""Files that are there whole or not at all, for one user alone."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from coterie.errors import StorageError
from coterie.private_files import (
    make_private_folder,
    storage_error,
    temporary_name,
    write_private,
)


@pytest.fixture
def no_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


@pytest.mark.usefixtures("no_umask")
def test_file_is_for_the_owner_alone_even_where_a_readable_one_was(tmp_path: Path) -> None:
    path = tmp_path / "file"
    for old in (path, temporary_name(path)):
        old.write_bytes(b"longer than what comes")
        old.chmod(0o644)
    write_private(path, b"new")
    assert path.read_bytes() == b"new"
    assert mode(path) == 0o600
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.usefixtures("no_umask")
def test_folder_and_those_above_it_are_for_the_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b" / "c"
    make_private_folder(folder)
    assert [mode(path) for path in (folder, folder.parent, folder.parent.parent)] == [0o700] * 3
    assert mode(tmp_path) == 0o700
    folder.chmod(0o755)
    folder.parent.chmod(0o755)
    make_private_folder(folder)
    assert (mode(folder), mode(folder.parent)) == (0o700, 0o755)  # what was there above is not ours


def test_place_that_cannot_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="file/folder cannot be made: not a directory"):
        make_private_folder(tmp_path / "file" / "folder")
    with pytest.raises(StorageError, match="nowhere/file cannot be written: no such file"):
        write_private(tmp_path / "nowhere" / "file", b"")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_full_disk_comes_with_a_hint(number: int) -> None:
    error = storage_error(Path("/a/file"), "written", number)
    assert str(error) == "/a/file cannot be written: the disk is full"
    assert error.hint.startswith("free some space")
