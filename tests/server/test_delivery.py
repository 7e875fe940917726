"""The rules of posting and of the delivery list, each row of PROTOCOL.md's table in its order."""

from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coterie.server import delivery
from coterie.server.delivery import (
    Appended,
    GroupState,
    MemberState,
    PostAnswer,
    Rates,
    check_change,
    judge,
)
from coterie.wire import chain, limits
from coterie.wire.frames import (
    Accepted,
    Ahead,
    Behind,
    Code,
    Failed,
    Kind,
    ListChange,
    OutOfOrder,
    Post,
    Stale,
    WelcomeFor,
)

GROUP = b"g" * 16
ANNA, BEN, BEN_2, CARL, NEW = (bytes([n]) * 16 for n in range(1, 6))  # devices
NOW = 1_800_000_000.0


def post(
    kind: Kind = Kind.MESSAGE,
    *,
    count: int = 1,
    after: int = 0,
    message_id: bytes = b"m" * 16,
    body: bytes = b"body",
    change: ListChange | None = None,
    welcome: WelcomeFor | None = None,
) -> Post:
    return Post(GROUP, kind, message_id, count, after, body, change, welcome)


@dataclass
class Room:
    """A group of anna, its keeper, ben with two devices, and carl."""

    group: GroupState = field(
        default_factory=lambda: GroupState(GROUP, 0, chain.first(GROUP), 0, keepers={"anna"})
    )
    rates: Rates = field(default_factory=Rates)
    now: float = NOW

    def __post_init__(self) -> None:
        named = {ANNA: "anna", BEN: "ben", BEN_2: "ben", CARL: "carl"}
        self.members = {device: MemberState(device, name) for device, name in named.items()}

    def judge(
        self, post: Post, device: bytes = ANNA, *, known: int | None = None, unknown: int = 0
    ) -> PostAnswer | Appended:
        return judge(post, self.group, self.members, device, known, unknown, self.rates, self.now)

    def append(self, kind: Kind = Kind.MESSAGE, device: bytes = ANNA) -> int:
        """An entry by a device that has read everything."""
        count = self.members[device].count + 1
        judged = self.judge(post(kind, count=count, after=self.group.head), device)
        assert isinstance(judged, Appended), judged
        return judged.entry.seq

    def advance(self, seconds: float) -> None:
        self.now += seconds


def code(answer: PostAnswer | Appended | None) -> Code | None:
    return answer.code if isinstance(answer, Failed) else None


# --- the table, row by row -----------------------------------------------------------------------


def test_post_that_is_in_order_becomes_the_next_entry() -> None:
    room = Room()
    judged = room.judge(post())
    assert isinstance(judged, Appended)
    assert (judged.entry.seq, judged.entry.device, judged.entry.body) == (1, ANNA, b"body")
    assert judged.chain == chain.following(chain.first(GROUP), judged.entry)
    assert (room.group.head, room.group.chain) == (1, judged.chain)
    assert room.members[ANNA].count == 1


def test_post_to_a_group_that_does_not_exist_is_not_member() -> None:
    answer = judge(post(), None, {ANNA: MemberState(ANNA, "anna")}, ANNA, None, 0, Rates(), NOW)
    assert code(answer) is Code.NOT_MEMBER


def test_post_by_a_device_that_is_not_listed_is_not_member() -> None:
    assert code(Room().judge(post(), NEW)) is Code.NOT_MEMBER


def test_post_by_a_device_that_was_taken_off_is_not_member() -> None:
    room = Room()
    room.members[BEN].removed_at = 0
    assert code(room.judge(post(), BEN)) is Code.NOT_MEMBER


def test_post_by_a_device_that_has_not_fetched_its_welcome_is_not_member() -> None:
    room = Room()
    room.members[BEN].may_post = False
    assert code(room.judge(post(), BEN)) is Code.NOT_MEMBER


