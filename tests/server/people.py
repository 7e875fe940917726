"""People for the server's tests: accounts with real signatures, put into a store without a connection."""

from dataclasses import dataclass, field
from secrets import token_bytes

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import func, select

from coterie.server import schema
from coterie.server.store import PostJob, Store
from coterie.wire import chain
from coterie.wire import frames as f
from coterie.wire.signed import (
    DeviceCertificate,
    DeviceList,
    ListedDevice,
    device_login_input,
    sign_certificate,
    sign_device_list,
)
from tests.decoded import decoded

NOW = 1_800_000_000.0
TOKEN = b"t" * 16
GROUP = b"g" * 16


@dataclass
class Device:
    """One installed client: its keys, and the count of its posts in each group."""

    name: str
    device: bytes = field(default_factory=lambda: token_bytes(16))
    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)

    @property
    def public_key(self) -> bytes:
        return self.key.public_key().public_bytes_raw()

    @property
    def listed(self) -> ListedDevice:
        return ListedDevice(self.device, self.public_key)

    def login(self, handshake_hash: bytes) -> f.DeviceLogin:
        signed = device_login_input(self.name, self.device, handshake_hash)
        return f.DeviceLogin(self.name, self.device, self.key.sign(signed))


@dataclass
class Person:
    """An account with its first device."""

    name: str
    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    version: int = 0

    def __post_init__(self) -> None:
        self.first = Device(self.name)

    @property
    def account_key(self) -> bytes:
        return self.key.public_key().public_bytes_raw()

    def device_list(self, *devices: Device, version: int) -> tuple[f.SignedDocument, DeviceList]:
        listed = DeviceList(self.name, self.account_key, version, tuple(d.listed for d in devices))
        return sign_device_list(listed, self.key), listed

    def certificate(
        self, device: Device, *, version: int
    ) -> tuple[f.SignedDocument, DeviceCertificate]:
        certificate = DeviceCertificate(
            self.name, self.account_key, device.device, device.public_key, version, 0, 2**40
        )
        return sign_certificate(certificate, self.key), certificate

    def register(self, store: Store, *, token: bytes = TOKEN, now: float = NOW) -> "Person":
        """With an invite that is made for it."""
        signed, listed = self.device_list(self.first, version=1)
        _, certificate = self.certificate(self.first, version=1)
        store.do(lambda t: t.accounts.create_invite(token, 1, 60.0), now)
        store.do(
            lambda t: t.accounts.register(token, b"record", b"vault", signed, listed, certificate),
            now,
        )
        self.version = 1
        return self

    def replace_list(
        self, store: Store, *devices: Device, new: Device | None = None, now: float = NOW
    ) -> f.Done:
        """The next version, with one device that is new."""
        version = self.version + 1
        signed, listed = self.device_list(*devices, version=version)
        certificate = self.certificate(new, version=version)[1] if new else None
        done: f.Done = store.do(
            lambda t: t.accounts.replace_device_list(signed, listed, certificate), now
        )
        self.version = version
        return done

    def add_device(self, store: Store, *others: Device) -> Device:
        """A second one."""
        device = Device(self.name)
        self.replace_list(store, self.first, *others, device, new=device)
        return device


@dataclass
class Writer:
    """A device that posts to a group, in order."""

    store: Store
    group: bytes
    device: Device
    count: int = 0
    now: float = NOW

    def post(
        self,
        kind: f.Kind = f.Kind.MESSAGE,
        *,
        after: int,
        body: bytes = b"body",
        change: f.ListChange | None = None,
        welcome: f.WelcomeFor | None = None,
    ) -> f.Post:
        """The next post, not yet made."""
        self.count += 1
        return f.Post(self.group, kind, token_bytes(16), self.count, after, body, change, welcome)

    def job(self, post: f.Post) -> PostJob:
        return PostJob(post, self.device.device)

    def send(self, post: f.Post) -> object:
        """The server's answer."""
        (answer,) = self.store.batch([self.job(post)], self.now).results
        return answer

    def accepted(self, post: f.Post) -> int:
        """Its seq."""
        answer = self.send(post)
        assert isinstance(answer, f.Accepted), answer
        return answer.seq


def group_of(store: Store, device: Device) -> Writer:
    """``GROUP``, just made by the device."""
    store.do(lambda t: t.logs.create_group(GROUP, device.device, device.name), NOW)
    return Writer(store, GROUP, device)


def entries(store: Store, device: Device, after: int = 0) -> tuple[f.Entry, ...]:
    """What the device may read of ``GROUP``."""
    found: list[f.Entry] = []
    while True:
        answer = decoded(store.reading.entries(GROUP, device.device, after, 1000))
        assert isinstance(answer, f.Entries), answer
        if not answer.entries:
            return tuple(found)
        found += answer.entries
        after = found[-1].seq


def count(store: Store, table: str) -> int:
    """Its rows."""
    query = select(func.count()).select_from(schema.metadata.tables[table])
    with store.reading.connection() as connection:
        return connection.scalar(query) or 0


def assert_chained(store: Store, device: Device) -> None:
    """No gaps in ``GROUP``, and the chain that its entries make is the one that is kept."""
    found, link = entries(store, device), chain.first(GROUP)
    assert [entry.seq for entry in found] == list(range(1, len(found) + 1))
    for entry in found:
        link = chain.following(link, entry)
        answer, _ = store.reading.subscribe(GROUP, device.device, entry.seq, link)
        assert isinstance(answer, f.Subscribed)


def take_inbox(store: Store, device: bytes, upto: int) -> None:
    """The device has its items up to that number."""
    store.do(lambda t: t.inboxes.delete_taken(device, upto), NOW)


def make_invite(store: Store, token: bytes) -> None:
    """For one, and for a minute."""
    store.do(lambda t: t.accounts.create_invite(token, 1, 60.0), NOW)
