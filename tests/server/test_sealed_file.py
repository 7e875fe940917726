"""The sealed file: what comes out is what went in, or a sentence."""

import hashlib
import io
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from hypothesis import given, settings
from hypothesis import strategies as st

from coterie.errors import StorageError
from coterie.secret import Secret
from coterie.server import sealed_file
from coterie.server.sealed_file import CHUNK_SIZE, HEADER_SIZE, SealedReader, SealedWriter

RIGHT, WRONG = Secret(b"nine herons"), Secret(b"ten herons")
SEALED_CHUNK = CHUNK_SIZE + 16
PATH = Path("backup")
SIZES = [0, 1, CHUNK_SIZE - 1, CHUNK_SIZE, CHUNK_SIZE + 1, 2 * CHUNK_SIZE, 3 * CHUNK_SIZE + 5]


def cheap(passphrase: Secret, salt: bytes) -> tuple[Secret, bytes]:
    """In Argon2id's place, for tests that open hundreds of files."""
    output = hashlib.sha384(passphrase.expose() + salt).digest()
    return Secret(output[:32]), output[32:]


def seal(data: bytes, *, step: int = 70_001) -> bytes:
    file = io.BytesIO()
    writer = SealedWriter(file, RIGHT, cheap)
    for start in range(0, len(data), step):
        writer.write(data[start : start + step])
    writer.finish()
    return file.getvalue()


def opened(sealed: bytes, passphrase: Secret = RIGHT) -> bytes:
    reader, found = SealedReader(io.BytesIO(sealed), PATH, passphrase, cheap), b""
    while part := reader.read(50_000):
        found += part
    assert reader.read(1) == b""
    return found


def refusal(sealed: bytes, passphrase: Secret = RIGHT) -> str:
    with pytest.raises(StorageError) as raised:
        opened(sealed, passphrase)
    return str(raised.value)


@pytest.fixture(scope="module")
def three() -> bytes:
    """Two whole chunks and a small one, each with a letter of its own."""
    return seal(b"a" * CHUNK_SIZE + b"b" * CHUNK_SIZE + b"c" * 10)


@pytest.mark.parametrize("size", SIZES)
def test_what_was_sealed_opens_whatever_its_size(size: int) -> None:
    data = bytes(n % 251 for n in range(size))
    sealed = seal(data)
    assert opened(sealed) == data
    assert len(sealed) == HEADER_SIZE + size + 16 * max(1, -(-size // CHUNK_SIZE))


def test_no_plaintext_is_in_it_and_no_two_are_alike(three: bytes) -> None:
    assert b"aaaa" not in three
    again = seal(b"a" * CHUNK_SIZE + b"b" * CHUNK_SIZE + b"c" * 10)
    assert again[HEADER_SIZE : HEADER_SIZE + 64] != three[HEADER_SIZE : HEADER_SIZE + 64]


def test_wrong_passphrase_is_told_from_damage(three: bytes) -> None:
    assert (
        refusal(three, WRONG) == "the passphrase is not the one of backup, or its header is damaged"
    )


@pytest.mark.parametrize("chunks", [0, 1, 2])
def test_file_that_ends_between_two_chunks_is_cut_short(three: bytes, chunks: int) -> None:
    told = refusal(three[: HEADER_SIZE + chunks * SEALED_CHUNK])
    assert "cut short" in told


@pytest.mark.parametrize("size", [0, 5, 15, 16, 20, HEADER_SIZE - 1])
def test_file_that_ends_in_its_header_is_refused(three: bytes, size: int) -> None:
    told = refusal(three[:size])
    assert "cut short" in told or "is no backup of" in told


def test_file_that_ends_within_a_chunk_is_refused_with_the_place(three: bytes) -> None:
    place = HEADER_SIZE + SEALED_CHUNK
    assert f"is damaged or cut short after byte {place}" in refusal(three[: place + 100])


def test_chunks_that_changed_places_are_refused(three: bytes) -> None:
    header, a = three[:HEADER_SIZE], three[HEADER_SIZE : HEADER_SIZE + SEALED_CHUNK]
    b, c = three[len(header + a) : len(header + a) + SEALED_CHUNK], three[len(header + a + a) :]
    assert opened(header + a + b + c)
    for wrong in (b + a + c, a + a + b + c, a + c, b + c, a + b + c + c, c):
        refusal(header + wrong)


def test_chunk_of_another_file_under_the_same_passphrase_is_refused(three: bytes) -> None:
    other = seal(b"a" * CHUNK_SIZE + b"b" * CHUNK_SIZE + b"c" * 10)
    refusal(three[: HEADER_SIZE + SEALED_CHUNK] + other[HEADER_SIZE + SEALED_CHUNK :])


def test_what_follows_the_last_chunk_is_refused(three: bytes) -> None:
    refusal(three + b"\x00")


def test_file_of_another_program_or_version_is_named() -> None:
    assert refusal(b"PK\x03\x04" + bytes(200)) == "backup is no backup of a Coterie server"
    newer = sealed_file.MAGIC + b"\x02" + bytes(200)
    assert "of version 2, this one knows 1" in refusal(newer)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_no_altered_bit_goes_through(three: bytes, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(three) - 1) | st.integers(0, HEADER_SIZE + 40))
    altered = bytearray(three)
    altered[at] ^= 1 << data.draw(st.integers(0, 7))
    refusal(bytes(altered))


def test_nothing_is_given_out_of_a_chunk_that_does_not_open(three: bytes) -> None:
    altered = bytearray(three)
    altered[HEADER_SIZE + SEALED_CHUNK] ^= 1
    reader = SealedReader(io.BytesIO(bytes(altered)), PATH, RIGHT, cheap)
    assert reader.read(CHUNK_SIZE) == b"a" * CHUNK_SIZE
    with pytest.raises(StorageError):
        reader.read(1)


def test_file_is_as_the_page_about_it_says() -> None:
    """Read with the primitives alone, by docs/reference/backup-format.md."""
    file, data = io.BytesIO(), b"x" * 65_536 + b"the end"
    writer = SealedWriter(file, RIGHT)
    writer.write(data)
    writer.finish()
    whole = file.getvalue()
    header, first, last = whole[:48], whole[48 : 48 + 65_552], whole[48 + 65_552 :]
    assert header[:16] == b"coterie backup\x00\x01"
    kdf = Argon2id(salt=header[16:32], length=48, iterations=3, lanes=4, memory_cost=65_536)
    derived = kdf.derive(b"nine herons")
    assert derived[32:] == header[32:]
    aead = AESGCM(derived[:32])
    opened_first = aead.decrypt(bytes(12), first, header)
    assert opened_first + aead.decrypt(bytes(10) + b"\x01\x01", last, header) == data