def test_known_message_id_gets_the_seq_it_has() -> None:
    assert Room().judge(post(), known=7) == Accepted(b"m" * 16, 7)


@pytest.mark.parametrize(
    ("kind", "limit"),
    [
        (Kind.MESSAGE, limits.MAX_MESSAGE_BODY),
        (Kind.PROPOSAL, limits.MAX_MESSAGE_BODY),
        (Kind.COMMIT, limits.MAX_BODY),
        (Kind.SUCCESSOR, limits.MAX_SUCCESSOR_BODY),
    ],
)
def test_post_above_its_kinds_limit_is_too_large(kind: Kind, limit: int) -> None:
    room = Room()
    assert code(room.judge(post(kind, body=bytes(limit + 1)))) is Code.TOO_LARGE
    assert isinstance(room.judge(post(kind, body=bytes(limit))), Appended)


def test_count_that_was_used_is_behind_and_tells_the_servers_count() -> None:
    room = Room()
    room.append()
    room.append()
    assert room.judge(post(count=2, message_id=b"n" * 16)) == Behind(2)
    assert room.judge(post(count=0)) == Behind(2)


def test_count_that_leaves_a_gap_is_out_of_order() -> None:
    room = Room()
    room.append()
    assert room.judge(post(count=3)) == OutOfOrder(1)


def test_after_beyond_the_head_is_ahead() -> None:
    room = Room()
    room.append()
    assert room.judge(post(count=2, after=2)) == Ahead(1)


@pytest.mark.parametrize("kind", [Kind.COMMIT, Kind.SUCCESSOR])
def test_post_made_before_a_handshake_is_stale(kind: Kind) -> None:
    room = Room()
    room.append(kind, BEN)
    room.append(Kind.MESSAGE, BEN)
    assert room.judge(post(after=0)) == Stale(2)
    assert isinstance(room.judge(post(after=1)), Appended)


@pytest.mark.parametrize("kind", [Kind.MESSAGE, Kind.PROPOSAL])
def test_post_made_before_messages_alone_is_not_stale(kind: Kind) -> None:
    room = Room()
    room.append(kind, BEN)
    assert isinstance(room.judge(post(after=0)), Appended)


def test_of_two_commits_after_the_same_seq_the_first_wins() -> None:
    room = Room()
    assert isinstance(room.judge(post(Kind.COMMIT), BEN), Appended)
    assert room.judge(post(Kind.COMMIT), CARL) == Stale(1)


def test_the_server_looks_in_the_order_of_the_table() -> None:
    """A post that is wrong in every way is refused for the first; mended there, for the next."""
    room = Room()
    for _ in range(4):
        room.append(Kind.MESSAGE, BEN)
    for _ in range(delivery.HANDSHAKE_BURST):
        room.append(Kind.COMMIT, BEN)
    wrong = post(
        Kind.COMMIT,
        count=9,
        after=99,
        body=bytes(limits.MAX_BODY + 1),
        welcome=WelcomeFor(b"", (NEW,)),
    )
    room.members[BEN].may_post = False
    assert code(room.judge(wrong, BEN, known=3)) is Code.NOT_MEMBER
    room.members[BEN].may_post = True
    assert room.judge(wrong, BEN, known=3) == Accepted(b"m" * 16, 3)
    assert code(room.judge(wrong, BEN)) is Code.TOO_LARGE
    small = Post(GROUP, wrong.kind, wrong.message_id, 9, 99, b"", None, wrong.welcome)
    assert code(room.judge(small, BEN)) is Code.WAIT
    room.advance(delivery.HANDSHAKE_INTERVAL_S)
    assert room.judge(small, BEN) == OutOfOrder(7)
    used = Post(GROUP, wrong.kind, wrong.message_id, 7, 99, b"", None, wrong.welcome)
    assert room.judge(used, BEN) == Behind(7)
    next_count = Post(GROUP, wrong.kind, wrong.message_id, 8, 99, b"", None, wrong.welcome)
    assert room.judge(next_count, BEN) == Ahead(7)
    old = Post(GROUP, wrong.kind, wrong.message_id, 8, 0, b"", None, wrong.welcome)
    assert room.judge(old, BEN) == Stale(7)
    current = Post(GROUP, wrong.kind, wrong.message_id, 8, 7, b"", None, wrong.welcome)
    assert code(room.judge(current, BEN)) is Code.MALFORMED


