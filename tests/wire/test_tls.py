"""Pins of certificates' keys."""

import subprocess
from shutil import which

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coterie.errors import InvalidInput
from coterie.wire.tls import Trust, decode_pin, pin_of, show_pin
from tests.certificates import Authority

ISSUED = Authority.make().issue()


@given(st.binary(min_size=32, max_size=32))
def test_pin_comes_back_the_same(pin: bytes) -> None:
    assert decode_pin(show_pin(pin)) == pin


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sha256//",
        "sha256//AAAA",
        show_pin(bytes(31)),
        show_pin(bytes(33)),
        show_pin(bytes(32)).removeprefix("sha256//"),
        show_pin(bytes(32)).replace("sha256//", "sha1//"),
        show_pin(bytes(32)) + " ",
        show_pin(bytes(32)).rstrip("="),
        "sha256//é",
        "sha256//\x1b[31m",
    ],
    ids=ascii,
)
def test_what_is_no_pin_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        decode_pin(text)
    assert str(raised.value).isprintable()


def test_pin_is_of_the_key_and_not_of_the_certificate() -> None:
    authority = Authority.make()
    first, second = authority.issue(key=ISSUED.key), authority.issue("other.example")
    assert first.der != ISSUED.der
    assert first.pin == ISSUED.pin
    assert second.pin != ISSUED.pin


def test_what_is_no_certificate_or_has_a_key_of_an_unknown_kind_has_no_pin() -> None:
    curve, none = bytes.fromhex("2a8648ce3d030107"), bytes.fromhex("2a8648ce3d03017f")
    assert curve in ISSUED.der
    for der in (b"no certificate", ISSUED.der.replace(curve, none)):
        with pytest.raises(ValueError, match=r"error parsing|not supported"):
            pin_of(der)


@pytest.mark.skipif(which("openssl") is None, reason="needs the program openssl")
def test_pin_is_the_one_that_openssl_finds() -> None:
    """The pipeline that curl's manual has for its --pinnedpubkey."""
    shell = (
        "openssl x509 -pubkey -noout | openssl pkey -pubin -outform der "
        "| openssl dgst -sha256 -binary | openssl enc -base64"
    )
    found = subprocess.run(  # noqa: S602  # a constant
        shell, shell=True, input=ISSUED.pem.encode(), capture_output=True, check=True
    )
    assert show_pin(ISSUED.pin) == f"sha256//{found.stdout.decode().strip()}"


def test_pins_with_authorities_are_not_alone() -> None:
    assert Trust(pins=(bytes(32),)).is_by_pin_alone
    assert not Trust("PEM", (bytes(32),)).is_by_pin_alone
    assert not Trust().is_by_pin_alone
