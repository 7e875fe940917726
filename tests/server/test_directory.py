"""Key packages: each handed out once, and none that is too old."""

from coterie.server.store import Store
from coterie.wire import frames as f
from tests.server.people import (
    NOW,
    Person,
)


def test_one_time_key_package_is_handed_out_once_and_then_the_last_resort(store: Store) -> None:
    device = Person("anna").register(store).first.device

    def take() -> list[tuple[bytes, bool]]:
        taken = store.do(lambda t: t.directory.take_key_packages("anna"), NOW)
        return [(p.key_package, p.last_resort) for p in taken.key_packages]

    assert take() == []
    answer = store.do(
        lambda t: t.directory.add_key_packages(device, (b"1", b"2"), b"last", replace=False), NOW
    )
    assert answer == f.KeyPackageCount(2, has_last_resort=True)
    assert take() == [(b"1", False)]
    assert take() == [(b"2", False)]
    assert take() == take() == [(b"last", True)]
    store.do(lambda t: t.directory.add_key_packages(device, (), b"newer", replace=False), NOW)
    assert take() == [(b"newer", True)]


def test_key_packages_are_kept_up_to_the_limit_and_replaced_on_demand(store: Store) -> None:
    device = Person("anna").register(store).first.device
    many = tuple(str(n).encode() for n in range(100))

    def add(*packages: bytes, replace: bool = False) -> int:
        done = store.do(
            lambda t: t.directory.add_key_packages(device, packages, None, replace=replace), NOW
        )
        assert isinstance(done, f.KeyPackageCount)
        return done.one_time

    assert add(*many) == 100
    assert add(b"more") == 100
    assert add(b"new", replace=True) == 1
    taken = store.do(lambda t: t.directory.take_key_packages("anna"), NOW)
    assert taken.key_packages[0].key_package == b"new"


def test_old_one_time_key_packages_are_neither_counted_nor_handed_out(store: Store) -> None:
    """They filled the store, so that the device brought no new ones, and all got the one of last resort."""
    device = Person("anna").register(store).first.device
    many = tuple(str(n).encode() for n in range(100))
    store.do(lambda t: t.directory.add_key_packages(device, many, b"last", replace=False), NOW)
    later = NOW + 91 * 86_400
    none = f.KeyPackageCount(0, has_last_resort=True)
    assert store.reading.count_key_packages(device, later) == none
    taken = store.do(lambda t: t.directory.take_key_packages("anna"), later)
    assert taken.key_packages[0].last_resort
    fresh = store.do(
        lambda t: t.directory.add_key_packages(device, (b"fresh",), None, replace=False), later
    )
    assert fresh.one_time == 1
