"""The one module over libsodium: what it refuses, and what its import leaves behind."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coterie.errors import LocalProtocolError, RemoteProtocolError
from coterie.opaque import group
from coterie.opaque.client import ClientRegistration
from coterie.opaque.server import check_record, registration_response
from coterie.opaque.stretch import IDENTITY
from coterie.secret import Secret
from tests.opaque.logins import KEYS, RECORD, SERVER, Attempt

P = 2**255 - 19
BAD_ELEMENTS = {
    "identity": bytes(32),
    "p": P.to_bytes(32, "little"),
    "p + 2": (P + 2).to_bytes(32, "little"),
    "second encoding, by the highest bit": RECORD[:31] + bytes([RECORD[31] | 0x80]),
    "identity with the highest bit": bytes(31) + b"\x80",
    "negative": (1).to_bytes(32, "little"),
    "not on the curve": bytes.fromhex(
        "26948d35ca62e643e26a83177332e6b6afeb9d08e4268b650f1f5bbd8d81d371"
    ),
    "all ones": b"\xff" * 32,
    "31 bytes": b"\x02" * 31,
    "33 bytes": RECORD[:32] + b"\0",
    "empty": b"",
}


@pytest.mark.parametrize("bad", BAD_ELEMENTS.values(), ids=BAD_ELEMENTS)
def test_bad_element_is_refused_wherever_one_comes_in(bad: bytes) -> None:
    good = RECORD[:32]
    with pytest.raises(RemoteProtocolError):
        group.decode_element(bad)
    with pytest.raises(RemoteProtocolError):
        registration_response(KEYS, bad, b"alice")
    with pytest.raises(RemoteProtocolError):
        check_record(bad + RECORD[32:])
    for ke1 in (bad + bytes(32) + good, good + bytes(32) + bad):
        with pytest.raises(RemoteProtocolError):
            Attempt().respond(RECORD, ke1)
    for response in (bad + good, good + bad):
        with pytest.raises(RemoteProtocolError):
            ClientRegistration(Secret(b"x"), IDENTITY).finish(
                response, server_identity=SERVER, client_identity=b"alice"
            )


@given(st.binary(max_size=64))
def test_element_has_one_encoding(encoded: bytes) -> None:
    try:
        element = group.decode_element(encoded)
    except RemoteProtocolError:
        return
    one = Secret((1).to_bytes(32, "little"))
    assert group.multiply(one, element) == encoded


def test_product_that_is_the_identity_is_refused() -> None:
    with pytest.raises(RemoteProtocolError):
        group.multiply(Secret(bytes(32)), group.decode_element(RECORD[:32]))


def test_scalar_is_undone_by_its_inverse() -> None:
    scalar, element = group.random_scalar(), group.decode_element(RECORD[:32])
    product = group.multiply(scalar, element)
    assert product != element
    assert group.multiply(group.inverse(scalar), product) == element


@pytest.mark.parametrize("value", [0, group.ORDER, group.ORDER + 1, 2**256 - 1])
def test_scalar_out_of_range_is_refused(value: int) -> None:
    with pytest.raises(LocalProtocolError):
        group.decode_scalar(Secret(value.to_bytes(32, "little")))


def imported(script: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(  # noqa: S603  # ourselves
        [sys.executable, "-c", textwrap.dedent(script)],
        env={**os.environ, "TMPDIR": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_import_leaves_nothing_in_the_temporary_folder(tmp_path: Path) -> None:
    """rbcl unpacks 2.8 MB there and leaves them: a server restarted often would fill the disk."""
    done = imported("import coterie.opaque.group", tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="no limit on the size of files there")
def test_temporary_folder_that_cannot_be_used_is_named_with_tmpdir(tmp_path: Path) -> None:
    done = imported(
        """
        import resource
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
        from coterie.errors import StorageError
        try:
            import coterie.opaque.group
        except StorageError as error:
            print(error, "|", error.hint)
        """,
        tmp_path,
    )
    message, _, hint = done.stdout.partition("|")
    assert str(tmp_path) in message
    assert "TMPDIR" in hint
    assert "noexec" in hint
    assert list(tmp_path.iterdir()) == []
