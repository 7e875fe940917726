"""Key packages: enough on the server, their private halves here until they are used or too old."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from coterie.client.key_packages import (
    DAY_S,
    KEPT_ON_SERVER,
    LAST_RESORT_KEPT_S,
    LAST_RESORT_RENEWED_S,
    ONE_TIME_KEPT_S,
    ONE_TIME_LIFETIME_S,
    TOP_UP_BELOW,
    KeyPackages,
)
from coterie.client.store import Store
from coterie.errors import RemoteProtocolError, StorageError
from coterie.mls import KeyPackage
from coterie.wire.frames import KeyPackageCount, UploadKeyPackages
from tests.client.house import FAST, House

NOW = 1_800_000_000.0
NONE, ENOUGH = (
    KeyPackageCount(0, has_last_resort=False),
    KeyPackageCount(KEPT_ON_SERVER, has_last_resort=True),
)


@pytest.fixture
def alice(tmp_path: Path) -> Iterator[tuple[KeyPackages, Store]]:
    house = House(tmp_path)
    person = house.person("alice")
    store = person.open_store()
    yield KeyPackages(store, person.account, FAST), store
    store.close()
    house.shared.store.close()


def first(packages: KeyPackages, now: float = NOW) -> UploadKeyPackages:
    lot = packages.top_up(NONE, now)
    assert lot is not None
    return lot


def is_kept(store: Store, package: bytes) -> bool:
    return store.key_package(KeyPackage.from_bytes(package).reference()) is not None


Alice = tuple[KeyPackages, Store]


def test_the_first_lot_is_whole_and_its_private_halves_are_kept(alice: Alice) -> None:
    packages, store = alice
    lot = first(packages)
    assert len(set(lot.one_time)) == KEPT_ON_SERVER
    assert lot.last_resort is not None
    assert not lot.replace
    assert all(is_kept(store, package) for package in (*lot.one_time, lot.last_resort))


@pytest.mark.parametrize(
    ("count", "made"),
    [
        (KEPT_ON_SERVER, 0),
        (TOP_UP_BELOW, 0),
        (TOP_UP_BELOW - 1, KEPT_ON_SERVER - TOP_UP_BELOW + 1),
        (2**60, 0),
    ],
)
def test_a_lot_is_made_where_few_are_left(alice: Alice, count: int, made: int) -> None:
    packages, _ = alice
    first(packages)
    lot = packages.top_up(KeyPackageCount(count, has_last_resort=True), NOW)
    assert (len(lot.one_time) if lot else 0) == made


def test_one_of_last_resort_that_the_server_has_lost_is_made_anew(alice: Alice) -> None:
    packages, _ = alice
    before = first(packages)
    lot = packages.top_up(KeyPackageCount(KEPT_ON_SERVER, has_last_resort=False), NOW)
    assert lot is not None
    assert lot.one_time == ()
    assert lot.last_resort not in (None, before.last_resort)


def test_after_a_new_generation_all_are_made_anew(alice: Alice) -> None:
    packages, _ = alice
    before = first(packages)
    lot = packages.top_up(ENOUGH, NOW, replace=True)
    assert lot is not None
    assert lot.replace
    assert len(lot.one_time) == KEPT_ON_SERVER
    assert not {*lot.one_time, lot.last_resort} & {*before.one_time, before.last_resort}


def test_private_halves_are_kept_as_long_as_an_invitation_may_still_come(alice: Alice) -> None:
    """One that was taken on its last day may let us in months later."""
    packages, store = alice
    lot = first(packages)
    day_before = NOW + ONE_TIME_KEPT_S - DAY_S
    assert ONE_TIME_KEPT_S == ONE_TIME_LIFETIME_S + 90 * DAY_S
    packages.top_up(NONE, day_before)
    assert all(is_kept(store, package) for package in lot.one_time)
    packages.top_up(NONE, day_before + 2 * DAY_S)
    assert not any(is_kept(store, package) for package in lot.one_time)


def test_the_newest_one_of_last_resort_is_kept_at_any_age(alice: Alice) -> None:
    packages, store = alice
    old = first(packages).last_resort
    assert old is not None
    renewed_at = NOW + LAST_RESORT_RENEWED_S + 1
    packages.top_up(ENOUGH, renewed_at)
    assert is_kept(store, old)
    newest = packages.top_up(ENOUGH, renewed_at + LAST_RESORT_KEPT_S + 1)
    assert newest is not None
    assert newest.last_resort is not None
    assert not is_kept(store, old)
    assert is_kept(store, newest.last_resort)


def test_a_lot_that_cannot_be_saved_is_not_uploaded(alice: Alice) -> None:
    packages, store = alice
    add = store.add_key_package
    left = [3]

    def fails(*given: object, **named: object) -> None:
        left[0] -= 1
        if not left[0]:
            raise StorageError("the disk is full")
        add(*given, **named)  # type: ignore[arg-type]

    store.add_key_package = fails  # type: ignore[method-assign]
    with pytest.raises(StorageError):
        packages.top_up(NONE, NOW)
    assert store.newest_last_resort() is None


def test_what_is_no_invitation_or_for_somebody_else_is_refused(alice: Alice) -> None:
    packages, _ = alice
    first(packages)
    for welcome in (b"", b"\x00\x01", bytes(100)):
        with pytest.raises(RemoteProtocolError):
            packages.bundle_for(welcome)
