"""The network as it is: TCP by asyncio, and TLS. What the system says when it fails becomes a sentence."""

import asyncio
import socket
import ssl

from coterie.client.rotation import Rotation
from coterie.client.seams import KeyLog, LoopClock, PoolThreads, Receiver, Seams, Transport
from coterie.errors import Unavailable
from coterie.wire.invite import Address
from coterie.wire.tls import Trust

TLS_CLOSE_S = 1.0  # for the other side's end, which says nothing that the channel's does not


def real_seams(key_log: KeyLog | None = None) -> Seams:
    """TCP, a thread pool, the system's time and chance. The pool is the caller's to close.

    When keys turn over is said by the environment: raises InvalidInput where it makes no sense.
    """
    rotation = Rotation.from_environment()
    return Seams(TCP(), PoolThreads(), LoopClock(), rotation=rotation, key_log=key_log)


class TCP:
    """Opens TCP connections on the running loop, with TLS on them where the address says so."""

    async def connect(self, address: Address, receiver: Receiver) -> Transport:
        """Raises Unavailable, with TLS CertificateRefused. How long it may take is the caller's to say."""
        loop = asyncio.get_running_loop()
        if address.tls is not None:
            return await _connect_tls(address, address.tls, receiver)
        try:
            transport, _ = await loop.create_connection(
                lambda: _Bridge(receiver), address.host, address.port
            )
        except (OSError, UnicodeError) as error:  # UnicodeError: a name that IDNA cannot hold
            raise unavailable(address, error) from error
        return transport


async def _connect_tls(address: Address, trust: Trust, receiver: Receiver) -> Transport:
    from coterie.client import tls  # noqa: PLC0415  # most connections have none

    context = tls.context_for(trust)
    try:
        transport, _ = await asyncio.get_running_loop().create_connection(
            lambda: _Bridge(receiver),
            address.host,
            address.port,
            ssl=context,
            server_hostname=address.host,
            ssl_shutdown_timeout=TLS_CLOSE_S,
        )
    except ssl.SSLError as error:
        raise tls.refusal(address, error) from error
    except ConnectionResetError as error:
        raise Unavailable(
            f"{address} ended the TLS handshake",
            hint="it may be a server without TLS, or one that takes no more connections",
        ) from error
    except (OSError, UnicodeError) as error:
        raise unavailable(address, error) from error
    try:
        tls.check(address, trust, transport.get_extra_info("ssl_object"))
    except Unavailable:
        transport.abort()
        raise
    return transport


class _Bridge(asyncio.Protocol):
    """Hands on to a ``Receiver``; a half-closed stream is a closed one."""

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver

    def data_received(self, data: bytes) -> None:
        self._receiver.data_received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._receiver.connection_lost(exc)

    def pause_writing(self) -> None:
        self._receiver.pause_writing()

    def resume_writing(self) -> None:
        self._receiver.resume_writing()


def unavailable(address: Address, error: OSError | UnicodeError) -> Unavailable:
    """The sentence for what the system says."""
    match error:
        case socket.gaierror() | UnicodeError():
            return Unavailable(
                f"no address is known for {address.host}",
                hint="check the name, and that this machine is online",
            )
        case ConnectionRefusedError():
            return Unavailable(
                f"nothing listens at {address}",
                hint="check host and port, and that `coterie serve` runs there",
            )
        case _:
            reason = error.strerror or str(error)  # several addresses tried: it lists them
            return Unavailable(
                f"cannot reach {address}: {reason[:1].lower()}{reason[1:]}",
                hint="check host and port, and that this machine is online",
            )