@given(
    kind=st.sampled_from(Kind),
    count=st.integers(0, 3),
    after=st.integers(0, 3),
    device=st.sampled_from([ANNA, BEN, NEW]),
)
def test_refused_post_changes_nothing(kind: Kind, count: int, after: int, device: bytes) -> None:
    room = Room()
    room.append(Kind.COMMIT, CARL)
    group, members = replace(room.group), {d: replace(m) for d, m in room.members.items()}
    judged = room.judge(post(kind, count=count, after=after), device)
    if not isinstance(judged, Appended):
        assert (room.group, room.members) == (group, members)


# --- rates ---------------------------------------------------------------------------------------


def test_account_may_commit_three_times_and_then_every_ten_seconds() -> None:
    room = Room()
    for _ in range(3):
        room.append(Kind.COMMIT, BEN)
    refused = room.judge(post(Kind.COMMIT, count=4, after=3), BEN)
    assert isinstance(refused, Failed)
    assert (refused.code, refused.wait_s) == (Code.WAIT, 10.0)
    room.advance(10.0)
    room.append(Kind.COMMIT, BEN)
    assert code(room.judge(post(Kind.COMMIT, count=5, after=4), BEN)) is Code.WAIT


def test_rate_is_the_accounts_not_the_devices_and_others_are_free() -> None:
    room = Room()
    for _ in range(3):
        room.append(Kind.COMMIT, BEN)
    assert code(room.judge(post(Kind.SUCCESSOR, after=3), BEN_2)) is Code.WAIT
    assert isinstance(room.judge(post(Kind.COMMIT, after=3), CARL), Appended)


def test_waiting_uses_no_count_and_messages_do_not_wait() -> None:
    room = Room()
    for _ in range(3):
        room.append(Kind.COMMIT, BEN)
    room.judge(post(Kind.COMMIT, count=4, after=3), BEN)
    assert isinstance(room.judge(post(Kind.MESSAGE, count=4, after=3), BEN), Appended)


def test_rate_survives_a_clock_that_is_set_back() -> None:
    room = Room()
    for _ in range(3):
        room.append(Kind.COMMIT, BEN)
    room.advance(-3600)
    assert code(room.judge(post(Kind.COMMIT, count=4, after=3), BEN)) is Code.WAIT
    room.advance(10)
    room.append(Kind.COMMIT, BEN)


def test_rates_are_bounded_in_number() -> None:
    rates = Rates()
    for number in range(delivery.MAX_RATES + 10):
        rates.take(number.to_bytes(16, "big"), "ben", NOW)
    assert len(rates._buckets) == delivery.MAX_RATES


def test_rate_of_what_was_not_written_is_given_back() -> None:
    room = Room()
    room.append(Kind.COMMIT, BEN)
    room.rates.keep()
    for _ in range(2):
        room.append(Kind.COMMIT, BEN)
        room.append(Kind.COMMIT, CARL)
    room.rates.undo()
    assert room.rates.wait_s(GROUP, "carl", NOW) == 0
    left = 0
    while not room.rates.wait_s(GROUP, "ben", NOW):
        room.rates.take(GROUP, "ben", NOW)
        left += 1
    assert left == 2


