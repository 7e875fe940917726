"""The room's state as an extension: one form for one state, and changes that meet."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coterie.client import room_state
from coterie.client.room_state import (
    MAX_ADMINS,
    MAX_NAME,
    RoomState,
    Settings,
    decode,
    encode,
    merged,
)
from coterie.errors import RuleViolation

STATE = RoomState(
    1, b"R" * 16, "ops", "topic", (b"a" * 32, b"b" * 32), Settings(members_may_add=True)
)
KEYS = st.binary(min_size=32, max_size=32)
TEXT = st.text(st.characters(codec="utf-8"), max_size=30)
STATES = st.builds(
    RoomState,
    st.just(room_state.RULES_VERSION),
    st.binary(min_size=16, max_size=32),
    TEXT.filter(bool),
    TEXT,
    st.lists(KEYS, min_size=1, max_size=5, unique=True).map(tuple),
    st.builds(Settings, st.booleans()),
)


def rule_of(encoded: bytes) -> str:
    with pytest.raises(RuleViolation) as caught:
        decode(encoded)
    return caught.value.rule


@given(STATES)
def test_state_comes_back(state: RoomState) -> None:
    assert decode(encode(state)) == state


@given(st.binary(max_size=200))
def test_bytes_that_are_no_state_break_a_rule_and_raise_nothing_else(encoded: bytes) -> None:
    with pytest.raises(RuleViolation):
        decode(encoded)


@given(STATES, st.data())
def test_each_state_has_one_form(state: RoomState, data: st.DataObject) -> None:
    """Bytes that are read as the same state are the same bytes."""
    encoded = bytearray(encode(state))
    encoded[data.draw(st.integers(0, len(encoded) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    try:
        read = decode(bytes(encoded))
    except RuleViolation:
        return
    assert read != state
    assert encode(read) == bytes(encoded)


@pytest.mark.parametrize(
    "encoded",
    [
        b"",
        encode(STATE) + b"\0",
        encode(STATE)[:-1],
        b"\xdc\x00\x06" + encode(STATE)[1:],  # the array's length in three bytes
        b"\x96\xcc\x01" + encode(STATE)[2:],  # the rules version in two
        b"\x95" + encode(STATE)[1:-2],  # settings left out, as if they were the default
        msgspec.msgpack.encode([1, "R" * 16, "ops", "", [b"a" * 32], [False]]),
        msgspec.msgpack.encode([1, b"R" * 16, "ops", "", [b"a" * 32], [False], "more"]),
        msgspec.msgpack.encode([1, b"R" * 16, "ops", "", [b"a" * 32], [False, "more"]]),
        b"\x91" * 2000,
    ],
    ids=range(10),
)
def test_other_forms_are_refused(encoded: bytes) -> None:
    assert rule_of(encoded) == "room-state"


@pytest.mark.parametrize(
    "what",
    [
        {"name": ""},
        {"name": "x" * (MAX_NAME + 1)},
        {"topic": "x" * 1001},
        {"room_id": b"R" * 15},
        {"room_id": b"R" * 33},
        {"admins": ()},
        {"admins": (b"a" * 31,)},
        {"admins": (b"a" * 32, b"a" * 32)},
        {"admins": tuple(b"%032d" % n for n in range(MAX_ADMINS + 1))},
        {"rules_version": 0},
    ],
    ids=range(10),
)
def test_state_beyond_a_limit_is_refused(what: dict[str, object]) -> None:
    assert rule_of(encode(msgspec.structs.replace(STATE, **what))) == "room-state"


def test_rules_that_this_client_does_not_know_are_refused_by_name() -> None:
    assert rule_of(encode(msgspec.structs.replace(STATE, rules_version=2))) == "rules-version"


# --- changes that meet -------------------------------------------------------------------------


@given(STATES, STATES)
def test_alone_a_change_gives_what_was_wanted(seen: RoomState, wanted: RoomState) -> None:
    wanted = msgspec.structs.replace(wanted, room_id=seen.room_id)
    got = merged(seen, wanted, seen)
    assert set(got.admins) == set(wanted.admins)
    assert msgspec.structs.replace(got, admins=wanted.admins) == wanted


@given(STATES, STATES)
def test_who_wants_nothing_changes_nothing(seen: RoomState, present: RoomState) -> None:
    assert merged(seen, seen, present) == present


@given(STATES, STATES, STATES)
def test_change_never_undoes_what_others_did_to_what_it_left_alone(
    seen: RoomState, wanted: RoomState, present: RoomState
) -> None:
    got = merged(seen, wanted, present)
    assert got.room_id == present.room_id
    for field in ("name", "topic", "settings"):
        theirs, mine = getattr(present, field), getattr(wanted, field)
        assert getattr(got, field) == (theirs if mine == getattr(seen, field) else mine)
    assert set(present.admins) - set(seen.admins) <= set(got.admins)
    demoted = set(seen.admins) - set(present.admins)
    assert not demoted & set(got.admins)
    assert len(set(got.admins)) == len(got.admins)
