"""What a server's no, or a stranger's answer, means to the caller: errors of one family each."""

from types import MappingProxyType

from coterie.errors import (
    CoterieError,
    NotAuthenticated,
    Refused,
    RemoteProtocolError,
    Unavailable,
)
from coterie.wire.frames import Code, Failed
from coterie.wire.invite import TLS_SCHEME, Address

MAX_WAIT_S = 3600.0  # longer than any honest server asks for; a hostile one can stay away anyway

_HINTS = MappingProxyType(
    {
        Code.VERSION: "client and server have no protocol version in common: update the older one",
        Code.INVITE: "ask for a new invite",
        Code.NAME_TAKEN: "choose another name",
        Code.FULL: "the server's disk is full: tell its operator",
    }
)

_TLS_SERVER = "a TLS server"
_STRANGERS = MappingProxyType(  # by how they begin
    {
        b"HTTP": "an HTTP server",
        b"<!DO": "an HTTP server",  # HTTP/0.9: a page without a status line
        b"<htm": "an HTTP server",
        b"<HTM": "an HTTP server",
        b"SSH-": "an SSH server",
        b"\x15\x03": _TLS_SERVER,  # an alert
        b"220": "a mail or FTP server",
    }
)


def error_of(failed: Failed) -> CoterieError:
    """The error to raise for a refusal. Its sentence is the server's, without control characters."""
    code = failed.code
    message = "".join(c if c.isprintable() else "?" for c in failed.message) or code.value
    match code:
        case Code.NOT_AUTHENTICATED:
            return NotAuthenticated(message)
        case Code.WAIT | Code.CLOSING:
            return Unavailable(message, wait_s=bounded_wait(failed.wait_s))
        case _:
            return Refused(code, message, hint=_HINTS.get(code, ""))


def bounded_wait(wait_s: float) -> float:
    """What a server asks us to wait, within reason: it is any number, or none."""
    return min(wait_s, MAX_WAIT_S) if wait_s > 0 else 0.0


def stranger(address: Address, beginning: bytes) -> RemoteProtocolError:
    """The error for an address where something else answers, which began with these bytes."""
    who = next((who for mark, who in _STRANGERS.items() if beginning.startswith(mark)), "")
    hint = "check host and port: `coterie serve` prints them"
    if who == _TLS_SERVER:
        reach = f"run `coterie reach {TLS_SCHEME}{address.host_port}`"
        hint = f"if it has got a certificate, {reach}; who is new needs a new invite"
    return RemoteProtocolError(
        f"{address} does not speak Coterie" + (f": it is {who}" if who else ""), hint=hint
    )
