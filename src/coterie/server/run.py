"""``coterie serve``, without its command line: opens the data folder, listens, stops in order."""

import asyncio
import contextlib
import fcntl
import os
import secrets
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import structlog

from coterie.errors import StorageError
from coterie.server import limits
from coterie.server.attempts import Attempts
from coterie.server.bus import Bus
from coterie.server.config import Config
from coterie.server.keys import FILE as SECRETS
from coterie.server.keys import Keys
from coterie.server.listener import Listener
from coterie.server.seams import PoolThreads, SystemClock
from coterie.server.session import House
from coterie.server.store import DATABASE, Store
from coterie.server.writer import Writer
from coterie.wire.invite import Address, Invite, decode_address
from coterie.wire.limits import TOKEN_SIZE

log = structlog.get_logger()

LOCK = "lock"
INVITE_LIFETIME_S = 7 * 86_400.0
IDLE_CHECK_S = 30.0  # how often the write-ahead log is emptied


@dataclass(frozen=True, slots=True)
class Ready:
    """The server listens."""

    address: Address
    fingerprint: bytes
    invite: Invite


def serve(config: Config, ready: Callable[[Ready], None]) -> None:
    """Serves until SIGTERM or SIGINT. Raises StorageError, InvalidInput, OSError where it cannot listen."""
    with data_folder(config.data) as folder:
        keys, store = Keys.open(folder), Store.open(folder)
        try:
            with asyncio.Runner(loop_factory=_loop_factory()) as runner:
                runner.run(_serve(config, keys, store, ready))
        finally:
            store.close()


def make_invite(folder: Path, uses: int, lifetime_s: float) -> Invite:
    """A new invite, while the server runs or not. Raises StorageError where there is no server's data."""
    if not (folder / DATABASE).exists() or not (folder / SECRETS).exists():
        raise StorageError(
            f"{folder} is no data folder of a Coterie server",
            hint="start it once with `coterie serve --data DIR`",
        )
    keys, store = Keys.open(folder), Store.open(folder)
    try:
        address = store.reading.meta("address").decode()
        return _new_invite(store, keys, decode_address(address), uses, lifetime_s)
    finally:
        store.close()


def _new_invite(store: Store, keys: Keys, address: Address, uses: int, lifetime_s: float) -> Invite:
    token = secrets.token_bytes(TOKEN_SIZE)
    clock = SystemClock()
    (done,) = store.batch([lambda t: t.create_invite(token, uses, lifetime_s)], clock.now())
    if isinstance(done, Exception):
        raise done
    return Invite(address, keys.fingerprint, token)


@contextmanager
def data_folder(path: Path) -> Iterator[Path]:
    """The folder, made where it is not there, and locked for this process. Raises StorageError."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        strangers = [entry.name for entry in path.iterdir()]
        if strangers and not {DATABASE, SECRETS, LOCK, "coterie.toml"} & set(strangers):
            raise StorageError(
                f"{path} holds something else than a Coterie server's data",
                hint="choose another --data folder, or an empty one",
            )
        descriptor = os.open(path / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise StorageError(f"{path} cannot be used: {error.strerror}") from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise StorageError(f"another server is running on {path}") from error
        yield path
    finally:
        os.close(descriptor)


async def _serve(config: Config, keys: Keys, store: Store, ready: Callable[[Ready], None]) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    clock, bus = SystemClock(), Bus()
    heavy, reading, writing = (
        PoolThreads(os.cpu_count() or 2, "heavy"),
        PoolThreads(2, "reader"),
        PoolThreads(1, "writer"),
    )
    writer = Writer(store, writing, clock, bus.publish)
    house = House(store, writer, bus, keys, Attempts(), clock, heavy, reading)
    listener = Listener(house)
    port = await listener.listen(config.listen.host, config.listen.port)
    address = Address(config.listen.host, port)
    announced = decode_address(config.announce, port) if config.announce else _reachable(address)
    await writer.do(lambda t: t.set_meta("address", str(announced).encode()))
    invite = await writing.run(_new_invite, store, keys, announced, 1, INVITE_LIFETIME_S)
    ready(Ready(address, keys.fingerprint, invite))
    log.info("serving", port=port)
    tidying = asyncio.create_task(_tidy(store, writing))
    await stop.wait()
    tidying.cancel()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(limits.EXIT_TIMEOUT_S):
            await writer.drain()  # what was taken is finished and answered
            await listener.close()
            await writer.drain()
    for threads in (heavy, reading, writing):
        threads.close()
    log.info("stopped")


async def _tidy(store: Store, writing: PoolThreads) -> None:
    while True:
        await asyncio.sleep(IDLE_CHECK_S)
        await writing.run(store.idle)


def _reachable(address: Address) -> Address:
    """An address for invites: who listens everywhere is asked for on this machine until --announce says more."""
    everywhere = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104
    return Address(everywhere.get(address.host, address.host), address.port)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop  # noqa: PLC0415  # not on every platform
    except ImportError:
        return None
    return uvloop.new_event_loop
