"""The data folder: one server's, and never another program's."""

from pathlib import Path

import pytest

from coterie.errors import StorageError
from coterie.server.folder import data_folder


def refusal(path: Path) -> StorageError:
    with pytest.raises(StorageError) as raised, data_folder(path):
        pass
    return raised.value


def test_folder_is_made_and_is_its_owners_alone(tmp_path: Path) -> None:
    with data_folder(tmp_path / "a" / "b") as folder:
        assert folder.stat().st_mode & 0o777 == 0o700


def test_second_server_on_a_folder_is_refused_until_the_first_has_ended(tmp_path: Path) -> None:
    with data_folder(tmp_path):
        assert "another server is running" in str(refusal(tmp_path))
    with data_folder(tmp_path):
        pass


def test_folder_of_something_else_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("x")
    refused = refusal(tmp_path)
    assert "holds something else" in str(refused)
    assert refused.hint
    assert [entry.name for entry in tmp_path.iterdir()] == ["thesis.tex"]


def test_folder_whose_only_sign_is_a_lock_is_not_ours(tmp_path: Path) -> None:
    """A client's profile has a lock too: a server must not begin in it."""
    (tmp_path / "lock").write_text("")
    (tmp_path / "profile.db").write_text("x")
    assert "holds something else" in str(refusal(tmp_path))


@pytest.mark.parametrize("name", ["lock", "coterie.toml", "lost+found", ".secrets.new"])
def test_what_lies_there_before_the_first_start_is_no_stranger(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("")
    with data_folder(tmp_path):
        pass


@pytest.mark.parametrize("name", ["coterie.db", "secrets"])
def test_own_folder_may_hold_other_things(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("")
    (tmp_path / "backup.tar").write_text("")
    with data_folder(tmp_path):
        pass


def test_file_where_the_folder_should_be_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "cannot be used" in str(refusal(tmp_path / "file"))
