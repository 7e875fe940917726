"""What is wrong with a room, in plain words."""

import pytest
from msgspec import structs

from coterie.client.api import Member
from coterie.tui.banner import Banner, banner
from tests.cli.fakes import ALICE, BOBB, OPS


def shown(state: str, reason: str, *members: Member, admin: bool = True) -> Banner | None:
    room = structs.replace(OPS, state=state, reason=reason, admin=admin)
    return banner(room, (ALICE, *members), "F2")


def test_a_room_in_order_has_none() -> None:
    assert shown("open", "") is None


def test_a_changed_key_is_named() -> None:
    changed = structs.replace(BOBB, pin="changed")
    found = shown("key-changed", "the key of bobb changed: acknowledge it to go on", changed)
    assert found is not None
    assert found.way == "key"
    assert found.text.startswith("⚠ the key of bobb changed: nothing is sent")


@pytest.mark.parametrize(
    ("state", "reason", "admin", "way"),
    [
        ("forked", "a member saw another log: `coterie acknowledge ops`", False, "fork"),
        ("lost", "the server has less: `coterie room renew ops`", True, "renew"),
        ("lost", "the server has less: `coterie room renew ops`, by an admin", False, "wait"),
        ("stuck", "a commit did not open here: where nobody does, `renew`", True, "renew"),
        ("joining", "this device is still joining the room", False, "wait"),
        ("open", "carol made a new group for it: `coterie room follow ops`", False, "follow"),
        ("removed", "you are no longer in it: `coterie room follow ops` goes", False, "follow"),
        ("removed", "you are no longer in this room", False, "wait"),
        ("of a later version", "something else", False, "wait"),
    ],
)
def test_each_trouble_has_its_way_out(state: str, reason: str, admin: bool, way: str) -> None:
    found = shown(state, reason, admin=admin)
    assert found is not None
    assert found.way == way
    assert ("F2" in found.text) == (way != "wait")
    assert "`" not in found.text, "commands are for who has no screen"


def test_names_of_others_cannot_do_harm_there() -> None:
    found = shown("open", "\x1b[2Jbad\nworse")
    assert found is not None
    assert found.text.isprintable()
