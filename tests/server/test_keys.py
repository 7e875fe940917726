"""The secret file: made once, private, and refused where it is not what was written."""

import os
from pathlib import Path

import msgspec
import pytest

from coterie.errors import StorageError
from coterie.noise.production import fingerprint
from coterie.server import keys
from coterie.server.keys import FILE, Keys, write_private


def alter(folder: Path, **changes: object) -> None:
    """Writes the file with other fields."""
    path = folder / FILE
    fields = msgspec.msgpack.decode(path.read_bytes())
    path.write_bytes(msgspec.msgpack.encode({**fields, **changes}))


def refusal(folder: Path) -> StorageError:
    with pytest.raises(StorageError) as raised:
        Keys.open(folder)
    assert str(folder / FILE) in str(raised.value)
    assert raised.value.hint
    return raised.value


def test_keys_are_made_once_and_are_the_same_afterwards(tmp_path: Path) -> None:
    made, again = Keys.open(tmp_path), Keys.open(tmp_path)
    assert made.static.public == again.static.public
    assert made.opaque == again.opaque
    assert made.fingerprint == fingerprint(made.static.public)


def test_two_servers_have_different_keys(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    a, b = Keys.open(tmp_path / "a"), Keys.open(tmp_path / "b")
    assert a.static.public != b.static.public
    assert a.opaque.oprf_seed != b.opaque.oprf_seed


def test_file_is_its_owners_alone_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        Keys.open(tmp_path)
    finally:
        os.umask(before)
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == [FILE]


def test_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    Keys.open(tmp_path)
    (tmp_path / FILE).chmod(0o640)
    refused = refusal(tmp_path)
    assert "can be read by others" in str(refused)
    assert refused.hint == f"chmod 600 {tmp_path / FILE}"


def test_what_a_crash_left_of_the_first_start_is_overwritten(tmp_path: Path) -> None:
    left = tmp_path / f".{FILE}.new"
    left.write_bytes(b"half")
    left.chmod(0o644)
    Keys.open(tmp_path)
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600
    assert not left.exists()


@pytest.mark.parametrize("content", [b"", b"\x00", b"not ours", b"\x81\xa4mark\xa1x", b"\xff" * 99])
def test_damaged_file_is_refused(tmp_path: Path, content: bytes) -> None:
    write_private(tmp_path / FILE, content)
    assert "damaged, or of another program" in str(refusal(tmp_path))


def test_every_flipped_byte_and_every_cut_is_found(tmp_path: Path) -> None:
    """A flipped bit in a key would make a working key of another server: every client would be shut out."""
    Keys.open(tmp_path)
    path = tmp_path / FILE
    whole = path.read_bytes()
    for place in range(0, len(whole), 3):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        refusal(tmp_path)
        path.write_bytes(whole[:place])
        refusal(tmp_path)


def test_file_of_another_version_is_refused_with_both_numbers(tmp_path: Path) -> None:
    Keys.open(tmp_path)
    alter(tmp_path, version=2, more=1)
    assert "of version 2, this one knows 1" in str(refusal(tmp_path))


def test_file_of_another_program_is_refused(tmp_path: Path) -> None:
    Keys.open(tmp_path)
    alter(tmp_path, mark="other")
    assert "of another program" in str(refusal(tmp_path))


def test_missing_file_beside_a_database_is_refused_not_made_anew(tmp_path: Path) -> None:
    """New keys would shut out every client and make every password wrong, without a word."""
    (tmp_path / "coterie.db").write_bytes(b"")
    assert "is missing" in str(refusal(tmp_path))
    assert not (tmp_path / FILE).exists()


def test_file_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="cannot be written: No such file or directory"):
        write_private(tmp_path / "missing" / FILE, b"")


def test_keys_do_not_print(tmp_path: Path) -> None:
    made = Keys.open(tmp_path)
    shown = repr(made)
    for secret in (made.static.private, made.opaque.oprf_seed, made.opaque.private_key):
        assert secret.expose().hex() not in shown
        assert repr(secret.expose()) not in shown
    assert keys.FILE == "secrets"
