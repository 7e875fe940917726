"""``--ca`` and ``--tls-pin``: by what a client judges the certificate of a server that has one."""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from coterie.cli import types
from coterie.cli.misuse import Misuse
from coterie.errors import InvalidInput, StorageError

if TYPE_CHECKING:
    from coterie.wire.invite import Address

MAX_AUTHORITIES = 2**20  # bytes of PEM: all that browsers trust are a quarter of it


def trust_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Adds both."""
    ca = click.option(
        "--ca",
        metavar="FILE",
        help="With coteries://, trust the authorities in FILE, in PEM, and no others. The profile keeps them.",
    )
    pin = click.option(
        "--tls-pin",
        "pins",
        type=types.pin,
        multiple=True,
        metavar="PIN",
        help="With coteries://, trust a certificate with this key, as `coterie serve` prints it, whatever its name, "
        "dates and issuer; with --ca those too. May be repeated, for the next key.",
    )
    return ca(pin(function))


def trusting(address: "Address", ca: str | None, pins: tuple[bytes, ...]) -> "Address":
    """The address with both. Raises Misuse where there is no TLS to trust, InvalidInput, StorageError."""
    from coterie.wire.tls import Trust

    if not (ca or pins):
        return address
    if address.tls is None:
        raise Misuse(
            f"{address} has no TLS: --ca and --tls-pin are for coteries://",
            hint="ask for a new invite, if the server has got a certificate since",
        )
    return replace(address, tls=Trust(_read_authorities(ca) if ca else "", pins))


def _read_authorities(path: str) -> str:
    from coterie.client.tls import context_for
    from coterie.wire.tls import Trust

    try:
        with open(path, "rb") as file:
            found = file.read(MAX_AUTHORITIES + 1)
    except OSError as error:
        raise StorageError(f"{path}: {error.strerror}") from error
    try:
        authorities = found.decode("ascii")
        context = context_for(Trust(authorities))
    except (UnicodeDecodeError, InvalidInput):
        authorities, context = "", None
    if not authorities or context is None or len(found) > MAX_AUTHORITIES:
        raise InvalidInput(f"{path} holds no certificates in PEM")
    return authorities
