"""Invites, accounts, devices."""

import sqlite3
from pathlib import Path
from secrets import token_bytes

import pytest
from sqlalchemy import Connection, event, insert

from coterie.errors import Refused
from coterie.server import schema
from coterie.server.database import FILE as DATABASE
from coterie.server.database import driver
from coterie.server.store import Store
from coterie.server.writing import Transaction
from coterie.wire import frames as f
from coterie.wire.signed import DeviceCertificate, DeviceList
from tests.server.people import (
    GROUP,
    NOW,
    Device,
    Person,
    Writer,
    count,
)
from tests.server.statements import statements


def test_revoked_device_is_known_as_such_and_takes_its_key_packages_and_inbox_along(
    store: Store, anna: Writer
) -> None:
    ben = Person("ben").register(store)
    phone = ben.add_device(store)
    store.do(
        lambda t: t.directory.add_key_packages(phone.device, (b"one",), b"last", replace=False), NOW
    )
    change, welcome = f.ListChange(add=(phone.device,)), f.WelcomeFor(b"welcome", (phone.device,))
    anna.accepted(anna.post(f.Kind.COMMIT, after=0, change=change, welcome=welcome))
    signed, listed = ben.device_list(ben.first, version=3)
    done = store.batch([lambda t: t.accounts.replace_device_list(signed, listed, None)], NOW)
    assert done.news.revoked == {phone.device}
    row = store.reading.device(phone.device)
    assert row is not None
    assert row.is_revoked
    assert [count(store, name) for name in ("inbox", "welcome", "key_package")] == [0, 0, 0]
    assert store.do(lambda t: t.directory.take_key_packages("ben"), NOW).key_packages == ()


def test_list_that_revokes_nobody_deletes_nothing(store: Store) -> None:
    """Each such list made the only writer look at every Welcome that there was."""
    ben = Person("ben").register(store)
    with statements() as seen:
        ben.replace_list(store, ben.first)
    assert [text for text in seen if text.startswith("DELETE")] == []


def test_device_is_revoked_however_many_welcomes_wait_for_it(store: Store, anna: Writer) -> None:
    """More of them than SQLite takes values in a statement; one that waits for another device too stays."""

    def limit(connection: Connection) -> None:
        driver(connection).setlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, 1_100)

    event.listen(store._engine, "begin", limit)
    ben = Person("ben").register(store)
    phone = ben.add_device(store)
    waiting = range(1, 3_001)

    def fill(t: Transaction) -> None:
        t._connection.execute(insert(schema.welcome), [{"id": n, "welcome": b""} for n in waiting])
        items = [(phone, n) for n in waiting] + [(ben.first, 1)]
        t._connection.execute(
            insert(schema.inbox),
            [
                {"group_id": GROUP, "sender": anna.device.device, "welcome_id": n, "number": n}
                | {"device": one.device}
                for one, n in items
            ],
        )

    store.do(fill, NOW)
    ben.replace_list(store, ben.first)
    assert (count(store, "inbox"), count(store, "welcome")) == (1, 1)
    assert [item.number for item in store.reading.inbox(ben.first.device, 0)[0].items] == [1]


def test_device_list_goes_on_by_one_under_the_same_key_with_devices_that_are_known(
    store: Store,
) -> None:
    ben, mallory = Person("ben").register(store), Person("ben")
    phone, tablet = Device("ben"), Device("ben")

    def refusal(who: Person, *devices: Device, version: int, new: Device | None = None) -> str:
        signed, listed = who.device_list(*devices, version=version)
        certificate = who.certificate(new, version=version)[1] if new else None
        with pytest.raises(Refused) as raised:
            replace_list(store, signed, listed, certificate)
        return str(raised.value)

    assert "next is 2" in refusal(ben, ben.first, version=1)
    assert "next is 2" in refusal(ben, ben.first, version=3)
    assert "not under this account's key" in refusal(mallory, ben.first, version=2)
    assert "unknown or was revoked" in refusal(ben, ben.first, phone, version=2)
    assert "unknown or was revoked" in refusal(ben, ben.first, phone, tablet, version=2, new=phone)
    other_key = Device("ben", ben.first.device)
    assert "unknown or was revoked" in refusal(ben, other_key, version=2)
    assert "id is in use" in refusal(ben, other_key, version=2, new=other_key)
    ben.replace_list(store, ben.first, phone, new=phone)
    ben.replace_list(store, ben.first)
    assert "unknown or was revoked" in refusal(ben, ben.first, phone, version=4)


def replace_list(
    store: Store,
    signed: f.SignedDocument,
    listed: DeviceList,
    certificate: DeviceCertificate | None,
) -> f.Done:
    """As a connection does that is unlocked."""
    done: f.Done = store.do(
        lambda t: t.accounts.replace_device_list(signed, listed, certificate), NOW
    )
    return done


def test_certificate_that_does_not_belong_to_the_list_is_refused(store: Store) -> None:
    ben, mallory = Person("ben").register(store), Person("ben")
    phone = Device("ben")
    signed, listed = ben.device_list(ben.first, phone, version=2)
    for wrong in (
        mallory.certificate(phone, version=2)[1],
        ben.certificate(phone, version=3)[1],
    ):
        with pytest.raises(Refused, match="do not agree"):
            replace_list(store, signed, listed, wrong)


def test_invite_is_used_up_and_expires(store: Store) -> None:
    def check(token: bytes, now: float) -> None:
        store.reading.check_registration(token, "carl", now)

    token = token_bytes(16)
    store.do(lambda t: t.accounts.create_invite(token, 1, 60.0), NOW)
    check(token, NOW + 60)
    for wrong, now in ((token, NOW + 61), (token_bytes(16), NOW)):
        with pytest.raises(Refused, match="unknown, spent or expired"):
            check(wrong, now)
    Person("anna").register(store, token=token)
    with pytest.raises(Refused, match="unknown, spent or expired"):
        check(token, NOW)


def test_token_is_not_in_the_database(store: Store, tmp_path: Path) -> None:
    token = token_bytes(16)
    store.do(lambda t: t.accounts.create_invite(token, 1, 60.0), NOW)
    store.idle()
    assert token not in (tmp_path / DATABASE).read_bytes()
