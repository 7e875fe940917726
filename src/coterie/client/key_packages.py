"""Key packages of this device: enough of them on the server, their private halves here. PROTOCOL.md section 3."""

from coterie.client.account import new_leaf
from coterie.client.connection import Connection
from coterie.client.device import Enrolled
from coterie.client.store import Store
from coterie.errors import RemoteProtocolError
from coterie.mls import DEFAULT_SUITE, KeyPackageBundle, Lifetime, references, suite_of
from coterie.wire.frames import KeyPackageCount, UploadKeyPackages

DAY_S = 86_400.0
KEPT_ON_SERVER = 50  # one-time ones: a device that is away for weeks can be added by as many rooms
TOP_UP_BELOW = 25
ONE_TIME_LIFETIME_S = 90 * DAY_S  # how long others accept one
ONE_TIME_KEPT_S = (
    180 * DAY_S
)  # how long we can answer to one: it may have been taken on its last day
LAST_RESORT_LIFETIME_S = 365 * DAY_S
LAST_RESORT_RENEWED_S = 7 * DAY_S
LAST_RESORT_KEPT_S = 14 * DAY_S  # after a newer one was uploaded
_SLACK_S = DAY_S  # of clocks
_A_PART = 20  # uploaded together, so that no frame is large


class KeyPackages:
    """Makes them, and finds the one that a Welcome is for."""

    def __init__(self, store: Store, account: Enrolled, suite: int = DEFAULT_SUITE) -> None:
        self._store = store
        self._leaf = new_leaf(account)
        self._suite = suite_of(suite)

    def top_up(
        self, on_server: KeyPackageCount, now: float, *, replace: bool = False
    ) -> UploadKeyPackages | None:
        """What to upload, its private halves kept already; None where there is enough.

        ``replace`` makes all of them anew: the server has a new generation, and may hand out old ones twice.
        """
        kept = 0 if replace else on_server.one_time
        wanted = KEPT_ON_SERVER - kept if kept < TOP_UP_BELOW else 0
        newest = self._store.newest_last_resort()
        is_due = newest is None or now - newest > LAST_RESORT_RENEWED_S
        needs_last_resort = replace or is_due or not on_server.has_last_resort
        if not wanted and not needs_last_resort:
            return None
        with self._store.transaction():
            self._store.drop_old_key_packages(
                now - ONE_TIME_KEPT_S, now - LAST_RESORT_RENEWED_S - LAST_RESORT_KEPT_S
            )
            one_time = tuple(self._make(now, is_last_resort=False) for _ in range(wanted))
            last_resort = self._make(now, is_last_resort=True) if needs_last_resort else None
        return UploadKeyPackages(one_time, last_resort, replace)

    def new_bundle(self, now: float) -> KeyPackageBundle:
        """A one-time key package, for ``keep``."""
        return self._create(now, ONE_TIME_LIFETIME_S)

    def keep(self, bundle: KeyPackageBundle, now: float, *, is_last_resort: bool = False) -> None:
        """Its private half, until a Welcome uses it or it is too old."""
        self._store.add_key_package(
            bundle.key_package.reference(), bundle.encode(), is_last_resort=is_last_resort, now=now
        )

    def bundle_for(self, welcome: bytes) -> tuple[KeyPackageBundle, bool]:
        """Ours among those that a Welcome is for, and whether it is one of last resort.

        Raises RemoteProtocolError where there is none, or not any more.
        """
        for reference in references(welcome):
            found = self._store.key_package(reference)
            if found is not None:
                encoded, is_last_resort = found
                return KeyPackageBundle.load(encoded), is_last_resort
        raise RemoteProtocolError("a Welcome for no key package of this device")

    def used(self, bundle: KeyPackageBundle) -> None:
        """A one-time key package has let us in: it is deleted. Inside the transaction of the join."""
        self._store.drop_key_package(bundle.key_package.reference())

    def _make(self, now: float, *, is_last_resort: bool) -> bytes:
        lifetime_s = LAST_RESORT_LIFETIME_S if is_last_resort else ONE_TIME_LIFETIME_S
        bundle = self._create(now, lifetime_s)
        self.keep(bundle, now, is_last_resort=is_last_resort)
        return bundle.key_package.encode()

    def _create(self, now: float, lifetime_s: float) -> KeyPackageBundle:
        lifetime = Lifetime(int(now - _SLACK_S), int(now + lifetime_s))
        return KeyPackageBundle.create(self._suite, self._leaf, lifetime)


async def upload(connection: Connection, lot: UploadKeyPackages) -> None:
    """In parts; ``replace`` and the one of last resort go with the first."""
    for at in range(0, max(len(lot.one_time), 1), _A_PART):
        is_first = at == 0
        part = UploadKeyPackages(
            lot.one_time[at : at + _A_PART],
            lot.last_resort if is_first else None,
            lot.replace and is_first,
        )
        await connection.call(part, KeyPackageCount)
