"""``coterie serve``, without its command line: opens the data folder, listens, stops in order."""

import asyncio
import gc
import secrets
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from coterie.errors import StorageError, Unavailable
from coterie.logs import get_logger
from coterie.server.attempts import Attempts
from coterie.server.bus import Bus
from coterie.server.config import Config
from coterie.server.folder import data_folder, is_data_folder
from coterie.server.house import House
from coterie.server.keys import Keys
from coterie.server.limits import EXIT_TIMEOUT_S, GARBAGE_THRESHOLDS, READERS, SWITCH_INTERVAL_S
from coterie.server.listener import Listener
from coterie.server.open_files import within_open_files
from coterie.server.seams import PoolThreads, SystemClock, Threads
from coterie.server.store import Store
from coterie.server.writer import Writer
from coterie.wire.invite import Address, Invite, decode_address
from coterie.wire.limits import TOKEN_SIZE
from coterie.wire.tls import Trust

if TYPE_CHECKING:
    from coterie.server.certificate import Certificate

log = get_logger()

INVITE_LIFETIME_S = 7 * 86_400.0
IDLE_CHECK_S = 30.0  # how often the write-ahead log is emptied
_ADDRESS = "address"  # in the store: where clients reach this server


@dataclass(frozen=True, slots=True)
class Ready:
    """The server listens."""

    address: Address
    fingerprint: bytes
    invite: Invite
    tls_pin: bytes | None  # of the certificate, where there is one


def serve(config: Config, ready: Callable[[Ready], None]) -> None:
    """Serves until SIGTERM or SIGINT. Raises StorageError; Unavailable where it cannot listen."""
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    gc.set_threshold(*GARBAGE_THRESHOLDS)
    gc.freeze()  # modules and classes stay: nobody need look at them again
    certificate = _certificate(config)
    with data_folder(config.data) as folder:
        keys = Keys.open(folder)
        store = Store.open(folder, config.limits)
        try:
            with asyncio.Runner(loop_factory=_loop_factory()) as runner:
                runner.run(_serve(config, keys, store, certificate, ready))
        finally:
            store.close()


def make_invite(folder: Path, uses: int, lifetime_s: float) -> Invite:
    """A new invite, while the server runs or not. Raises StorageError where there is no server's data."""
    hint = "start it once with `coterie serve --data DIR`"
    if not is_data_folder(folder):
        raise StorageError(f"{folder} is no data folder of a Coterie server", hint=hint)
    keys = Keys.open(folder)
    store = Store.open(folder)
    try:
        address = store.reading.meta(_ADDRESS).decode()
        if not address:
            raise StorageError(f"the server of {folder} has never listened", hint=hint)
        return _new_invite(store, keys, decode_address(address), uses, lifetime_s)
    finally:
        store.close()


def _new_invite(store: Store, keys: Keys, address: Address, uses: int, lifetime_s: float) -> Invite:
    token = secrets.token_bytes(TOKEN_SIZE)
    store.do(lambda t: t.accounts.create_invite(token, uses, lifetime_s), SystemClock().now())
    return Invite(address, keys.fingerprint, token)


async def _serve(
    config: Config,
    keys: Keys,
    store: Store,
    certificate: "Certificate | None",
    ready: Callable[[Ready], None],
) -> None:
    async with (
        _signals() as stop,
        _pool(config.limits.key_exchanges_at_once, "heavy") as heavy,
        _pool(READERS, "reader") as readers,
        _pool(1, "writer") as writing,
    ):
        clock, bus, limits = SystemClock(), Bus(), within_open_files(config.limits)
        writer = Writer(store, writing, clock, bus.publish)
        house = House(store, writer, bus, keys, Attempts(limits), clock, heavy, readers, limits)
        listener = Listener(house, certificate)
        async with _listening(listener, config.listen) as port, _tidying(store, writing):
            address = Address(config.listen.host, port)
            announced = _announced(config, address)
            await writer.do(lambda t: t.set_meta(_ADDRESS, str(announced).encode()))
            invite = await writing.run(_new_invite, store, keys, announced, 1, INVITE_LIFETIME_S)
            pin = certificate.pin if certificate is not None else None
            ready(Ready(address, keys.fingerprint, invite, pin))
            log.info("serving", port=port)
            await stop.wait()
    log.info("stopped")


@asynccontextmanager
async def _signals() -> AsyncIterator[asyncio.Event]:
    """Set by SIGTERM and SIGINT."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        yield stop
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


@asynccontextmanager
async def _listening(listener: Listener, address: Address) -> AsyncIterator[int]:
    """The port. At the end what was taken is finished and answered; who does not take his answer does without."""
    port = await _listen(listener, address)
    try:
        yield port
    finally:
        log.info("stopping", connections=len(listener.peers))
        try:
            async with asyncio.timeout(EXIT_TIMEOUT_S):
                await listener.close()
                await listener.house.writer.drain()
        except TimeoutError:
            log.warning("stopped-in-haste", connections=len(listener.peers))


async def _listen(listener: Listener, address: Address) -> int:
    try:
        return await listener.listen(address.host, address.port)
    except OSError as error:
        reason = error.strerror or str(error)
        raise Unavailable(
            f"cannot listen on {address}: {reason}",
            hint="choose another with --listen HOST:PORT; port 0 takes any that is free",
        ) from error


@asynccontextmanager
async def _pool(workers: int, name: str) -> AsyncIterator[PoolThreads]:
    threads = PoolThreads(workers, name)
    try:
        yield threads
    finally:
        threads.close()


@asynccontextmanager
async def _tidying(store: Store, writing: Threads) -> AsyncIterator[None]:
    """Empties the write-ahead log now and then while the server runs."""

    async def tidy() -> None:
        while True:
            await asyncio.sleep(IDLE_CHECK_S)
            try:
                await writing.run(store.idle)
            except StorageError as error:
                log.warning("not-tidied", error=str(error))

    task = asyncio.create_task(tidy(), name="coterie-tidy")
    try:
        yield
    finally:
        task.cancel()


def _certificate(config: Config) -> "Certificate | None":
    if config.tls_cert is None or config.tls_key is None:
        return None
    from coterie.server.certificate import Certificate  # noqa: PLC0415  # most servers have none

    return Certificate(config.tls_cert, config.tls_key)


def _announced(config: Config, address: Address) -> Address:
    """Where clients reach it. Who listens everywhere is asked for on this machine until ``announce`` says more.

    ``announce`` may say ``coteries://`` too: then something in front of the server has the certificate.
    """
    everywhere = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104
    reached = replace(address, host=everywhere.get(address.host, address.host))
    if config.announce:
        reached = decode_address(config.announce, address.port)
    return reached if config.tls_cert is None else replace(reached, tls=Trust())


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop  # noqa: PLC0415  # not on every platform
    except ImportError:
        return None
    return uvloop.new_event_loop
