"""Whom this client believes: pins, device lists, and who can be added."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from msgspec import structs

from coterie import identity
from coterie.client.key_packages import DAY_S, ONE_TIME_LIFETIME_S
from coterie.client.key_packages import KeyPackages as Maker
from coterie.client.people import KeyChanged, People
from coterie.errors import InvalidInput, RemoteProtocolError, RuleViolation
from coterie.identity import AccountKey, PinnedHow
from coterie.mls import Extension, Group
from coterie.secret import Secret
from coterie.wire.frames import DeviceKeyPackage, KeyPackageCount, KeyPackages
from coterie.wire.signed import open_device_list
from tests.client import people
from tests.client.house import FAST, House
from tests.client.house import Person as Somebody

NOW = 1_800_000_000.0
NONE = KeyPackageCount(0, has_last_resort=False)


class Scene:
    """Alice's People, and others as the directory shows them."""

    def __init__(self, folder: Path) -> None:
        self.house = House(folder)
        self.alice = self.house.person("alice")
        self.store = self.alice.open_store()
        self.people = People(self.store, self.alice.account)

    def somebody(self, name: str, key: bytes = b"k") -> Somebody:
        return self.house.person_with(name, AccountKey(Secret(key * 32)), is_on_server=False)

    def given(self, who: Somebody) -> KeyPackages:
        """As the server answers."""
        store = who.open_store()
        lot = Maker(store, who.account, FAST).top_up(NONE, NOW)
        store.close()
        assert lot is not None
        one = DeviceKeyPackage(who.account.device, lot.one_time[0], last_resort=False)
        return KeyPackages(who.account.device_list, (one,))

    def add(self, name: str, given: KeyPackages, now: float = NOW) -> list[bytes]:
        return [n.device for n in self.people.newcomers(name, given, FAST, now)]

    def close(self) -> None:
        self.store.close()
        self.house.shared.store.close()


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    made = Scene(tmp_path)
    yield made
    made.close()


def test_an_account_of_the_directory_is_believed_and_marked(scene: Scene) -> None:
    bobb = scene.somebody("bobb")
    assert scene.add("bobb", scene.given(bobb)) == [bobb.account.device]
    known = scene.people.known("bobb")
    assert known is not None
    assert (known.pin.how, known.list_version) == (PinnedHow.BELIEVED, 1)


def test_another_key_is_told_and_kept_to_be_acknowledged(scene: Scene) -> None:
    first, second = scene.somebody("bobb", b"1"), scene.somebody("bobb", b"2")
    scene.people.believe("bobb", first.account.device_list, NOW)
    before = scene.people.safety_number("bobb")
    for _ in range(2):
        with pytest.raises(KeyChanged):
            scene.people.believe("bobb", second.account.device_list, NOW)
    assert scene.people.safety_number("bobb") != before
    assert scene.people.acknowledge("bobb", NOW) is PinnedHow.BELIEVED
    scene.people.believe("bobb", second.account.device_list, NOW)
    with pytest.raises(KeyChanged):
        scene.people.believe("bobb", first.account.device_list, NOW)
    assert scene.people.compared("bobb", NOW) is PinnedHow.COMPARED
    with pytest.raises(InvalidInput, match="has not changed"):
        scene.people.acknowledge("bobb", NOW)


def test_each_change_of_what_is_held_makes_another_version(scene: Scene) -> None:
    """What was worked out from the pins is worked out anew."""
    first, second = scene.somebody("bobb", b"1"), scene.somebody("bobb", b"2")
    versions = [scene.people.version]
    scene.people.believe("bobb", first.account.device_list, NOW)
    versions.append(scene.people.version)
    with pytest.raises(KeyChanged):
        scene.people.believe("bobb", second.account.device_list, NOW)
    versions.append(scene.people.version)
    scene.people.acknowledge("bobb", NOW)
    versions.append(scene.people.version)
    assert len(set(versions)) == len(versions)


def test_another_accounts_list_is_refused(scene: Scene) -> None:
    bobb, carol = scene.somebody("bobb"), scene.somebody("carol", b"c")
    with pytest.raises(RemoteProtocolError, match="another account's"):
        scene.people.believe("bobb", carol.account.device_list, NOW)
    given = structs.replace(scene.given(carol), device_list=bobb.account.device_list)
    with pytest.raises(RuleViolation, match="device-not-listed"):
        scene.add("bobb", given)
    assert scene.people.known("carol") is None


