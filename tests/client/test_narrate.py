"""The system's lines: who did what, in words that a person reads."""

from collections.abc import Callable

import msgspec
import pytest

from coterie.client.happening import Event
from coterie.client.intent import Change, Leave
from coterie.client.room_state import Settings
from tests.client.people import Reader, Room, direct_room, new_device, new_room, room_of


def lines_of(
    change: Callable[[Room, Reader], Change], *names: str
) -> tuple[list[tuple[Event, str]], Room]:
    """What bobb reads of alice's commit; she reads the same of her own."""
    room, (alice, bobb, *_) = new_room("alice", "bobb", *names)
    alice.want(change(room, alice))
    alice.post()
    alice.catch_up()
    bobb.catch_up()
    assert alice.lines == bobb.lines
    return bobb.lines, room


def state(**what: object) -> Callable[[Room, Reader], Change]:
    return lambda room, alice: Change(room_state=msgspec.structs.replace(alice.state, **what))


def test_healing_is_no_line() -> None:
    assert lines_of(lambda room, alice: Change())[0] == []


def test_added_and_removed_accounts_are_lines_each() -> None:
    lines, _ = lines_of(
        lambda room, alice: Change(
            adds=(room.newcomer(new_device("erin")), room.newcomer(new_device("dave"))),
            removes=("carol",),
        ),
        "carol",
    )
    assert lines == [
        (Event.ADDED, "alice added dave"),
        (Event.ADDED, "alice added erin"),
        (Event.REMOVED, "alice removed carol"),
    ]


def test_account_with_two_devices_is_added_and_removed_in_one_line() -> None:
    laptop = new_device("carol")
    phone = new_device("carol", laptop.account, number=2)
    lines, room = lines_of(
        lambda room, alice: Change(adds=(room.newcomer(laptop), room.newcomer(phone)))
    )
    assert lines == [(Event.ADDED, "alice added carol")]
    reader = room.readers[new_device("alice").id]
    reader.want(Change(removes=("carol",)))
    reader.post()
    reader.catch_up()
    assert reader.lines[1:] == [(Event.REMOVED, "alice removed carol")]


def test_further_device_of_an_account_is_a_line_with_its_id() -> None:
    phone = new_device("bobb", new_device("bobb").account, number=2)
    lines, _ = lines_of(lambda room, alice: Change(adds=(room.newcomer(phone),)))
    assert lines == [(Event.DEVICE, f"alice added bobb's device {phone.id.hex()[:8]}")]


def test_device_that_leaves_while_its_account_stays_is_a_line_with_its_id() -> None:
    laptop = new_device("bobb")
    phone = new_device("bobb", laptop.account, number=2)
    room, (alice, _, second) = room_of([new_device("alice"), laptop, phone])
    second.want(Leave())
    room.settle()
    alice.want(Change())
    room.settle()
    assert alice.lines[-1] == (Event.DEVICE, f"alice removed bobb's device {phone.id.hex()[:8]}")


@pytest.mark.parametrize(
    ("what", "text"),
    [
        ({"name": "dev"}, "alice named the room dev"),
        ({"topic": "lunch"}, "alice set the topic to: lunch"),
        ({"settings": Settings(members_may_add=True)}, "alice let all members add people"),
        (
            {"admins": (new_device("bobb").account_key, new_device("alice").account_key)},
            "alice made bobb an admin",
        ),
    ],
    ids=["name", "topic", "settings", "admins"],
)
def test_change_of_the_room_is_a_line(what: dict[str, object], text: str) -> None:
    assert lines_of(state(**what))[0] == [(Event.CHANGED, text)]


def test_several_changes_of_the_room_are_lines_each() -> None:
    lines, room = lines_of(state(name="dev", topic="lunch"))
    assert [text for _, text in lines] == [
        "alice named the room dev",
        "alice set the topic to: lunch",
    ]
    alice = room.readers[new_device("alice").id]
    alice.want(state(topic="")(room, alice))
    alice.post()
    alice.catch_up()
    assert alice.lines[-1][1] == "alice removed the topic"


def test_each_admin_who_comes_or_goes_is_a_line() -> None:
    keys = {name: new_device(name).account_key for name in ("alice", "bobb", "carol")}
    lines, room = lines_of(state(admins=tuple(keys.values())), "carol")
    assert [text for _, text in lines] == ["alice made bobb an admin", "alice made carol an admin"]
    alice = room.readers[new_device("alice").id]
    kept = msgspec.structs.replace(alice.state, admins=(keys["alice"],))
    alice.want(Change(removes=("carol",), room_state=kept))
    alice.post()
    alice.catch_up()
    assert [text for _, text in alice.lines[2:]] == [
        "alice removed carol",
        "alice made bobb a member who is no longer an admin",
    ]


def test_admin_who_steps_down_is_said_to() -> None:
    room, (alice, bobb) = new_room("alice", "bobb", admins=2)
    rest = msgspec.structs.replace(alice.state, admins=(bobb.device.account_key,))
    alice.want(Change(room_state=rest))
    room.settle()
    assert bobb.lines == [(Event.CHANGED, "alice is no longer an admin")]


def test_who_leaves_is_said_to_leave_whoever_commits_it() -> None:
    room, (alice, bobb, carol) = new_room("alice", "bobb", "carol")
    bobb.want(Leave())
    bobb.post()
    carol.want(Change())
    room.settle()
    assert (
        alice.lines
        == carol.lines
        == [(Event.LEAVING, "bobb is leaving"), (Event.REMOVED, "bobb left")]
    )
    assert bobb.lines == [
        (Event.LEAVING, "you asked to leave; the others complete it"),
        (Event.REMOVED, "you left"),
    ]


def test_direct_messages_begin_with_one_line_on_the_other_side() -> None:
    _, (alice, bobb) = direct_room()
    assert alice.lines == []
    assert bobb.lines == [(Event.JOINED, "these are the direct messages of alice and bobb")]


@pytest.mark.parametrize(
    ("others", "text"),
    [
        (["bobb"], "you are in #ops with alice and bobb"),
        (["bobb", "carol"], "you are in #ops with alice, bobb and carol"),
    ],
    ids=["two", "three"],
)
def test_first_line_of_a_room_says_who_is_there(others: list[str], text: str) -> None:
    room, (alice,) = new_room("alice")
    alice.want(Change(adds=tuple(room.newcomer(new_device(name)) for name in others)))
    room.settle()
    assert room.readers[new_device("bobb").id].lines == [(Event.JOINED, text)]
