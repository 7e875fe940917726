"""Where each schedule begins: four accounts, three of them in a room, made once a process and copied."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType

from coterie import identity
from coterie.client import account as accounts
from coterie.client.device import Enrolled, public_key
from coterie.client.store import Store
from coterie.identity import AccountKey
from coterie.secret import Secret
from coterie.server.keys import Keys
from coterie.wire.signed import open_certificate, open_device_list
from tests.fakes import ADDRESS
from tests.simulation.disk import ClientDisk, ServerDisk, TwinDatabase, TwinStore, empty_server

MEMBERS = ("alice", "bobb", "carol")  # the first two are admins
GUESTS = ("dave",)  # has an account, and comes and goes
ROOM = "ops"
DATE = 1_800_000_000.0  # of the registrations


@dataclass(frozen=True)
class Beginning:
    """All files, and what is known of them. ``date`` is when the schedule begins."""

    server: bytes
    clients: MappingProxyType[str, bytes]
    accounts: MappingProxyType[str, Enrolled]
    keys: Keys
    date: float
    group_id: bytes = b""
    room_id: bytes = b""


@cache
def server_keys() -> Keys:
    """Of one server."""
    with TemporaryDirectory() as folder:
        return Keys.open(Path(folder))


@cache
def registered() -> Beginning:
    """The accounts, by real certificates and without a password."""
    keys, disk = server_keys(), ServerDisk(empty_server())
    store = TwinStore(disk)
    made: dict[str, Enrolled] = {}
    clients: dict[str, bytes] = {}
    for name in MEMBERS + GUESTS:
        account = made[name] = _register(store, keys, name)
        database = TwinDatabase(ClientDisk())
        accounts.save(Store(database), account, is_made=True)
        clients[name] = database.image()
    store.close()
    return Beginning(disk.durable, MappingProxyType(clients), MappingProxyType(made), keys, DATE)


def _register(store: TwinStore, keys: Keys, name: str) -> Enrolled:
    key = AccountKey(Secret(sha256(name.encode()).digest()))
    seed = Secret(sha256(f"{name}'s device".encode()).digest())
    device = sha256(seed.expose()).digest()[:16]
    made = identity.new_device(key, name, device=device, device_key=public_key(seed), now=DATE)
    token = sha256(device).digest()[:16]
    store.do(lambda t: t.accounts.create_invite(token, 1, 600.0), DATE)
    device_list, certificate = (
        open_device_list(made.device_list),
        open_certificate(made.certificate),
    )
    store.do(
        lambda t: t.accounts.register(
            token, b"record", b"vault", made.device_list, device_list, certificate
        ),
        DATE,
    )
    return Enrolled(
        ADDRESS,
        keys.fingerprint,
        store.server_id,
        store.generation,
        name,
        key.public_key,
        device,
        seed,
        made.certificate,
        made.device_list,
    )


Make = Callable[[], Beginning]