def test_two_lists_under_one_version_are_an_alarm_and_an_old_one_changes_nothing(
    scene: Scene,
) -> None:
    key = AccountKey(Secret(b"b" * 32))
    first, second = (
        identity.new_device(key, "bobb", device=device * 16, device_key=device * 32, now=NOW)
        for device in (b"1", b"2")
    )
    scene.people.believe("bobb", first.device_list, NOW)
    with pytest.raises(RemoteProtocolError):
        scene.people.believe("bobb", second.device_list, NOW)
    known = scene.people.known("bobb")
    assert known is not None
    assert known.device_list == first.device_list


def test_a_device_that_is_given_twice_is_refused(scene: Scene) -> None:
    given = scene.given(scene.somebody("bobb"))
    twice = structs.replace(given, key_packages=given.key_packages * 2)
    with pytest.raises(RemoteProtocolError, match="twice"):
        scene.add("bobb", twice)


def test_a_key_package_under_another_devices_name_is_refused(scene: Scene) -> None:
    given = scene.given(scene.somebody("bobb"))
    (one,) = given.key_packages
    with pytest.raises(RuleViolation, match="device-not-listed"):
        scene.add(
            "bobb",
            structs.replace(given, key_packages=(structs.replace(one, device=b"?" * 16),)),
        )


def test_a_garbled_key_package_is_refused(scene: Scene) -> None:
    given = scene.given(scene.somebody("bobb"))
    (one,) = given.key_packages
    for at in range(0, len(one.key_package), 17):
        garbled = bytearray(one.key_package)
        garbled[at] ^= 1
        bad = structs.replace(one, key_package=bytes(garbled))
        with pytest.raises(RemoteProtocolError):
            scene.add("bobb", structs.replace(given, key_packages=(bad,)))


@pytest.mark.parametrize("days", [-3.0, ONE_TIME_LIFETIME_S / DAY_S + 1])
def test_a_key_package_that_is_out_of_date_is_not_taken(scene: Scene, days: float) -> None:
    given = scene.given(scene.somebody("bobb"))
    with pytest.raises((InvalidInput, RemoteProtocolError)):
        scene.add("bobb", given, NOW + days * DAY_S)
    with pytest.raises(InvalidInput, match="no device that can be added"):
        scene.add("bobb", without_packages(given))


def without_packages(given: KeyPackages) -> KeyPackages:
    """Of an account none of whose devices has left any."""
    return structs.replace(given, key_packages=())


def test_who_was_never_met_has_no_number(scene: Scene) -> None:
    for ask in (scene.people.safety_number, lambda name: scene.people.compared(name, NOW)):
        with pytest.raises(InvalidInput, match="has not met nobody"):
            ask("nobody")


def test_both_sides_see_the_same_number(scene: Scene) -> None:
    bobb = scene.somebody("bobb")
    scene.people.believe("bobb", bobb.account.device_list, NOW)
    store = bobb.open_store()
    theirs = People(store, bobb.account)
    theirs.believe("alice", scene.alice.account.device_list, NOW)
    assert scene.people.safety_number("bobb") == theirs.safety_number("alice")
    store.close()


def test_nobody_of_an_account_is_added_by_an_older_list_than_a_certificate_in_a_room_names(
    scene: Scene,
) -> None:
    """The server could keep back the list on which a device is no more, and hand out that device's key package."""
    bobb = scene.somebody("bobb")
    given = scene.given(bobb)
    scene.add("bobb", given)
    group = _room_with_a_newer_certificate(bobb)
    with scene.store.transaction():
        assert scene.people.meet(group, None, "bobb", NOW) == []
    with pytest.raises(RuleViolation, match="device-list-old"):
        scene.add("bobb", given)
    scene.people.believe("bobb", given.device_list, NOW)  # no way round it
    with pytest.raises(RuleViolation, match="device-list-old"):
        scene.add("bobb", given)


def _room_with_a_newer_certificate(bobb: Somebody) -> Group:
    """A group of another device of his, which came by version 2 of his list."""
    device = people.new_device("bobb", AccountKey(Secret(b"k" * 32)))
    certified = identity.new_device(
        device.account,
        "bobb",
        device=device.id,
        device_key=device.leaf.signature_key,
        now=NOW,
        previous=open_device_list(bobb.account.device_list),
    )
    encoded = identity.encode_certificate(certified.certificate)
    certificate = Extension(identity.CERTIFICATE_EXTENSION, encoded)
    newer = replace(device, leaf=replace(device.leaf, extensions=(certificate,)))
    return people.Room().create(newer, people.new_state(newer)).group
