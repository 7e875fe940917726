"""Invites: each way of garbling one has its sentence, and none repeats the token."""

import base64
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coterie.errors import InvalidInput
from coterie.noise.production import fingerprint
from coterie.wire.invite import (
    DEFAULT_PORT,
    Address,
    Invite,
    decode_address,
    decode_invite,
    show_fingerprint,
)
from coterie.wire.tls import Trust

INVITE = Invite(Address("chat.example.org", 7617), b"\xf0" * 32, b"\x0f" * 16)
TEXT = INVITE.encode()
ENCODED = TEXT.partition("#")[2]


def refusal(text: str) -> str:
    with pytest.raises(InvalidInput) as raised:
        decode_invite(text)
    assert raised.value.hint
    said = str(raised.value)
    assert not any(ENCODED[i : i + 8] in said for i in range(len(ENCODED) - 8))
    assert INVITE.token.hex() not in said
    return said


@given(
    st.sampled_from(["h", "chat.example.org", "127.0.0.1", "::1", "fe80::1%eth0"]),
    st.integers(0, 65535),
    st.binary(min_size=32, max_size=32),
    st.binary(min_size=16, max_size=16),
    st.sampled_from([None, Trust()]),
)
def test_invite_comes_back_the_same(
    host: str, port: int, mark: bytes, token: bytes, tls: Trust | None
) -> None:
    invite = Invite(Address(host, port, tls), mark, token)
    assert decode_invite(invite.encode()) == invite


def test_invite_to_a_server_with_tls_begins_with_coteries() -> None:
    invite = replace(
        INVITE, address=replace(INVITE.address, tls=Trust("AUTHORITIES", (b"p" * 32,)))
    )
    assert invite.encode() == TEXT.replace("coterie://", "coteries://")
    assert decode_invite(invite.encode()).address.tls == Trust()  # whom to trust is the client's


def test_invite_broken_by_a_mail_program_is_read() -> None:
    assert decode_invite(f"  {TEXT[:50]}\r\n {TEXT[50:]}\n") == INVITE


def test_invite_without_a_port_means_the_usual_one() -> None:
    assert decode_invite(TEXT.replace(":7617", "")).address.port == DEFAULT_PORT


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "begins with coterie://"),
        ("hello", "begins with coterie://"),
        (TEXT.replace("coterie", "https"), "begins with coterie://"),
        (TEXT.replace("coterie", "coteriess"), "begins with coterie://"),
        (TEXT.replace("coterie://", "coterie://coteries://"), "address is garbled"),
        (TEXT.partition("#")[0], "the part behind # is missing"),
        ("coterie://chat.example.org", "the part behind # is missing"),
        (TEXT[:-1], "cut off at its end"),
        (TEXT[:-2], "cut off at its end"),
        (TEXT[:40], "cut off at its end"),
        (TEXT.partition("#")[0] + "#", "cut off at its end"),
        (TEXT + "AAAA", "garbled behind #"),
        (TEXT + "AA", "garbled behind #"),
        (TEXT[:-10] + "!" + TEXT[-9:], "garbled behind #"),
        (TEXT[:-10] + "é" + TEXT[-9:], "garbled behind #"),
        (TEXT[:-10] + ("A" if TEXT[-10] != "A" else "B") + TEXT[-9:], "garbled behind #"),
        (TEXT.replace("chat.example.org", "chat/x"), "address is garbled"),
        (TEXT.replace("7617", "99999"), "address is garbled"),
        (TEXT.replace("chat.example.org", ENCODED), ""),
        (TEXT.replace("chat.example.org", "[" + ENCODED), "address is garbled"),
        (TEXT.replace("#", "#" + base64.urlsafe_b64encode(b"\x02" * 3).decode()), "version (2)"),
    ],
    ids=range(21),
)
def test_garbled_invite_has_its_sentence(text: str, sentence: str) -> None:
    if not sentence:  # a host that looks like that is a host
        assert decode_invite(text).address.host == ENCODED
        return
    assert sentence in refusal(text)


@given(st.integers(0, len(TEXT) - 1), st.characters(exclude_categories=["Cs"]))
def test_invite_with_one_other_character_is_refused_or_means_the_same(
    place: int, character: str
) -> None:
    garbled = TEXT[:place] + character + TEXT[place + 1 :]
    try:
        invite = decode_invite(garbled)
    except InvalidInput:
        return
    assert (invite.fingerprint, invite.token) == (INVITE.fingerprint, INVITE.token)


def test_invite_does_not_print_its_token() -> None:
    assert repr(INVITE) == "<Invite to chat.example.org:7617>"


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("host", Address("host", DEFAULT_PORT)),
        ("host:1", Address("host", 1)),
        ("[::1]:8", Address("::1", 8)),
        ("[::1]", Address("::1", DEFAULT_PORT)),
        ("127.0.0.1:0", Address("127.0.0.1", 0)),
        ("coteries://host", Address("host", DEFAULT_PORT, Trust())),
        ("coteries://[::1]:8", Address("::1", 8, Trust())),
    ],
)
def test_address_is_read(text: str, address: Address) -> None:
    assert decode_address(text) == address
    assert decode_address(str(address)) == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":1",
        "::1",
        "host:",
        "host:x",
        "host:123456",
        "a b",
        "[::1",
        "[::1]8",
        "a/b",
        "a@b",
        "\x1b[31mhost",
        "host\x00",
        "host:65536",
        "coterie://host",
        "coteries://",
        "coteries://coteries://host",
        "coteries://host/",
    ],
    ids=ascii,
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        decode_address(text)
    assert str(raised.value).isprintable()  # a terminal is not the place for what is in it


def test_fingerprint_is_shown_in_groups_of_four() -> None:
    shown = show_fingerprint(fingerprint(b"key"))
    assert len(shown.split()) == 16
    assert all(len(group) == 4 for group in shown.split())
