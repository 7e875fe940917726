"""The system's lines: what a commit or proposal did, in words. Names are accounts'; nothing here decides anything."""

from coterie.client.delivery_list import newcomers
from coterie.client.happening import Event, Line
from coterie.client.room_policy import accounts_of, is_direct, leaf_identity, room_state_of
from coterie.client.room_state import RoomState
from coterie.errors import LocalProtocolError
from coterie.mls import Group, ProposalReceived
from coterie.wire.frames import Entry


def entries(count: int) -> str:
    """A number of them."""
    return "1 entry" if count == 1 else f"{count} entries"


def joined(group: Group) -> str:
    """The first line of a room that we were added to."""
    names, state = sorted(_devices(group)), room_state_of(group)
    if is_direct(state):  # only the two of us hear each other here
        return f"these are the direct messages of {_list(names)}"
    return f"you are in #{state.name} with {_list(names)}"


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
    state, state_then = room_state_of(after), room_state_of(before)
    for name in sorted(new.keys() - old.keys()):
        if not is_direct(state):  # where whoever begins them adds the other
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
    if state != state_then:
        for text in (*_settings_changes(state_then, state), *_admin_changes(before, after, author)):
            tell(Event.CHANGED, f"{author} {text}")
    return lines


def _settings_changes(old: RoomState, new: RoomState) -> list[str]:
    told = []
    if new.name != old.name:
        told.append(f"named the room {new.name}")
    if new.topic != old.topic:
        told.append(f"set the topic to: {new.topic}" if new.topic else "removed the topic")
    if new.settings.members_may_add != old.settings.members_may_add:
        who = "all members" if new.settings.members_may_add else "admins alone"
        told.append(f"let {who} add people")
    return told


def _admin_changes(before: Group, after: Group, author: str) -> list[str]:
    """A clause for each account. Of who is gone with the same commit its removal says enough."""
    old, new = set(room_state_of(before).admins), set(room_state_of(after).admins)
    told = []
    for name, key in sorted(accounts_of(after)):
        if key in new - old:
            told.append(f"made {name} an admin")
        elif key in old - new:
            made = "is" if name == author else f"made {name} a member who is"
            told.append(f"{made} no longer an admin")
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
