"""The bus: who is told what, and who is not."""

from coterie.server.bus import INBOX_GREW, MAX_PUSH, Bus, log_grew, log_has
from coterie.server.news import News
from coterie.wire.frames import Entry, Event, Kind, LogGrew
from coterie.wire.stream import from_server

GROUP, OTHER = b"g" * 16, b"o" * 16
ANNA, BEN = b"a" * 16, b"b" * 16


def entry(seq: int, body: bytes = b"body") -> Entry:
    return Entry(seq, Kind.MESSAGE, ANNA, seq.to_bytes(16, "big"), body)


class Heard:
    """A listener that remembers."""

    def __init__(self) -> None:
        self.logs: list[tuple[bytes, int, bytes]] = []
        self.inboxes: list[bytes] = []
        self.whispers: list[bytes] = []
        self.revocations = 0
        self.displacements = 0

    def log_grew(self, group_id: bytes, head: int, frame: bytes) -> None:
        self.logs.append((group_id, head, frame))

    def inbox_grew(self, frame: bytes) -> None:
        self.inboxes.append(frame)

    def whispered(self, frame: bytes) -> None:
        self.whispers.append(frame)

    def revoked(self) -> None:
        self.revocations += 1

    def displaced(self) -> None:
        self.displacements += 1


def member(bus: Bus, device: bytes = ANNA) -> Heard:
    heard = Heard()
    bus.subscribe(GROUP, device, heard)
    assert bus.confirm(GROUP, heard)
    return heard


def decoded(frame: bytes) -> LogGrew:
    decoder = from_server()
    decoder.receive_data(frame)
    event = decoder.next_frame()
    assert isinstance(event, Event)
    assert isinstance(event.body, LogGrew)
    return event.body


def test_all_who_listen_to_a_group_get_one_and_the_same_frame() -> None:
    bus = Bus()
    first, second, stranger = member(bus), member(bus, BEN), Heard()
    bus.subscribe(OTHER, BEN, stranger)
    bus.confirm(OTHER, stranger)
    bus.publish(News(entries={GROUP: [entry(4), entry(5)]}))
    assert first.logs == second.logs == [(GROUP, 5, log_grew(GROUP, [entry(4), entry(5)]))]
    assert first.logs[0][2] is second.logs[0][2]
    assert stranger.logs == []


def test_nothing_is_told_before_it_is_confirmed_and_nothing_is_lost() -> None:
    """A stranger who subscribed heard what came until his membership had been looked up."""
    bus, heard = Bus(), Heard()
    bus.subscribe(GROUP, ANNA, heard)
    bus.publish(News(entries={GROUP: [entry(1)]}))
    bus.publish(News(entries={GROUP: [entry(2)]}))
    assert heard.logs == []
    assert bus.confirm(GROUP, heard)
    assert heard.logs == [(GROUP, 2, log_has(GROUP, 2))]
    bus.publish(News(entries={GROUP: [entry(3)]}))
    assert heard.logs[1:] == [(GROUP, 3, log_grew(GROUP, [entry(3)]))]


def test_device_that_is_taken_off_hears_of_that_and_of_nothing_behind() -> None:
    """Who was removed stayed subscribed, and was pushed all that came afterwards."""
    bus = Bus()
    gone, stays = member(bus, BEN), member(bus, ANNA)
    bus.publish(News(entries={GROUP: [entry(1), entry(2)]}, taken_off={(GROUP, BEN): 1}))
    bus.publish(News(entries={GROUP: [entry(3)]}))
    assert gone.logs == [(GROUP, 1, log_has(GROUP, 1))]
    assert [head for _, head, _ in stays.logs] == [2, 3]


def test_device_that_is_taken_off_while_it_subscribes_is_not_confirmed() -> None:
    bus, heard = Bus(), Heard()
    bus.subscribe(GROUP, BEN, heard)
    bus.publish(News(taken_off={(GROUP, BEN): 1}))
    assert not bus.confirm(GROUP, heard)
    assert heard.logs == []


def test_revoked_device_and_full_inbox_are_told_to_all_connections_of_the_device() -> None:
    bus = Bus()
    one, two, other = Heard(), Heard(), Heard()
    for device, heard in ((BEN, one), (BEN, two), (ANNA, other)):
        bus.log_in(device, heard)
    bus.publish(News(inboxes={BEN}, revoked={BEN}))
    assert one.inboxes == two.inboxes == [INBOX_GREW]
    assert (one.revocations, two.revocations) == (1, 1)
    assert (other.inboxes, other.revocations) == ([], 0)


def test_who_has_gone_hears_nothing_and_leaves_nothing_behind() -> None:
    bus = Bus()
    heard = member(bus)
    bus.log_in(ANNA, heard)
    for _ in range(2):
        bus.unsubscribe(GROUP, heard)
        bus.log_out(ANNA, heard)
    bus.publish(News(entries={GROUP: [entry(1)]}, inboxes={ANNA}))
    assert (heard.logs, heard.inboxes) == ([], [])
    assert (bus._groups, bus._devices) == ({}, {})


def test_hearers_of_a_whisper_are_the_other_devices_on_the_list() -> None:
    bus = Bus()
    anna, again, ben = member(bus), member(bus), member(bus, BEN)
    assert bus.hearers(GROUP, anna) == bus.hearers(GROUP, again) == [ben]
    assert bus.hearers(GROUP, ben) == [anna, again]


def test_who_does_not_listen_to_a_group_has_no_hearers_there() -> None:
    """Neither a stranger, nor who was not looked up yet, nor who was taken off the list."""
    bus = Bus()
    stranger, unknown, gone, stays = Heard(), Heard(), member(bus, BEN), member(bus)
    bus.subscribe(GROUP, b"u" * 16, unknown)
    bus.publish(News(taken_off={(GROUP, BEN): 1}))
    for heard in (stranger, unknown, gone):
        assert bus.crowd(GROUP, heard) == 0
    assert bus.hearers(GROUP, stays) == []


def test_entries_too_large_to_push_are_told_by_their_head_alone() -> None:
    frame = decoded(log_grew(GROUP, [entry(1), entry(2, bytes(MAX_PUSH))]))
    assert (frame.entries, frame.head) == ((), 2)
    frame = decoded(log_grew(GROUP, [entry(1, bytes(MAX_PUSH))]))
    assert (len(frame.entries), frame.head) == (1, 1)
