"""What may be known of a profile before its key is."""

import json
from pathlib import Path

import pytest

from coterie.client.custody import Custody
from coterie.client.profile_file import NAME, ProfileFile
from coterie.errors import StorageError

VALID = {"program": "coterie client", "version": 1, "id": "ab" * 16, "custody": "file"}
SALT = {"custody": "passphrase", "salt": "AAAAAAAAAAAAAAAAAAAAAA=="}

DAMAGED = {
    "empty": b"",
    "cut": json.dumps(VALID).encode()[:-1],
    "not JSON": b"[backend]\nport = 7617\n",
    "not UTF-8": b'{"program": "\xff"}',
    "not an object": b"[]",
    "without a program": json.dumps({"version": 1}).encode(),
    "unknown field": json.dumps(VALID | {"color": "red"}).encode(),
    "unknown custody": json.dumps(VALID | {"custody": "a friend"}).encode(),
    "without an id": json.dumps({key: VALID[key] for key in VALID if key != "id"}).encode(),
    "without a salt": json.dumps(VALID | {"custody": "passphrase"}).encode(),
    "without a check": json.dumps(VALID | SALT).encode(),
    "short salt": json.dumps(VALID | SALT | {"salt": "AAAA", "check": SALT["salt"]}).encode(),
}


@pytest.mark.parametrize(
    "file",
    [
        ProfileFile.new("id", Custody.FILE),
        ProfileFile.new("id", Custody.PASSPHRASE, salt=b"s" * 16, check=b"c" * 16),
    ],
    ids=lambda file: file.custody,
)
def test_what_is_saved_is_loaded(file: ProfileFile, tmp_path: Path) -> None:
    file.save(tmp_path)
    assert ProfileFile.load(tmp_path) == file


def test_file_can_be_read_by_people(tmp_path: Path) -> None:
    ProfileFile.new("ab" * 16, Custody.FILE).save(tmp_path)
    text = (tmp_path / NAME).read_text()
    assert text.count("\n") == len(VALID) + 2
    assert json.loads(text) == VALID


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED.keys())
def test_damaged_file_is_told(content: bytes, tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(content)
    with pytest.raises(StorageError, match=r"profile\.json is damaged"):
        ProfileFile.load(tmp_path)


def test_file_of_another_program_is_told(tmp_path: Path) -> None:
    (tmp_path / NAME).write_text(json.dumps({"program": "browser", "version": 1}))
    with pytest.raises(StorageError, match="of another program"):
        ProfileFile.load(tmp_path)


def test_file_of_another_version_is_told_whatever_is_in_it(tmp_path: Path) -> None:
    (tmp_path / NAME).write_text(json.dumps(VALID | {"version": 2, "custody": "a chip"}))
    with pytest.raises(StorageError, match="is of version 2, known is 1") as caught:
        ProfileFile.load(tmp_path)
    assert "update" in caught.value.hint
