"""A Welcome, opened with a key package of this device and judged by itself: PROTOCOL.md section 2, "Newcomers"."""

from dataclasses import dataclass

from coterie.client.key_packages import KeyPackages
from coterie.client.position import EXTENSION_TYPE as POSITION_EXTENSION
from coterie.client.position import Position
from coterie.client.position import decode as decode_position
from coterie.client.room_policy import ROOM_POLICY, check_joined, leaf_identity, room_state_of
from coterie.errors import RuleViolation
from coterie.identity import LeafIdentity
from coterie.mls import Group, KeyPackageBundle, join
from coterie.mls.extension import find_extension
from coterie.secret import Secret

MAX_SEQ = 2**63 - 1  # of an entry, in frames and in the database


@dataclass(frozen=True, slots=True)
class Invitation:
    """The group as the Welcome brings it; whether the device joins it is not said yet."""

    group: Group
    begins: Position
    by: LeafIdentity  # who signed it
    bundle: KeyPackageBundle
    is_last_resort: bool

    @property
    def room_id(self) -> bytes:
        """The room that lives in the group."""
        return room_state_of(self.group).room_id


def open_invitation(welcome: bytes, key_packages: KeyPackages, device_key: Secret) -> Invitation:
    """Raises RemoteProtocolError where it is not for this device, does not open or breaks a rule."""
    bundle, is_last_resort = key_packages.bundle_for(welcome)
    opened = join(welcome, bundle, device_key, policy=ROOM_POLICY)
    check_joined(opened.group)
    begins = find_extension(opened.group_info_extensions, POSITION_EXTENSION)
    if begins is None:
        raise RuleViolation("welcome-position", "it does not say where the newcomer begins")
    position = decode_position(begins)
    if position.seq >= MAX_SEQ:
        raise RuleViolation("welcome-position", "the newcomer begins where no log can be")
    signer = leaf_identity(opened.signer_leaf)
    return Invitation(opened.group, position, signer, bundle, is_last_resort)