def test_account_has_one_standing_proposal_until_the_next_commit() -> None:
    room = Room()
    room.append(Kind.PROPOSAL, BEN)
    for device in (BEN, BEN_2):
        count = room.members[device].count + 1
        answer = room.judge(post(Kind.PROPOSAL, count=count, after=1), device)
        assert code(answer) is Code.WAIT
    room.append(Kind.PROPOSAL, CARL)
    room.append(Kind.MESSAGE, BEN)
    assert code(room.judge(post(Kind.PROPOSAL, count=3, after=3), BEN)) is Code.WAIT
    room.append(Kind.COMMIT, ANNA)
    room.append(Kind.PROPOSAL, BEN)


# --- what travels with a post --------------------------------------------------------------------


@pytest.mark.parametrize("kind", [Kind.MESSAGE, Kind.PROPOSAL, Kind.SUCCESSOR])
def test_only_a_commit_carries_a_list_change_or_a_welcome(kind: Kind) -> None:
    room = Room()
    assert code(room.judge(post(kind, change=ListChange(add=(NEW,))))) is Code.MALFORMED
    assert code(room.judge(post(kind, welcome=WelcomeFor(b"", ())))) is Code.MALFORMED
    assert isinstance(room.judge(post(Kind.COMMIT, change=ListChange(add=(NEW,)))), Appended)


def test_welcome_is_for_devices_that_are_added_with_it() -> None:
    room = Room()
    welcome = WelcomeFor(b"welcome", (NEW, CARL))
    assert code(room.judge(post(Kind.COMMIT, welcome=welcome))) is Code.MALFORMED
    only_new = ListChange(add=(NEW,))
    answer = room.judge(post(Kind.COMMIT, change=only_new, welcome=welcome))
    assert code(answer) is Code.MALFORMED
    both = ListChange(add=(NEW, CARL))
    answer = room.judge(post(Kind.COMMIT, change=both, welcome=welcome))
    assert isinstance(answer, Appended)


def test_devices_or_keepers_that_do_not_exist_are_not_found() -> None:
    change = ListChange(add=(NEW,))
    answer = Room().judge(post(Kind.COMMIT, change=change), unknown=1)
    assert code(answer) is Code.NOT_FOUND


# --- the delivery list ---------------------------------------------------------------------------


def refusal(device: bytes, change: ListChange, *, keepers: tuple[str, ...] = ("anna",)) -> object:
    room = Room()
    room.group.keepers = set(keepers)
    refused = check_change(change, room.group, room.members, room.members[device], 0)
    return refused.code if refused else None


@pytest.mark.parametrize(
    ("device", "change", "expected"),
    [
        (ANNA, ListChange(add=(NEW,), remove=(BEN, CARL)), None),
        (ANNA, ListChange(add_keepers=("ben",)), None),
        (ANNA, ListChange(add_keepers=("ben",), remove_keepers=("anna",)), None),
        (ANNA, ListChange(remove_keepers=("anna",)), Code.NOT_KEEPER),
        (BEN, ListChange(add=(NEW,)), None),
        (BEN, ListChange(remove=(BEN,)), None),
        (BEN, ListChange(remove=(BEN, BEN_2)), None),
        (BEN, ListChange(remove=(NEW,)), None),
        (BEN, ListChange(remove=(CARL,)), Code.NOT_KEEPER),
        (BEN, ListChange(remove=(BEN, ANNA)), Code.NOT_KEEPER),
        (BEN, ListChange(add_keepers=("ben",)), Code.NOT_KEEPER),
        (BEN, ListChange(remove_keepers=("anna",)), Code.NOT_KEEPER),
    ],
    ids=[
        "a keeper adds and takes off anyone",
        "a keeper makes keepers",
        "a keeper hands over",
        "the last keeper stays",
        "anyone adds",
        "one takes himself off",
        "one takes off his account's devices",
        "one takes off who is not there",
        "only a keeper takes off others",
        "not even among his own",
        "nobody makes himself a keeper",
        "nobody unmakes keepers",
    ],
)
def test_who_may_change_the_list(device: bytes, change: ListChange, expected: Code | None) -> None:
    assert refusal(device, change) is expected
