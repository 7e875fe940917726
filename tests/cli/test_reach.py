"""``coterie reach``, and whom ``join`` and it trust of TLS."""

import json
from pathlib import Path

import pytest

from coterie.wire.invite import Address
from coterie.wire.tls import Trust, show_pin
from tests.certificates import Authority
from tests.cli.fakes import INVITE, Runs

LINK = INVITE.encode()
TLS_LINK = LINK.replace("coterie://", "coteries://")
PIN, OTHER = b"p" * 32, b"q" * 32


@pytest.fixture
def authorities(tmp_path: Path) -> Path:
    """A file with two."""
    path = tmp_path / "authorities.pem"
    path.write_text(Authority.make().own.pem + Authority.make().own.pem)
    return path


def test_the_new_address_is_told(run: Runs) -> None:
    outcome = run("reach", "chat.example.org")
    assert outcome.out == "alice reaches its server at chat.example.org:7617\n"
    assert run.engine.addresses == [Address("chat.example.org", 7617)]


def test_json_of_the_new_address(run: Runs) -> None:
    outcome = run("--profile", "p", "reach", "coteries://[::1]:1", "--json")
    assert json.loads(outcome.out) == {"account": "alice", "server": "coteries://[::1]:1"}
    assert run.engine.addresses == [Address("::1", 1, Trust())]
    assert run.engine.folders == [Path("p")]


def test_authorities_and_pins_are_read(run: Runs, authorities: Path) -> None:
    words = ("--ca", str(authorities), "--tls-pin", show_pin(PIN), "--tls-pin", show_pin(OTHER))
    run("reach", "coteries://h", *words)
    trust = Trust(authorities.read_text(), (PIN, OTHER))
    assert run.engine.addresses == [Address("h", 7617, trust)]


def test_a_newcomer_trusts_what_he_says(run: Runs, authorities: Path) -> None:
    words = ("alice", "--password-file", "-")
    run("join", TLS_LINK, *words, stdin=b"correct horse battery")
    run("join", TLS_LINK, *words, "--tls-pin", show_pin(PIN), stdin=b"correct horse battery")
    run("join", TLS_LINK, *words, "--ca", str(authorities), stdin=b"correct horse battery")
    trusted = [address.tls for address in run.engine.addresses]
    assert trusted == [Trust(), Trust(pins=(PIN,)), Trust(authorities.read_text())]


@pytest.mark.parametrize(
    "words", [("reach", "host"), ("join", LINK, "alice")], ids=["reach", "join"]
)
def test_there_is_nothing_to_trust_without_tls(run: Runs, words: tuple[str, ...]) -> None:
    outcome = run(*words, "--tls-pin", show_pin(PIN))
    assert outcome.status == 2
    assert "has no TLS" in outcome.err
    assert run.engine.addresses == []


@pytest.mark.parametrize("content", [b"", b"not yet", b"\xff\x00", b"x" * (2**20 + 1)])
def test_a_file_without_certificates_is_refused(run: Runs, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "authorities.pem"
    path.write_bytes(content)
    outcome = run("reach", "coteries://h", "--ca", str(path))
    assert outcome.status == 1
    assert outcome.err.endswith("authorities.pem holds no certificates in PEM\n")
    outcome = run("reach", "coteries://h", "--ca", str(tmp_path / "gone"))
    assert "gone: No such file" in outcome.err


@pytest.mark.parametrize("pin", ["", "sha256//AAAA", "aa" * 32])
def test_what_is_no_pin_is_misuse(run: Runs, pin: str) -> None:
    outcome = run("reach", "coteries://h", "--tls-pin", pin)
    assert outcome.status == 2
    assert "coterie: hint: it is sha256// and 44 characters" in outcome.err


@pytest.mark.parametrize("address", ["", "host:x", "coterie://host", TLS_LINK])
def test_what_is_no_address_is_misuse(run: Runs, address: str) -> None:
    assert run("reach", address).status == 2
