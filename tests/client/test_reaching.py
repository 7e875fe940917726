"""How a profile reaches its server, changed."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from coterie.client import account as accounts
from coterie.client.backend import open_backend
from coterie.client.custody import Custody
from coterie.client.profile import Profile
from coterie.client.reaching import reach
from coterie.client.running import open_store
from coterie.errors import NotAuthenticated, ServerNotTrusted, StorageError, Unavailable
from coterie.identity import AccountKey
from coterie.noise.dh import FFDHE2048
from coterie.wire.invite import Address
from coterie.wire.tls import Trust
from tests.asynchronous import asynchronous
from tests.client.house import House, house_in

NEW = Address("moved.test", 7617, Trust("AUTHORITIES", (b"p" * 32,)))


def kept(folder: Path) -> Address:
    """Where the profile goes now."""
    with Profile.open(folder) as profile:
        store = open_store(profile)
        found = accounts.load(store)
        store.close()
    assert found is not None
    assert found[1]
    return found[0].address


@asynchronous
async def test_the_server_is_tried_there_and_the_address_kept(tmp_path: Path) -> None:
    async with house_in(tmp_path) as house:
        folder = house.person("alice").make_profile(tmp_path / "a")
        assert await reach(folder, NEW, house.seams) == "alice"
        assert house.network.attempts[-1] == NEW
        assert house.connections[-1].is_closed_in_order
        assert kept(folder) == NEW
        async with open_backend(folder, seams=house.seams):
            pass
        assert house.network.attempts[-1] == NEW
        plain = replace(NEW, tls=None)
        await reach(folder, plain, house.seams)
        assert kept(folder) == plain


def go_away(house: House) -> None:
    house.is_down = True


def be_another(house: House) -> None:
    house.static = FFDHE2048.generate()


@pytest.mark.parametrize(
    ("change", "error"), [(go_away, Unavailable), (be_another, ServerNotTrusted)]
)
@asynchronous
async def test_nothing_is_changed_where_the_server_is_not_there(
    tmp_path: Path, change: Callable[[House], None], error: type[Exception]
) -> None:
    async with house_in(tmp_path) as house:
        folder = house.person("alice").make_profile(tmp_path / "a")
        before = kept(folder)
        change(house)
        with pytest.raises(error):
            await reach(folder, NEW, house.seams)
        assert kept(folder) == before


@asynchronous
async def test_nothing_is_changed_where_the_device_is_unknown(tmp_path: Path) -> None:
    async with house_in(tmp_path) as house:
        stranger = house.person_with("mallory", AccountKey.generate(), is_on_server=False)
        folder = stranger.make_profile(tmp_path / "m")
        before = kept(folder)
        with pytest.raises(NotAuthenticated):
            await reach(folder, NEW, house.seams)
        assert kept(folder) == before


@asynchronous
async def test_profile_in_use_or_without_an_account_is_told(tmp_path: Path) -> None:
    async with house_in(tmp_path) as house:
        folder = house.person("alice").make_profile(tmp_path / "a")
        with Profile.open(folder), pytest.raises(StorageError, match="in use") as raised:
            await reach(folder, NEW, house.seams)
        assert "end that process" in raised.value.hint
        Profile.create(tmp_path / "empty", Custody.FILE).close()
        with pytest.raises(StorageError, match="no account yet"):
            await reach(tmp_path / "empty", NEW, house.seams)
