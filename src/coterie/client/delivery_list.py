"""What a commit does to the server's delivery list: PROTOCOL.md section 2, "Delivery list"."""

from coterie.client.room_policy import leaf_identity, room_state_of
from coterie.mls import Group, LeafNode
from coterie.mls.leaf_node import LeafNodeSource
from coterie.wire.frames import ListChange


def change_of(before: Group, after: Group) -> ListChange:
    """As much as this device may ask for: who is no keeper adds devices, and takes off those of its own account."""
    old, new = _devices(before), _devices(after)
    me = leaf_identity(before.own_leaf)
    is_keeper = me.account_key in room_state_of(before).admins
    gone = {
        device
        for device in old.keys() - new.keys()
        if is_keeper or leaf_identity(old[device]).account_key == me.account_key
    }
    keepers, keepers_after = _admins(before), _admins(after)
    return ListChange(
        add=tuple(sorted(newcomers(before, after))),
        remove=tuple(sorted(gone)),
        add_keepers=tuple(sorted(keepers_after - keepers)) if is_keeper else (),
        remove_keepers=tuple(sorted(keepers - keepers_after)) if is_keeper else (),
    )


def newcomers(before: Group, after: Group) -> set[bytes]:
    """Devices that came by a key package: new ones, and those that were added anew."""
    old = _devices(before)
    return {
        device
        for device, leaf in _devices(after).items()
        if leaf.source is LeafNodeSource.KEY_PACKAGE
        and (device not in old or old[device].encryption_key != leaf.encryption_key)
    }


def _devices(group: Group) -> dict[bytes, LeafNode]:
    return {leaf_identity(m.leaf_node).device: m.leaf_node for m in group.members()}


def _admins(group: Group) -> set[str]:
    """Names of the accounts that are admins and have a leaf."""
    admins = set(room_state_of(group).admins)
    found = (leaf_identity(m.leaf_node) for m in group.members())
    return {leaf.name for leaf in found if leaf.account_key in admins}
