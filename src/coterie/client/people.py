"""Other accounts as this client believes in them: pins, device lists, whom it adds. PROTOCOL.md section 3.

Nothing here decides whether an entry of a log counts; it decides whom we send to and whom we add.
"""

from dataclasses import replace
from typing import TYPE_CHECKING

from coterie import identity
from coterie.client.device import Enrolled
from coterie.client.intent import Newcomer
from coterie.client.room_policy import leaf_identity
from coterie.client.store import KnownAccount, Store
from coterie.errors import CoterieError, InvalidInput, RemoteProtocolError, RuleViolation
from coterie.identity import ChangedKey, PinnedHow
from coterie.mls import Group, KeyPackage, suite_of
from coterie.wire.frames import DeviceKeyPackage, KeyPackages, SignedDocument
from coterie.wire.signed import DeviceList, open_device_list

if TYPE_CHECKING:
    from collections.abc import Callable


class KeyChanged(CoterieError):
    """An account came with another key than the pinned one."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"the key of {name} is not the one that this device knows",
            hint=f"compare safety numbers (`coterie verify {name}`), then `coterie acknowledge @{name}`",
        )
        self.name = name


class People:
    """Everybody whom this device has met."""

    def __init__(self, store: Store, account: Enrolled) -> None:
        self._store = store
        self._account = account
        self.version = 0  # another one after each change of what is held
        self._changed: dict[str, int] = {}  # since the start: names, and the version in which
        self.on_changed: Callable[[], object] = lambda: None

    def meet(self, group: Group, before: Group | None, by: str, now: float) -> list[str]:
        """Pins the accounts of a room; the names of those that come now with another key than the pinned one.

        Who was brought in is vouched for by ``by``, the account that did it, if we know *its* key by more than the
        directory's word: else a server could make a whole room of accounts that vouch for each other. Inside the
        transaction that brought them in.
        """
        voucher = self._store.account(by)
        is_vouched = voucher is not None and voucher.pin.how is not PinnedHow.BELIEVED
        there = _accounts(before).keys() if before is not None else ()
        changed = []
        for name, key in sorted(_accounts(group).items()):
            if name == self._account.name:
                continue
            known = self._store.account(name)
            is_brought = is_vouched and name != by and name not in there
            how = PinnedHow.MET if is_brought else PinnedHow.BELIEVED
            is_pinned = self._pin(name, key, how, now)
            if not is_pinned and known is not None and known.changed_key != key:
                changed.append(name)
        self._hear_of_lists(group)
        return changed

    def _hear_of_lists(self, group: Group) -> None:
        """ "Who sees a certificate with a higher list version adds nobody of that account until it has that list."

        Else a server that keeps the new list back could have a device added that is no longer on it.
        """
        newest: dict[tuple[str, bytes], int] = {}
        for member in group.members():
            leaf = leaf_identity(member.leaf_node)
            account = (leaf.name, leaf.account_key)
            newest[account] = max(newest.get(account, 0), leaf.list_version)
        for (name, key), version in newest.items():
            known = self._store.account(name)
            if known is not None and known.pin.account_key == key and known.list_version < version:
                self._save(replace(known, list_version=version))

    def strangers(self, group: Group) -> list[str]:
        """Members whose key is not the pinned one: nothing is sent to them until a person has acknowledged it."""
        return [
            name
            for name, key in sorted(_accounts(group).items())
            if name != self._account.name
            and (known := self._store.account(name)) is not None
            and known.pin.account_key != key
        ]

    def changed_in(self, group: Group) -> int:
        """The version in which what is held of one of its accounts changed last; 0 for not since the start."""
        if not self._changed:
            return 0
        return max(self._changed.get(name, 0) for name in _accounts(group))

    def believe(self, name: str, signed: SignedDocument, now: float) -> DeviceList:
        """The device list that the directory gave for ``name``, kept if it is the newest.

        Raises KeyChanged; RemoteProtocolError for what is no list of that account.
        """
        device_list = open_device_list(signed)
        if device_list.name != name:
            raise RemoteProtocolError(f"the server gave another account's device list for {name}")
        with self._store.transaction():
            is_pinned = self._pin(name, device_list.account_key, PinnedHow.BELIEVED, now)
            known = self._store.account(name)
            if is_pinned and known is not None:
                held = open_device_list(known.device_list) if known.device_list else None
                newest = identity.highest_list(held, device_list)
                if newest is device_list:
                    version = max(known.list_version, device_list.version)
                    self._save(replace(known, list_version=version, device_list=signed))
        if not is_pinned:
            raise KeyChanged(name)
        return newest

    def newcomers(
        self, name: str, given: KeyPackages, suite: int, now: float
    ) -> tuple[Newcomer, ...]:
        """The devices of an account that can be added, each with a key package that was checked.

        Raises KeyChanged, InvalidInput where there is none, RemoteProtocolError where the server gave what is not
        the account's.
        """
        device_list = self.believe(name, given.device_list, now)
        if device_list.version < self._known(name).list_version:
            raise RuleViolation("device-list-old", f"of {name}: a room has seen a newer one")
        if len({one.device for one in given.key_packages}) != len(given.key_packages):
            raise RemoteProtocolError(f"the server gave a device of {name} twice")
        found = tuple(
            self._newcomer(name, one, device_list, suite, now) for one in given.key_packages
        )
        if not found:
            raise InvalidInput(
                f"{name} has no device that can be added now",
                hint="one of them must come online once, to leave new key packages",
            )
        return found

    def _newcomer(
        self, name: str, given: DeviceKeyPackage, device_list: DeviceList, suite: int, now: float
    ) -> Newcomer:
        package = KeyPackage.from_bytes(given.key_package)
        package.validate(suite_of(suite))
        leaf = leaf_identity(package.leaf_node)
        if leaf.device != given.device or not identity.is_listed(leaf, device_list):
            raise RuleViolation("device-not-listed", f"of {name}")
        if identity.needs_newer_list(leaf, device_list):
            raise RuleViolation("device-list-old", f"of {name}: the certificate names a newer one")
        identity.check_dates(leaf, now)
        lifetime = package.leaf_node.lifetime
        if lifetime is None or not lifetime.not_before <= now <= lifetime.not_after:
            raise InvalidInput(
                f"the key package of {name}'s device {given.device.hex()[:8]} is out of date",
                hint="that device must come online once; check this machine's clock too",
            )
        return Newcomer(name, given.device, given.key_package)

    def known(self, name: str) -> KnownAccount | None:
        """What is held of an account."""
        return self._store.account(name)

    def safety_number(self, name: str) -> str:
        """60 digits in groups of five, for the newest key seen of ``name``. Raises InvalidInput for a stranger."""
        known = self._known(name)
        key = known.changed_key or known.pin.account_key
        mine = self._account
        return identity.safety_number(mine.name, mine.account_public_key, name, key)

    def compared(self, name: str, now: float) -> PinnedHow:
        """A person has compared the safety number: the key is pinned so."""
        return self._accept(name, PinnedHow.COMPARED, now)

    def acknowledge(self, name: str, now: float) -> PinnedHow:
        """A person takes the changed key without having compared it."""
        if self._known(name).changed_key is None:
            raise InvalidInput(f"the key of {name} has not changed")
        return self._accept(name, PinnedHow.BELIEVED, now)

    def _accept(self, name: str, how: PinnedHow, now: float) -> PinnedHow:
        known = self._known(name)
        if known.changed_key is not None:
            changed = ChangedKey(known.pin, known.changed_key)
            pin = identity.acknowledge(changed, how=how, now=now)
            known = KnownAccount(pin, None, 0, None)  # the old key's list says nothing any more
        else:
            pinned = identity.pin_on_meeting(
                known.pin, name=name, account_key=known.pin.account_key, how=how, now=now
            )
            if isinstance(pinned, identity.Pin):
                known = replace(known, pin=pinned)
        with self._store.transaction():
            self._save(known)
        return known.pin.how

    def _save(self, known: KnownAccount) -> None:
        self.version += 1  # also where the transaction then fails: to look again does no harm
        self._changed[known.pin.name] = self.version
        self._store.save_account(known)
        self.on_changed()

    def _known(self, name: str) -> KnownAccount:
        known = self._store.account(name)
        if known is None:
            raise InvalidInput(f"this device has not met {name}")
        return known

    def _pin(self, name: str, key: bytes, how: PinnedHow, now: float) -> bool:
        """False where the account came with another key than the pinned one; that is kept, to be acknowledged."""
        known = self._store.account(name)
        held = known.pin if known else None
        pinned = identity.pin_on_meeting(held, name=name, account_key=key, how=how, now=now)
        if isinstance(pinned, ChangedKey):
            if known is not None and known.changed_key != key:
                self._save(replace(known, changed_key=key))
            return False
        if pinned != held:
            self._save(replace(known, pin=pinned) if known else KnownAccount(pinned, None, 0, None))
        return True


def _accounts(group: Group) -> dict[str, bytes]:
    found = (leaf_identity(member.leaf_node) for member in group.members())
    return {leaf.name: leaf.account_key for leaf in found}
