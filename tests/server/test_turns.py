"""Turns: who loses two races running gets three seconds, and nobody lives off them."""

from coterie.server import turns
from coterie.server.delivery import Appended, GroupState, MemberState
from coterie.wire.frames import Code, Failed, Kind, OutOfOrder, Stale
from tests.server.test_delivery import ANNA, BEN, BEN_2, CARL, Room, post


class Race(Room):
    """A room in which the store's part is played too: it notes when entries came, and who was refused."""

    def __init__(self) -> None:
        super().__init__()
        self.stored_at: list[float] = []

    def append(self, kind: Kind = Kind.MESSAGE, device: bytes = ANNA) -> int:
        self.stored_at.append(self.now)
        return super().append(kind, device)

    def lose(self, device: bytes = BEN, *, after: int, kind: Kind = Kind.COMMIT) -> None:
        """A post of the device comes behind somebody's commit."""
        poster = self.members[device]
        asked = post(kind, count=poster.count + 1, after=after)
        assert isinstance(self.judge(asked, device), Stale)
        account = [m for m in self.members.values() if m.name == poster.name]
        superseded_at = self.stored_at[after]
        turns.refused_as_stale(asked, self.group, poster, account, superseded_at, self.now)

    def lose_twice(self, device: bytes = BEN) -> None:
        for rival in (CARL, ANNA):
            after = self.group.head
            self.append(Kind.COMMIT, rival)
            self.lose(device, after=after)

    @property
    def whose(self) -> bytes | None:
        return self.group.turn_device

    def waits(self, kind: Kind, device: bytes, *, skip: int = 0) -> float:
        """For how long the device's next post must wait."""
        count = self.members[device].count + 1 + skip
        judged = self.judge(post(kind, count=count, after=self.group.head), device)
        if isinstance(judged, Failed):
            assert judged.code is Code.WAIT
            return judged.wait_s
        return 0.0


def test_device_that_lost_two_races_running_gets_a_turn() -> None:
    race = Race()
    race.append(Kind.COMMIT, ANNA)
    race.lose(after=0)
    assert race.whose is None
    race.append(Kind.COMMIT, CARL)
    race.lose(after=1)
    assert race.whose == BEN


def test_others_handshakes_wait_and_messages_do_not() -> None:
    race = Race()
    race.lose_twice()
    assert race.waits(Kind.COMMIT, CARL) == turns.TURN_S
    race.advance(1)
    assert race.waits(Kind.SUCCESSOR, ANNA) == turns.TURN_S - 1
    assert race.waits(Kind.COMMIT, BEN_2) == turns.TURN_S - 1  # the turn is the device's
    assert race.waits(Kind.MESSAGE, CARL) == 0
    assert race.waits(Kind.COMMIT, BEN) == 0


def test_what_is_posted_behind_a_handshake_that_waits_waits_too() -> None:
    race = Race()
    race.lose_twice()
    assert race.waits(Kind.MESSAGE, CARL, skip=1) == turns.TURN_S
    race.advance(turns.TURN_S)
    judged = race.judge(post(count=race.members[CARL].count + 2, after=race.group.head), CARL)
    assert isinstance(judged, OutOfOrder)


def test_turn_ends_with_its_commit() -> None:
    race = Race()
    race.lose_twice()
    race.append(Kind.COMMIT, BEN)
    assert race.whose is None
    assert race.waits(Kind.COMMIT, CARL) == 0


def test_turn_does_not_end_with_a_message() -> None:
    race = Race()
    race.lose_twice()
    race.append(Kind.MESSAGE, BEN)
    assert race.waits(Kind.COMMIT, CARL) > 0


def test_turn_ends_after_three_seconds() -> None:
    race = Race()
    race.lose_twice()
    race.advance(turns.TURN_S)
    assert race.waits(Kind.COMMIT, CARL) == 0


def test_posts_on_their_way_together_lose_one_race() -> None:
    race = Race()
    race.append(Kind.COMMIT, ANNA)
    for _ in range(3):
        race.lose(after=0, kind=Kind.MESSAGE)
    assert race.whose is None


def test_post_that_was_accepted_in_between_begins_the_count_anew() -> None:
    race = Race()
    race.append(Kind.COMMIT, ANNA)
    race.lose(after=0)
    race.append(Kind.MESSAGE, BEN)
    race.append(Kind.COMMIT, CARL)
    race.lose(after=2)
    assert race.whose is None


def test_device_that_had_not_read_for_ten_seconds_lost_no_race() -> None:
    race = Race()
    race.append(Kind.COMMIT, ANNA)
    race.lose(after=0)
    race.append(Kind.COMMIT, CARL)
    race.advance(turns.FRESH_S + 0.1)
    race.lose(after=1)
    assert race.whose is None


def test_group_gives_one_turn_at_a_time_and_one_in_fifteen_seconds() -> None:
    race = Race()
    race.lose_twice(BEN)
    race.append(Kind.COMMIT, BEN)
    began = race.now
    race.advance(turns.GROUP_INTERVAL_S - 1)
    after = race.group.head
    race.append(Kind.COMMIT, ANNA)
    race.lose(CARL, after=after)
    race.append(Kind.COMMIT, BEN)
    race.lose(CARL, after=after + 1)
    assert race.group.turn_at == began
    race.advance(1)
    race.append(Kind.COMMIT, BEN_2)
    race.lose(CARL, after=after + 2)
    assert race.whose == CARL


def test_account_gets_one_turn_a_minute_with_all_its_devices() -> None:
    race = Race()
    race.lose_twice(BEN)
    race.advance(turns.ACCOUNT_INTERVAL_S - 1)
    race.lose_twice(BEN_2)
    assert race.whose == BEN
    race.advance(1)
    after = race.group.head
    race.append(Kind.COMMIT, CARL)
    race.lose(BEN_2, after=after)
    assert race.whose == BEN_2


def test_clock_that_is_set_back_leaves_nobody_waiting() -> None:
    race = Race()
    race.lose_twice()
    race.advance(-3600)
    assert race.waits(Kind.COMMIT, CARL) == 0


def test_turn_survives_in_plain_values_that_a_store_can_keep() -> None:
    race = Race()
    race.lose_twice()
    group = race.group
    race.group = GroupState(
        group.group_id,
        group.head,
        group.chain,
        group.last_handshake,
        group.turn_device,
        group.turn_at,
        set(group.keepers),
    )
    race.members = {
        d: MemberState(d, m.name, m.count, turn_at=m.turn_at) for d, m in race.members.items()
    }
    assert race.waits(Kind.COMMIT, CARL) == turns.TURN_S
    assert isinstance(race.judge(post(Kind.COMMIT, count=1, after=race.group.head), BEN), Appended)
