"""How far a person has read, and what a room asks of one."""

import pytest

from coterie.client.attention import Attention, Standing, in_order, rings
from coterie.client.reading import Reading
from coterie.content import Delete, Text
from tests.client.kept import ALICE, CAROL, Kept, ref


def test_own_messages_are_nothing_to_read() -> None:
    kept, reading = Kept(), Reading(0)
    changed = kept.take(CAROL, Text("mine", 1), ref(1, CAROL))
    assert changed is not None
    assert reading.after(*changed, CAROL.account_key) == Reading(0)


def test_own_message_that_lands_late_reads_nothing_for_its_author() -> None:
    kept, reading = Kept(), Reading(0)
    for author, number in ((ALICE, 1), (CAROL, 2)):
        changed = kept.take(author, Text("said", 1), ref(number, author))
        assert changed is not None
        reading = reading.after(*changed, CAROL.account_key)
    assert reading == Reading(0, 1)


def test_unread_message_that_is_deleted_counts_no_more() -> None:
    kept, reading = Kept(), Reading(0)
    for content, number in ((Text("@carol", 1), 1), (Delete(ref(1), 2), 2)):
        changed = kept.take(ALICE, content, ref(number))
        assert changed is not None
        reading = reading.after(*changed, CAROL.account_key)
    assert reading == Reading(0)


def standing(name: str, unread: int, mentions: int, newest: int) -> Standing:
    return Standing(name, Reading(0, unread, mentions), newest)


def test_rooms_are_ordered_by_mentions_then_unread_then_newest() -> None:
    rooms = [
        standing("quiet", 0, 0, 90),
        standing("busy", 9, 0, 20),
        standing("old", 0, 0, 10),
        standing("addressed", 1, 1, 5),
    ]
    assert [room.name for room in in_order(rooms)] == ["addressed", "busy", "quiet", "old"]


def test_direct_message_asks_for_as_much_as_a_mention() -> None:
    direct = Standing("bobb", Reading(0, 2), 1, is_direct=True)
    assert direct.mentions == 2
    assert in_order([standing("busy", 9, 0, 20), direct])[0] is direct


def test_muted_room_stays_where_its_newest_message_puts_it() -> None:
    muted = Standing("muted", Reading(0, 5, 5), 1, Attention.NOTHING)
    quieter = Standing("quieter", Reading(0, 5), 2, Attention.MENTIONS)
    rooms = [muted, quieter, standing("read", 0, 0, 3)]
    assert [room.name for room in in_order(rooms)] == ["read", "quieter", "muted"]


@pytest.mark.parametrize(
    ("attention", "is_mention", "is_direct", "expected"),
    [
        (Attention.ALL, False, False, True),
        (Attention.MENTIONS, False, False, False),
        (Attention.MENTIONS, True, False, True),
        (Attention.MENTIONS, False, True, True),
        (Attention.NOTHING, True, True, False),
    ],
)
def test_what_rings(
    attention: Attention, is_mention: bool, is_direct: bool, expected: bool
) -> None:
    given = {"is_mention": is_mention, "is_direct": is_direct}
    assert rings(attention, **given, do_not_disturb=False) is expected
    assert not rings(attention, **given, do_not_disturb=True)
