"""The network as it is: TCP by asyncio. What the system says when it fails becomes a sentence."""

import asyncio
import socket

from coterie.client.rotation import Rotation
from coterie.client.seams import KeyLog, LoopClock, PoolThreads, Receiver, Seams, Transport
from coterie.errors import Unavailable
from coterie.wire.invite import Address


def real_seams(key_log: KeyLog | None = None) -> Seams:
    """TCP, a thread pool, the system's time and chance. The pool is the caller's to close.

    When keys turn over is said by the environment: raises InvalidInput where it makes no sense.
    """
    rotation = Rotation.from_environment()
    return Seams(TCP(), PoolThreads(), LoopClock(), rotation=rotation, key_log=key_log)


class TCP:
    """Opens TCP connections on the running loop."""

    async def connect(self, address: Address, receiver: Receiver) -> Transport:
        """Raises Unavailable. How long it may take is the caller's to say."""
        loop = asyncio.get_running_loop()
        try:
            transport, _ = await loop.create_connection(
                lambda: _Bridge(receiver), address.host, address.port
            )
        except (OSError, UnicodeError) as error:  # UnicodeError: a name that IDNA cannot hold
            raise unavailable(address, error) from error
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
