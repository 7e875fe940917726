"""A device's account, as its profile keeps it."""

from dataclasses import replace
from pathlib import Path

import msgspec

from coterie.client import account as accounts
from coterie.client.account import new_leaf
from coterie.client.key_packages import KeyPackages
from coterie.client.room_policy import leaf_identity
from coterie.client.store import Store
from coterie.mls import KeyPackage
from coterie.wire.frames import KeyPackageCount
from coterie.wire.tls import Trust
from tests.asynchronous import asynchronous
from tests.client.house import house_in, open_database

NOW = 1_800_000_000.0


def test_a_profile_without_an_account_has_none(tmp_path: Path) -> None:
    store = Store(open_database(tmp_path))
    assert accounts.load(store) is None
    store.close()


@asynchronous
async def test_an_account_comes_back_as_it_was_saved_and_whether_it_is_made(tmp_path: Path) -> None:
    async with house_in(tmp_path) as house:
        alice = house.person("alice")
        store = alice.open_store()
        for is_made in (False, True):
            accounts.save(store, alice.account, is_made=is_made)
            assert accounts.load(store) == (alice.account, is_made)
        store.close()


@asynchronous
async def test_what_is_trusted_of_tls_comes_back_too(tmp_path: Path) -> None:
    async with house_in(tmp_path) as house:
        alice = house.person("alice")
        store = alice.open_store()
        for tls in (Trust(), Trust("AUTHORITIES", (b"p" * 32, b"q" * 32)), None):
            address = replace(alice.account.address, tls=tls)
            account = replace(alice.account, address=address)
            accounts.save(store, account, is_made=True)
            assert accounts.load(store) == (account, True)
        store.close()


@asynchronous
async def test_an_account_from_before_there_was_tls_has_none(tmp_path: Path) -> None:
    async with house_in(tmp_path) as house:
        alice = house.person("alice")
        store = alice.open_store()
        accounts.save(store, alice.account, is_made=True)
        row = msgspec.msgpack.decode(store.get("account") or b"")
        store.put("account", msgspec.msgpack.encode(row[:-3]))
        assert accounts.load(store) == (alice.account, True)
        store.close()


@asynchronous
async def test_a_leaf_of_the_account_is_that_devices(tmp_path: Path) -> None:
    async with house_in(tmp_path) as house:
        alice = house.person("alice")
        store = alice.open_store()
        lot = KeyPackages(store, alice.account, 1).top_up(
            KeyPackageCount(50, has_last_resort=False), NOW
        )
        assert lot is not None
        assert lot.last_resort is not None
        store.close()
    found = leaf_identity(KeyPackage.from_bytes(lot.last_resort).leaf_node)
    mine = alice.account
    assert (found.name, found.device, found.account_key) == (
        "alice",
        mine.device,
        mine.account_public_key,
    )
    assert new_leaf(mine).signature_private == mine.device_key
