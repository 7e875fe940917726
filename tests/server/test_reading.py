"""What is read of logs and inboxes."""

import pytest

from coterie.server.store import Store
from coterie.server.writing import Transaction
from coterie.wire import chain, limits
from coterie.wire import frames as f
from tests.decoded import decoded
from tests.server.people import (
    GROUP,
    NOW,
    Person,
    Writer,
    count,
    entries,
    take_inbox,
)
from tests.server.statements import statements


def test_chain_that_differs_or_a_cursor_beyond_the_head_diverges_with_all_successors(
    store: Store, anna: Writer
) -> None:
    anna.accepted(anna.post(after=0))
    anna.accepted(anna.post(f.Kind.SUCCESSOR, after=1, body=b"successor"))
    found = entries(store, anna.device)
    link = chain.following(chain.first(GROUP), found[0])
    read = store.reading.subscribe
    assert read(GROUP, anna.device.device, 1, link) == (f.Subscribed(2, 2), True)
    assert read(GROUP, anna.device.device, 0, chain.first(GROUP))[0] == f.Subscribed(2, 2)
    for cursor, wrong in [(0, link), (1, bytes(32)), (2, link), (3, link), (2**63 - 1, link)]:
        answer, is_listed = read(GROUP, anna.device.device, cursor, wrong)
        assert answer == f.Diverged(2, (found[1],))
        assert not is_listed


def test_successors_are_found_without_reading_the_log_from_end_to_end(
    store: Store, anna: Writer
) -> None:
    """Each device asks whose chain is another: after a restore all of them, and a hostile one as often as it may."""
    anna.accepted(anna.post(f.Kind.SUCCESSOR, after=0, body=b"successor"))
    with statements() as seen:
        answer, _ = store.reading.subscribe(GROUP, anna.device.device, 1, bytes(32))
    assert isinstance(answer, f.Diverged)
    assert [entry.body for entry in answer.successors] == [b"successor"]
    with store.reading.connection() as connection:
        plans = [
            line.detail
            for statement in seen
            if statement.startswith("SELECT") and "body" in statement
            for line in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}")
        ]
    assert plans == ["SEARCH entry USING INDEX entry_successor (group_id=? AND seq<?)"]


def test_long_log_is_read_in_steps(store: Store, anna: Writer) -> None:
    large = f.Kind.COMMIT
    for after in range(3):
        anna.accepted(anna.post(large, after=after, body=bytes(3 * 2**20)))
    steps, cursor = [], 0
    while cursor < 3:
        found = decoded(store.reading.entries(GROUP, anna.device.device, cursor, 1000))
        assert isinstance(found, f.Entries)
        assert found.head == 3
        steps.append(len(found.entries))
        cursor = found.entries[-1].seq
    assert steps == [1, 1, 1]
    beyond = store.reading.entries(GROUP, anna.device.device, 2**63 - 1, 1000)
    assert decoded(beyond) == f.Entries((), 3)


def test_welcome_is_stored_once_and_goes_when_every_inbox_has_taken_it(
    store: Store, anna: Writer
) -> None:
    people = [Person(name).register(store).first for name in ("ben", "carl")]
    devices = tuple(device.device for device in people)
    welcome = f.WelcomeFor(b"welcome", (*devices, devices[0]))
    anna.accepted(
        anna.post(f.Kind.COMMIT, after=0, change=f.ListChange(add=devices), welcome=welcome)
    )
    assert (count(store, "welcome"), count(store, "inbox")) == (1, 2)
    for left, device in ((1, devices[0]), (0, devices[1])):
        inbox, _ = store.reading.inbox(device, 0)
        assert [item.welcome for item in inbox.items] == [b"welcome"]
        assert store.reading.inbox(device, 1)[0].items == ()
        take_inbox(store, device, 1)
        assert (count(store, "welcome"), count(store, "inbox")) == (left, left)


def test_inbox_full_of_tiny_welcomes_is_read_in_steps(store: Store, anna: Writer) -> None:
    """By their bytes alone all of them went into one answer: enough of them, and none could be sent any more."""
    device, most = anna.device.device, limits.MAX_FETCH_ENTRIES

    def fill(t: Transaction) -> None:
        for _ in range(most + 1):
            t.inboxes.put_welcome(GROUP, device, b"", {device})

    store.do(fill, NOW)
    steps = [store.reading.inbox(device, after)[0].items for after in (0, most)]
    assert [len(items) for items in steps] == [most, 1]


def test_inbox_goes_on_counting_after_it_was_emptied(store: Store, anna: Writer) -> None:
    ben = Person("ben").register(store).first
    change, welcome = f.ListChange(add=(ben.device,)), f.WelcomeFor(b"welcome", (ben.device,))
    for number in (1, 2):
        after = number - 1
        anna.accepted(anna.post(f.Kind.COMMIT, after=after, change=change, welcome=welcome))
        assert [item.number for item in store.reading.inbox(ben.device, 0)[0].items] == [number]
        take_inbox(store, ben.device, number)


def test_groups_that_strangers_list_a_device_in_come_last_and_are_bounded(
    store: Store, anna: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A frame holds so much; a device that was in more groups could not connect any more."""
    anna.accepted(anna.post(after=0))
    mallory = Person("mallory").register(store).first
    groups = [number.to_bytes(16, "big") for number in range(10)]
    change = f.ListChange(add=(anna.device.device,))
    for group in groups:

        def list_her(transaction: Transaction, group: bytes = group) -> None:
            transaction.logs.create_group(group, mallory.device, mallory.name)
            transaction.logs.change_list(f.ChangeList(group, 0, change), mallory.device)

        store.do(list_her, NOW)
    found = store.reading.groups_of(anna.device.device).groups
    assert [line.group for line in found] == [GROUP, *groups]
    monkeypatch.setattr(limits, "MAX_GROUPS", 3)
    found = store.reading.groups_of(anna.device.device).groups
    assert [line.group for line in found] == [GROUP, *groups[:2]]
