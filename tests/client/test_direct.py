"""Direct messages, the pure part: their state, their partner, and which of several groups stays."""

from dataclasses import replace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coterie.client import direct, outbox
from coterie.client import log as logs
from coterie.client.conversation import Author, Row
from coterie.client.group_log import GroupLog
from coterie.client.intent import Change, Newcomer
from coterie.client.room_policy import check_joined, is_direct
from coterie.content import Ref, Text, Unknown
from coterie.errors import InvalidInput
from tests.client.people import NOW, direct_room, new_device, new_group, new_room

KEYS = st.binary(min_size=32, max_size=32)
IDS = st.binary(min_size=16, max_size=16)
AT_ONCE = 3  # messages that a device posts without reading in between
ALICE, BOBB = new_device("alice"), new_device("bobb")


def alone(group_id: bytes = b"G" * 16) -> GroupLog:
    """Alice's log of her direct messages with bobb, whom nobody has added yet."""
    state = direct.new_state(ALICE.account_key, BOBB.account_key)
    return logs.create(new_group(ALICE, state, group_id=group_id), ALICE.id, NOW)


def adding(log: GroupLog) -> GroupLog:
    wanted = Change(adds=(Newcomer("bobb", BOBB.id, BOBB.key_package().key_package.encode()),))
    return outbox.enqueue(log, wanted, b"t" * 16)


@given(KEYS, KEYS)
def test_both_sides_write_the_same_state(mine: bytes, other: bytes) -> None:
    assert direct.new_state(mine, other) == direct.new_state(other, mine)
    assert is_direct(direct.new_state(mine, other))


def test_group_of_one_of_the_two_alone_is_a_room() -> None:
    check_joined(alone().group)


def test_partner_is_the_other_account() -> None:
    _, (alice, bobb) = direct_room()
    assert direct.partner(alice.log) == "bobb"
    assert direct.partner(bobb.log) == "alice"


def test_partner_is_known_before_he_is_added() -> None:
    assert direct.partner(adding(alone())) == "bobb"
    assert direct.partner(alone()) == ""


def test_room_of_many_has_no_partner() -> None:
    _, (alice, _) = new_room("alice", "bobb")
    assert direct.partner(alice.log) == ""
    direct.check_not_direct(alice.state, "leave")


@pytest.mark.parametrize("what", ["leave", "add", "remove", "admin", "name"])
def test_what_two_cannot_do_is_refused_with_a_sentence(what: direct.Refused) -> None:
    _, (alice, _) = direct_room()
    with pytest.raises(InvalidInput, match="direct messages"):
        direct.check_not_direct(alice.state, what)


# --- of several groups one -----------------------------------------------------------------------


@given(IDS, IDS)
def test_of_two_groups_both_sides_choose_the_same(one: bytes, other: bytes) -> None:
    """Alice is in the one and hears of the other; bobb is in the other and hears of the one."""
    alice = in_group(one)
    bobb = in_group(other)
    ends = {
        other if direct.gives_way(alice, other) else one,
        one if direct.gives_way(bobb, one) else other,
    }
    assert ends == {min(one, other)}


def in_group(group_id: bytes) -> GroupLog:
    log = adding(alone())
    context = replace(log.group.context, group_id=group_id)
    return replace(log, group=replace(log.group, context=context))


def test_group_in_which_the_other_will_never_be_gives_way_to_any() -> None:
    """Nobody could be added: the server refused it for good."""
    assert direct.gives_way(alone(bytes(16)), b"\xff" * 16)
    assert not direct.gives_way(adding(alone(bytes(16))), b"\xff" * 16)


@given(st.integers(min_value=2**64, max_value=2**128 - 1))
def test_group_in_place_of_another_has_a_lower_id(number: int) -> None:
    group_id = number.to_bytes(16, "big")
    lower = direct.id_below(group_id)
    assert len(lower) == 16
    assert lower < group_id


def test_group_of_the_lowest_id_has_no_other_in_its_place() -> None:
    with pytest.raises(InvalidInput, match="no other one can follow"):
        direct.id_below(bytes(16))


# --- what is said again --------------------------------------------------------------------------


def row(number: int, by: str, text: str = "", **what: object) -> Row:
    device = {"alice": ALICE, "bobb": BOBB}[by]
    ref = Ref(device.id, number.to_bytes(16, "big"))
    found = Row(ref, Author(by, device.account_key), number, text or f"{by} {number}")
    return msgspec.structs.replace(found, **what)


def said_again(*rows: Row) -> list[str]:
    return [text.text for _, text in direct.unheard(rows, adding(alone()), AT_ONCE)]


def test_what_nobody_has_answered_is_said_again_in_its_order() -> None:
    assert said_again(row(1, "alice"), row(2, "alice")) == ["alice 1", "alice 2"]


def test_what_stands_before_answers_that_were_on_their_way_together_is_not_said_again() -> None:
    """As many answers as a device posts at once can all have been written before it read what stands between them."""
    answers = [row(number, "bobb") for number in range(AT_ONCE)]
    rows = [row(1, "alice"), *answers, row(2, "alice")]
    assert said_again(*rows) == ["alice 1", "alice 2"]
    assert said_again(*rows, row(99, "bobb")) == ["alice 2"]


def test_what_was_deleted_or_written_on_another_device_is_not_said_again() -> None:
    deleted = row(1, "alice", deleted_by="alice")
    other_device = row(2, "alice", ref=Ref(b"p" * 16, b"2" * 16))
    unknown = row(3, "alice", unknown=Unknown("later", b"later"))
    assert said_again(deleted, other_device, unknown, row(4, "alice")) == ["alice 4"]


def test_message_said_again_is_whole_and_keeps_its_id() -> None:
    reply_to, thread = Ref(b"r" * 16, b"1" * 16), Ref(b"t" * 16, b"2" * 16)
    said = row(7, "alice", "waves", reply_to=reply_to, thread=thread, is_action=True)
    ((message_id, text),) = direct.unheard([said], adding(alone()), AT_ONCE)
    assert message_id == said.ref.message_id
    assert text == Text("waves", 7, reply_to, thread, is_action=True)
