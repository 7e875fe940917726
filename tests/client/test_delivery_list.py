"""What a commit does to the server's delivery list: no more than the server lets this device ask for."""

import msgspec

from coterie.client.delivery_list import change_of, newcomers
from coterie.client.intent import Change, Leave
from coterie.wire.frames import ListChange
from tests.client.people import Device, Reader, new_device, new_room, room_of

NOTHING = ListChange()


def ids(*devices: Device) -> tuple[bytes, ...]:
    return tuple(sorted(device.id for device in devices))


def committed(reader: Reader, change: Change) -> ListChange:
    """The list change of the reader's commit."""
    reader.want(change)
    reader.catch_up()
    reader.seal()
    assert reader.log.pending is not None
    sealed = reader.log.outbox[0].sealed
    assert sealed is not None
    assert sealed.list_change == change_of(reader.group, reader.log.pending.group)
    return change_of(reader.group, reader.log.pending.group)


def test_healing_changes_nothing() -> None:
    _, (alice, bobb) = new_room("alice", "bobb")
    assert committed(alice, Change()) == NOTHING
    assert committed(bobb, Change()) == NOTHING


def test_keeper_adds_and_takes_off() -> None:
    room, (alice, bobb, _) = new_room("alice", "bobb", "carol")
    dave, erin = new_device("dave"), new_device("erin")
    change = Change(adds=(room.newcomer(dave), room.newcomer(erin)), removes=("bobb",))
    assert committed(alice, change) == ListChange(add=ids(dave, erin), remove=ids(bobb.device))


def test_new_admins_keep_the_list_and_former_ones_do_not() -> None:
    room, (alice, bobb, carol) = new_room("alice", "bobb", "carol", admins=2)
    admins = (alice.device.account_key, carol.device.account_key)
    change = Change(room_state=msgspec.structs.replace(alice.state, admins=admins))
    assert committed(alice, change) == ListChange(add_keepers=("carol",), remove_keepers=("bobb",))
    room.settle()
    assert bobb.state.admins == admins


def test_admin_that_is_removed_keeps_the_list_no_more() -> None:
    _, (alice, bobb) = new_room("alice", "bobb", admins=2)
    assert committed(alice, Change(removes=("bobb",))) == ListChange(
        remove=ids(bobb.device), remove_keepers=("bobb",)
    )


def test_admin_without_a_leaf_is_a_keeper_once_he_is_added() -> None:
    room, (alice, _) = new_room("alice", "bobb")
    dave = new_device("dave")
    admins = (*alice.state.admins, dave.account_key)
    state = msgspec.structs.replace(alice.state, admins=admins)
    assert committed(alice, Change(room_state=state)) == NOTHING
    room.settle()
    assert committed(alice, Change(adds=(room.newcomer(dave),))) == ListChange(
        add=ids(dave), add_keepers=("dave",)
    )


def test_who_is_no_keeper_does_not_take_off_who_leaves() -> None:
    """He takes himself off when he has read the commit; the server would refuse the whole post."""
    room, (alice, bobb, carol) = new_room("alice", "bobb", "carol")
    bobb.want(Leave())
    room.settle()
    assert committed(carol, Change()) == NOTHING
    assert committed(alice, Change()) == ListChange(remove=ids(bobb.device))


def test_who_is_no_keeper_takes_off_devices_of_his_own_account() -> None:
    laptop = new_device("bobb")
    phone = new_device("bobb", laptop.account, number=2)
    room, (_, bobb, second) = room_of([new_device("alice"), laptop, phone])
    second.want(Leave())
    room.settle()
    assert committed(bobb, Change()) == ListChange(remove=ids(phone))


def test_device_that_is_added_anew_is_a_newcomer_and_not_taken_off() -> None:
    _, (alice, _, carol) = new_room("alice", "bobb", "carol")
    carol.append_rejoin()
    assert committed(alice, Change()) == ListChange(add=ids(carol.device))


def test_who_healed_is_no_newcomer() -> None:
    room, (alice, bobb) = new_room("alice", "bobb")
    before = alice.group
    bobb.want(Change())
    room.settle()
    assert alice.group.epoch == before.epoch + 1
    assert newcomers(before, alice.group) == set()
