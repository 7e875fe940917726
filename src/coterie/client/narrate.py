"""The system's lines: what a commit or proposal did, in words. Names are accounts'; nothing here decides anything."""

from coterie.client.delivery_list import newcomers
from coterie.client.happening import Event, Line
from coterie.client.room_policy import leaf_identity, room_state_of
from coterie.client.room_state import RoomState
from coterie.errors import LocalProtocolError
from coterie.mls import Group, ProposalReceived
from coterie.wire.frames import Entry


def entries(count: int) -> str:
    """A number of them."""
    return "1 entry" if count == 1 else f"{count} entries"


def joined(group: Group) -> str:
    """The first line of a room that we were added to."""
    names = sorted(_devices(group))
    return f"you are in #{room_state_of(group).name} with {_list(names)}"


def proposal(received: ProposalReceived) -> str:
    """The line of a standing proposal: rooms know two, leaving and rejoining."""
    if received.new_member is not None:
        return f"{leaf_identity(received.new_member).name} asks to be added anew"
    if received.sender_leaf is None:
        raise LocalProtocolError("a proposal that is none of a room's")
    return f"{leaf_identity(received.sender_leaf).name} is leaving"


def changes(before: Group, after: Group, entry: Entry, author: str) -> list[Line]:
    """A line for each change that ``author``'s commit made, none for one that only healed."""
    lines: list[Line] = []

    def tell(event: Event, text: str) -> None:
        lines.append(Line(entry.seq, entry.message_id, event, text))

    old, new, came = _devices(before), _devices(after), newcomers(before, after)
    for name in sorted(new.keys() - old.keys()):
        tell(Event.ADDED, f"{author} added {name}")
    for name in sorted(old.keys() - new.keys()):
        tell(
            Event.REMOVED,
            f"{name} left"
            if name != author and _left(before, name)
            else f"{author} removed {name}",
        )
    for name in sorted(old.keys() & new.keys()):
        for device in sorted(new[name] - old[name]):
            tell(Event.DEVICE, f"{author} added {name}'s device {device.hex()[:8]}")
        for device in sorted(old[name] & new[name] & came):
            tell(Event.DEVICE, f"{author} added {name}'s device {device.hex()[:8]} anew")
        for device in sorted(old[name] - new[name]):
            tell(Event.DEVICE, f"{author} removed {name}'s device {device.hex()[:8]}")
    state, state_then = room_state_of(after), room_state_of(before)
    if state != state_then:
        for text in _state_changes(state_then, state):
            tell(Event.CHANGED, f"{author} {text}")
    return lines


def _state_changes(old: RoomState, new: RoomState) -> list[str]:
    told = []
    if new.name != old.name:
        told.append(f"named the room {new.name}")
    if new.topic != old.topic:
        told.append(f"set the topic to: {new.topic}" if new.topic else "removed the topic")
    if set(new.admins) != set(old.admins):
        told.append("changed who the admins are")
    if new.settings != old.settings:
        told.append("changed the settings")
    return told


def _left(before: Group, name: str) -> bool:
    """Whether that account had proposed its own removal."""
    leaves = {m.leaf_index: leaf_identity(m.leaf_node).name for m in before.members()}
    return any(leaves.get(index) == name for index in before.leaving)


def _devices(group: Group) -> dict[str, set[bytes]]:
    devices: dict[str, set[bytes]] = {}
    for member in group.members():
        found = leaf_identity(member.leaf_node)
        devices.setdefault(found.name, set()).add(found.device)
    return devices


def _list(names: list[str]) -> str:
    return ", ".join(names[:-1]) + " and " + names[-1] if len(names) > 1 else "".join(names)
