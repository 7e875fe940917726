"""Who is typing and who is there."""

import math

from coterie.client.around import (
    MOST_PRESENT,
    MOST_TOLD,
    PRESENCE_LASTS_S,
    SAY_TYPING_EVERY_S,
    TYPING_LASTS_S,
    Around,
    OwnTyping,
    within_earshot,
)
from coterie.client.fleeting import Presence, Typing


def test_who_types_is_shown_until_it_is_not_said_again() -> None:
    around = Around()
    around.heard("bobb", Typing(), 100)
    around.heard("alice", Typing(), 101)
    assert around.typing(102) == ["bobb", "alice"]
    assert around.changes_at(102) == 100 + TYPING_LASTS_S
    around.heard("alice", Typing(), 105)
    assert around.typing(101 + TYPING_LASTS_S) == ["alice"]
    assert around.typing(105 + TYPING_LASTS_S) == []


def test_names_stand_in_the_order_in_which_they_began() -> None:
    around = Around()
    for name, at in (("bobb", 100), ("alice", 101), ("bobb", 104)):
        around.heard(name, Typing(), at)
    assert around.typing(105) == ["bobb", "alice"]
    around.heard("alice", Typing(), 104 + TYPING_LASTS_S)
    around.heard("bobb", Typing(), 105 + TYPING_LASTS_S)
    assert around.typing(105 + TYPING_LASTS_S) == ["alice", "bobb"]


def test_who_stops_or_sends_types_no_more() -> None:
    around = Around()
    around.heard("bobb", Typing(), 100)
    around.heard("alice", Typing(), 100)
    around.heard("bobb", Typing(is_over=True), 101)
    around.said("alice")
    assert around.typing(101) == []


def test_presence_lasts_for_a_while() -> None:
    around = Around()
    assert around.presence("bobb", 100) == "unknown"
    around.heard("bobb", Presence("away"), 100)
    assert around.presence("bobb", 101) == "away"
    assert around.present(101) == {"bobb": "away"}
    assert around.changes_at(101) == 100 + PRESENCE_LASTS_S
    assert around.presence("bobb", 100 + PRESENCE_LASTS_S) == "unknown"
    assert around.present(100 + PRESENCE_LASTS_S) == {}
    assert around.changes_at(100 + PRESENCE_LASTS_S) == math.inf


def test_who_left_is_neither_there_nor_typing() -> None:
    around = Around()
    around.heard("bobb", Typing(), 100)
    around.heard("bobb", Presence("online"), 100)
    around.left("bobb")
    assert (around.typing(101), around.presence("bobb", 101)) == ([], "unknown")


def test_own_typing_is_said_now_and_then() -> None:
    own = OwnTyping()
    assert own.typed(100) == Typing()
    assert own.typed(100 + SAY_TYPING_EVERY_S / 2) is None
    assert own.typed(100 + SAY_TYPING_EVERY_S) == Typing()


def test_stopping_is_said_where_typing_was() -> None:
    own = OwnTyping()
    assert own.emptied(100) is None
    own.typed(101)
    assert own.emptied(102) == Typing(is_over=True)
    assert own.emptied(103) is None
    own.typed(104)
    assert own.emptied(104 + TYPING_LASTS_S) is None


def test_after_sending_typing_is_said_anew_and_stopping_is_not() -> None:
    own = OwnTyping()
    own.typed(100)
    own.sent()
    assert own.emptied(101) is None
    assert own.typed(101) == Typing()


# --- to how many one says that one is there -------------------------------------------------------


def rooms(*sizes: int) -> dict[bytes, int]:
    return {bytes([number]): size for number, size in enumerate(sizes)}


def test_presence_is_said_in_the_smallest_rooms_first_until_enough_are_told() -> None:
    sizes = rooms(40, 2, 50, 50, 50, 20, 2)
    assert within_earshot(sizes) == [b"\1", b"\6", b"\5", b"\0", b"\2", b"\3"]
    assert sum(sizes[room] - 1 for room in within_earshot(sizes)) <= MOST_TOLD


def test_presence_is_not_said_in_large_rooms_nor_where_nobody_else_is() -> None:
    assert within_earshot(rooms(1, MOST_PRESENT, MOST_PRESENT + 1, 1)) == [b"\1"]
    assert within_earshot({}) == []
