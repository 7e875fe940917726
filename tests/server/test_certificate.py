"""A certificate, and what it does when its files change."""

import re
import ssl
from pathlib import Path
from typing import Any, cast

import pytest

from coterie.errors import StorageError
from coterie.server.certificate import Certificate
from coterie.wire.tls import ALPN, show_pin
from tests.certificates import Authority, Issued, new_key

AUTHORITY = Authority.make()
ISSUED = AUTHORITY.issue()


def told(caplog: pytest.LogCaptureFixture, level: str) -> list[dict[str, Any]]:
    """The lines of a level."""
    records = [record for record in caplog.records if record.levelname == level]
    return [cast("dict[str, Any]", record.msg) for record in records]


def shown_by(context: ssl.SSLContext) -> bytes:
    """The certificate that a client of the context is shown, in DER."""
    wanting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    wanting.check_hostname, wanting.verify_mode = False, ssl.CERT_NONE
    wanting.set_alpn_protocols([ALPN])
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    client, server = wanting.wrap_bio(down, up), context.wrap_bio(up, down, server_side=True)
    sides = [client, server]
    while sides:
        side = sides.pop(0)
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            sides.append(side)
    assert (client.version(), server.selected_alpn_protocol()) == ("TLSv1.3", ALPN)
    return client.getpeercert(binary_form=True) or b""


def test_a_certificate_is_shown_under_tls_1_3_and_its_pin_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO", "coterie"):
        certificate = Certificate(*ISSUED.write(tmp_path))
    assert shown_by(certificate.context()) == ISSUED.der
    assert certificate.pin == ISSUED.pin
    (line,) = told(caplog, "INFO")
    assert (line["event"], line["pin"]) == ("certificate-loaded", show_pin(ISSUED.pin))


def test_one_file_may_hold_both(tmp_path: Path) -> None:
    both = tmp_path / "both.pem"
    both.write_bytes(ISSUED.key_pem() + ISSUED.pem.encode())
    assert shown_by(Certificate(both, both).context()) == ISSUED.der


def test_an_expired_one_is_warned_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The server starts all the same: a new one is taken as soon as it is there."""
    Certificate(*AUTHORITY.issue(from_day=-9, until_day=-1).write(tmp_path))
    assert [line["event"] for line in told(caplog, "WARNING")] == ["certificate-expired"]


def test_files_that_change_are_read_again_without_a_restart(tmp_path: Path) -> None:
    certificate = Certificate(*ISSUED.write(tmp_path))
    before = certificate.context()
    assert certificate.context() is before
    renewed = AUTHORITY.issue()
    renewed.write(tmp_path)
    assert shown_by(certificate.context()) == renewed.der
    assert certificate.pin == renewed.pin
    assert shown_by(before) == ISSUED.der  # who has begun with it goes on with it


def test_links_that_are_led_elsewhere_are_a_change(tmp_path: Path) -> None:
    """As ACME clients do it."""
    live = [tmp_path / "chain", tmp_path / "key"]
    renewed = AUTHORITY.issue()
    for name, issued in (("1", ISSUED), ("2", renewed)):
        (tmp_path / name).mkdir()
        files = issued.write(tmp_path / name)
        for link, file in zip(live, files, strict=True):
            link.unlink(missing_ok=True)
            link.symlink_to(file)
        if name == "1":
            certificate = Certificate(*live)
    assert shown_by(certificate.context()) == renewed.der


def broken(folder: Path, how: str) -> None:
    """Spoils the files of a certificate."""
    chain, key = folder / "chain.pem", folder / "key.pem"
    match how:
        case "no certificate":
            chain.write_text("not yet")
        case "no key":
            key.write_text("not yet")
        case "another key":
            key.write_bytes(Issued(ISSUED.certificate, new_key()).key_pem())
        case "key with a passphrase":
            key.write_bytes(ISSUED.key_pem(b"open sesame"))
        case "certificate is gone":
            chain.unlink()
        case "key is gone":
            key.unlink()
        case "certificate is a folder":
            chain.unlink()
            chain.mkdir()
        case _:
            raise AssertionError(how)


BROKEN = {
    "no certificate": r"chain\.pem holds no certificate in PEM",
    "no key": r"key\.pem holds no private key for TLS",
    "another key": r"key\.pem is not the key of .*chain\.pem",
    "key with a passphrase": r"key\.pem has a passphrase",
    "certificate is gone": r"chain\.pem cannot be read: No such file",
    "key is gone": r"key\.pem cannot be read: No such file",
    "certificate is a folder": r"chain\.pem cannot be read: Is a directory",
}


@pytest.mark.parametrize(("how", "sentence"), BROKEN.items(), ids=BROKEN)
def test_a_server_does_not_start_with_files_that_it_cannot_use(
    tmp_path: Path, how: str, sentence: str
) -> None:
    paths = ISSUED.write(tmp_path)
    broken(tmp_path, how)
    with pytest.raises(StorageError, match=sentence):
        Certificate(*paths)


@pytest.mark.parametrize("how", BROKEN)
def test_a_server_that_runs_keeps_the_old_one_and_warns_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, how: str
) -> None:
    certificate = Certificate(*ISSUED.write(tmp_path))
    broken(tmp_path, how)
    for _ in range(3):
        assert shown_by(certificate.context()) == ISSUED.der
    (line,) = told(caplog, "WARNING")
    assert line["event"] == "certificate-not-loaded"
    assert line["kept"] == show_pin(ISSUED.pin)
    assert re.match(rf".*{BROKEN[how]}", line["error"])


def test_a_certificate_that_comes_before_its_key_is_taken_when_both_are_there(
    tmp_path: Path,
) -> None:
    certificate = Certificate(*ISSUED.write(tmp_path))
    renewed = AUTHORITY.issue()
    (tmp_path / "chain.pem").write_text(renewed.pem)
    assert shown_by(certificate.context()) == ISSUED.der
    (tmp_path / "key.pem").write_bytes(renewed.key_pem())
    assert shown_by(certificate.context()) == renewed.der
