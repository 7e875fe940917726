"""Invites: ``coterie://HOST:PORT/#...``, an address and, behind the mark, what is authenticated.

Behind the mark is base64url of version (1 byte) ‖ fingerprint of the server's static key (32) ‖ token (16) ‖
checksum (4), so that a garbled copy is told from a wrong one. Host and port are how to reach the server, no more; so
is the s of ``coteries://``, which puts TLS around the channel.
"""

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass, replace

from coterie.errors import InvalidInput
from coterie.wire.limits import TOKEN_SIZE
from coterie.wire.tls import Trust

DEFAULT_PORT = 7617
SCHEME = "coterie://"
TLS_SCHEME = "coteries://"
_VERSION = 1
_CHECKSUM_SIZE = 4
_SIZE = 1 + 32 + TOKEN_SIZE + _CHECKSUM_SIZE
_ENCODED_SIZE = -(-_SIZE * 8 // 6)  # characters, without padding
_ENCODED = re.compile(r"[A-Za-z0-9_-]*")


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server is reached, and how: with TLS around the channel, there is by what to judge its certificate."""

    host: str
    port: int
    tls: Trust | None = None

    @property
    def host_port(self) -> str:
        """Without how."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{TLS_SCHEME if self.tls is not None else ''}{self.host_port}"


@dataclass(frozen=True, slots=True, repr=False)
class Invite:
    """What a newcomer is given. The token lets one in, so it stays out of logs and ``repr``."""

    address: Address
    fingerprint: bytes  # SHA-256 of the server's static public key
    token: bytes  # 16 bytes

    def __repr__(self) -> str:
        return f"<Invite to {self.address}>"

    def encode(self) -> str:
        """The link that people pass on."""
        inside = bytes([_VERSION]) + self.fingerprint + self.token
        whole = inside + _checksum(inside)
        scheme = TLS_SCHEME if self.address.tls is not None else SCHEME
        encoded = base64.urlsafe_b64encode(whole).rstrip(b"=").decode()
        return f"{scheme}{self.address.host_port}/#{encoded}"


def show_fingerprint(fingerprint: bytes) -> str:
    """For people: hexadecimal in groups of four."""
    text = fingerprint.hex()
    return " ".join(text[i : i + 4] for i in range(0, len(text), 4))


def decode_address(text: str, default_port: int = DEFAULT_PORT) -> Address:
    """HOST, HOST:PORT or [IPv6]:PORT; behind ``coteries://`` one with TLS. Raises InvalidInput."""
    if text.startswith(TLS_SCHEME):
        address = _decode_host_port(text.removeprefix(TLS_SCHEME), default_port)
        return replace(address, tls=Trust())
    return _decode_host_port(text, default_port)


def _decode_host_port(text: str, default_port: int = DEFAULT_PORT) -> Address:
    found = re.fullmatch(r"(?:\[([0-9a-fA-F:.%a-z]+)\]|([^\s:/\[\]@#?]+))(?::(\d{1,5}))?", text)
    if not found or not text.isprintable():  # control characters would reach a terminal
        raise InvalidInput(
            f"not an address: {text[:80]!r}", hint="write HOST:PORT, or [ADDRESS]:PORT for IPv6"
        )
    port = int(found[3]) if found[3] else default_port
    if port > 65535:  # noqa: PLR2004  # TCP's own
        raise InvalidInput(f"port {port} is above 65535")
    return Address(found[1] or found[2], port)


def decode_invite(text: str) -> Invite:
    """Raises InvalidInput with what is wrong with it; never repeats the token."""
    hint = "ask for the invite again, and copy all of it"
    text = "".join(text.split())  # a mail program may have broken it in two lines
    scheme = next((each for each in (SCHEME, TLS_SCHEME) if text.startswith(each)), None)
    if scheme is None:
        raise InvalidInput("an invite begins with coterie:// or coteries://", hint=hint)
    where, mark, encoded = text.removeprefix(scheme).partition("/#")
    if not mark:
        raise InvalidInput("the invite is cut off: the part behind # is missing", hint=hint)
    try:
        address = _decode_host_port(where)
    except InvalidInput as error:
        raise InvalidInput("the invite's address is garbled", hint=hint) from error
    if not _ENCODED.fullmatch(encoded):
        raise InvalidInput("the invite is garbled behind #", hint=hint)
    if len(encoded) < _ENCODED_SIZE:
        raise InvalidInput("the invite is cut off at its end", hint=hint)
    try:
        whole = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))
    except binascii.Error as error:
        raise InvalidInput("the invite is garbled behind #", hint=hint) from error
    if whole[0] != _VERSION:
        raise InvalidInput(f"the invite is garbled, or of a newer version ({whole[0]})", hint=hint)
    inside, checksum = whole[:-_CHECKSUM_SIZE], whole[-_CHECKSUM_SIZE:]
    if len(whole) != _SIZE or _checksum(inside) != checksum:
        raise InvalidInput("the invite is garbled behind #", hint=hint)
    if scheme == TLS_SCHEME:
        address = replace(address, tls=Trust())
    return Invite(address, inside[1:33], inside[33:])


def _checksum(inside: bytes) -> bytes:
    return hashlib.sha256(b"coterie/1 invite" + inside).digest()[:_CHECKSUM_SIZE]
