"""Groups and delivery lists in the store."""

from contextlib import closing
from pathlib import Path

import pytest

from coterie.errors import Refused
from coterie.server.delivery import NOT_MEMBER
from coterie.server.limits import Limits
from coterie.server.store import Store
from coterie.wire import chain
from coterie.wire import frames as f
from tests.decoded import decoded
from tests.server.people import (
    GROUP,
    NOW,
    Device,
    Person,
    Writer,
    count,
    entries,
    group_of,
    take_inbox,
)


def changed(store: Store, device: Device, change: f.ChangeList) -> object:
    """The answer to a list change without an entry."""
    return store.do(lambda t: t.logs.change_list(change, device.device), NOW)


def test_group_is_made_once_and_again_by_its_maker_while_it_is_empty(
    store: Store, anna: Writer
) -> None:
    ben = Person("ben").register(store).first
    make = anna.device.device, "anna"
    assert store.do(lambda t: t.logs.create_group(GROUP, *make), NOW) == f.Done()
    with pytest.raises(Refused, match="there is a group of that id"):
        store.do(lambda t: t.logs.create_group(GROUP, ben.device, "ben"), NOW)
    anna.accepted(anna.post(after=0))
    with pytest.raises(Refused, match="there is a group of that id"):
        store.do(lambda t: t.logs.create_group(GROUP, *make), NOW)


def test_non_member_learns_nothing_of_a_group(store: Store, anna: Writer) -> None:
    ben = Person("ben").register(store).first
    anna.accepted(anna.post(after=0))
    for group in (GROUP, b"no such group..."):
        change = f.ChangeList(group, 0, f.ListChange())
        answers = [
            store.reading.entries(group, ben.device, 0, 10),
            store.reading.subscribe(group, ben.device, 0, chain.first(group))[0],
            Writer(store, group, ben).send(f.Post(group, f.Kind.MESSAGE, b"m" * 16, 1, 0, b"")),
            changed(store, ben, change),
        ]
        assert answers == [NOT_MEMBER] * 4


def test_stranger_with_a_wrong_list_change_is_told_only_that_he_is_no_member(
    store: Store, anna: Writer
) -> None:
    """Unknown devices were looked at first, and told to who was nobody in the group."""
    ben = Writer(store, GROUP, Person("ben").register(store).first)
    change = f.ListChange(add=(b"?" * 16,))
    refused = ben.send(ben.post(f.Kind.COMMIT, after=0, change=change))
    assert isinstance(refused, f.Failed)
    assert refused.code is f.Code.NOT_MEMBER


def test_replayed_commit_gets_its_seq_though_its_newcomer_was_revoked_meanwhile(
    store: Store, anna: Writer
) -> None:
    ben = Person("ben").register(store)
    phone = ben.add_device(store)
    commit = anna.post(f.Kind.COMMIT, after=0, change=f.ListChange(add=(phone.device,)))
    assert anna.accepted(commit) == 1
    ben.replace_list(store, ben.first)
    assert anna.accepted(commit) == 1


def test_device_listed_by_a_non_keeper_may_not_post_before_it_has_fetched_its_welcome(
    store: Store, anna: Writer
) -> None:
    ben = Writer(store, GROUP, Person("ben").register(store).first)
    carl = Writer(store, GROUP, Person("carl").register(store).first)
    anna.accepted(anna.post(f.Kind.COMMIT, after=0, change=f.ListChange((ben.device.device,))))
    change = f.ListChange(add=(carl.device.device,))
    welcome = f.WelcomeFor(b"welcome", (carl.device.device,))
    ben.accepted(ben.post(f.Kind.COMMIT, after=1, change=change, welcome=welcome))
    post = carl.post(after=2)
    refused = carl.send(post)
    assert isinstance(refused, f.Failed)
    assert refused.code is f.Code.NOT_MEMBER
    assert len(entries(store, carl.device)) == 2
    inbox, silent = store.reading.inbox(carl.device.device, 0)
    assert (len(inbox.items), silent) == (1, frozenset({GROUP}))
    store.do(lambda t: t.inboxes.welcomed(carl.device.device, silent), NOW)
    assert carl.accepted(post) == 3
    assert store.reading.inbox(carl.device.device, 0)[1] == frozenset()


def test_nobody_is_silenced_by_being_added_again(store: Store, anna: Writer) -> None:
    """Any member could add the keeper once more, who then was one that a non-keeper had listed."""
    ben = Writer(store, GROUP, Person("ben").register(store).first)
    anna.accepted(anna.post(f.Kind.COMMIT, after=0, change=f.ListChange((ben.device.device,))))
    again = f.ListChange(add=(anna.device.device, ben.device.device))
    ben.accepted(ben.post(f.Kind.COMMIT, after=1, change=again))
    assert anna.accepted(anna.post(after=2)) == 3
    assert ben.accepted(ben.post(after=2)) == 4


def test_device_that_was_taken_off_reads_up_to_there_and_posts_no_more(
    store: Store, anna: Writer
) -> None:
    ben = Writer(store, GROUP, Person("ben").register(store).first)
    anna.accepted(anna.post(f.Kind.COMMIT, after=0, change=f.ListChange((ben.device.device,))))
    off = f.ListChange(remove=(ben.device.device,))
    done = store.batch([anna.job(anna.post(f.Kind.COMMIT, after=1, change=off))], NOW)
    assert done.news.taken_off == {(GROUP, ben.device.device): 2}
    anna.accepted(anna.post(after=2))
    found = decoded(store.reading.entries(GROUP, ben.device.device, 0, 10))
    assert isinstance(found, f.Entries)
    assert ([entry.seq for entry in found.entries], found.head) == ([1, 2], 2)
    refused = ben.send(ben.post(after=2))
    assert isinstance(refused, f.Failed)
    assert refused.code is f.Code.NOT_MEMBER
    assert store.reading.groups_of(ben.device.device) == f.Groups((f.GroupInfoLine(GROUP, 2, 2),))


def test_change_from_before_a_commit_is_stale(store: Store, anna: Writer) -> None:
    """Who was removed and added anew took himself off the list on which he was again."""
    ben = Writer(store, GROUP, Person("ben").register(store).first)
    on = f.ListChange(add=(ben.device.device,))
    off = f.ListChange(remove=(ben.device.device,))
    anna.accepted(anna.post(f.Kind.COMMIT, after=0, change=on))
    anna.accepted(anna.post(f.Kind.COMMIT, after=1, change=off))
    anna.accepted(anna.post(f.Kind.COMMIT, after=2, change=on))
    assert changed(store, ben.device, f.ChangeList(GROUP, 2, off)) == f.Stale(3)
    ben.accepted(ben.post(after=3))


def test_device_that_comes_back_goes_on_with_its_count(store: Store, anna: Writer) -> None:
    ben = Writer(store, GROUP, Person("ben").register(store).first)
    on = f.ListChange(add=(ben.device.device,))
    anna.accepted(anna.post(f.Kind.COMMIT, after=0, change=on))
    ben.accepted(ben.post(after=1))
    off = f.ListChange(remove=(ben.device.device,))
    assert changed(store, ben.device, f.ChangeList(GROUP, 2, off)) == f.Done()
    anna.accepted(anna.post(f.Kind.COMMIT, after=2, change=on))
    assert ben.send(f.Post(GROUP, f.Kind.MESSAGE, b"x" * 16, 1, 3, b"")) == f.Behind(1)
    assert ben.accepted(ben.post(after=3)) == 4


def test_devices_and_keepers_to_be_added_must_exist(store: Store, anna: Writer) -> None:
    ben = Person("ben").register(store)
    phone = ben.add_device(store)
    ben.replace_list(store, ben.first)
    for change, number in [
        (f.ListChange(add=(b"?" * 16, ben.first.device)), 1),
        (f.ListChange(add=(phone.device,)), 1),
        (f.ListChange(add_keepers=("ben", "nobody")), 1),
    ]:
        refused = anna.send(anna.post(f.Kind.COMMIT, after=0, change=change))
        anna.count -= 1
        assert isinstance(refused, f.Failed)
        assert refused.code is f.Code.NOT_FOUND
        assert refused.message.startswith(str(number))


def test_keepers_are_handed_over_in_one_change(store: Store, anna: Writer) -> None:
    ben = Writer(store, GROUP, Person("ben").register(store).first)
    change = f.ListChange((ben.device.device,), (), ("ben",), ("anna",))
    anna.accepted(anna.post(f.Kind.COMMIT, after=0, change=change))
    off, others = f.ListChange(remove=(anna.device.device,)), f.ListChange((), (ben.device.device,))
    refused = anna.send(anna.post(f.Kind.COMMIT, after=1, change=others))
    assert isinstance(refused, f.Failed)
    assert refused.code is f.Code.NOT_KEEPER
    assert ben.accepted(ben.post(f.Kind.COMMIT, after=1, change=off)) == 2


def test_list_has_room_for_so_many_devices_and_says_so_for_good(tmp_path: Path) -> None:
    with closing(Store.open(tmp_path, Limits(members=3))) as store:
        anna = group_of(store, Person("anna").register(store).first)
        others = [Person(name).register(store).first.device for name in ("ben", "carl", "dora")]
        too_many, enough = f.ListChange(add=tuple(others)), f.ListChange(add=tuple(others[:2]))
        for answer in (
            anna.send(anna.post(f.Kind.COMMIT, after=0, change=too_many)),
            store.do(
                lambda t: t.logs.change_list(f.ChangeList(GROUP, 0, too_many), anna.device.device),
                NOW,
            ),
        ):
            assert isinstance(answer, f.Failed)
            assert answer.code is f.Code.TOO_LARGE
        anna.count -= 1
        anna.accepted(anna.post(f.Kind.COMMIT, after=0, change=enough))
        anna.accepted(anna.post(f.Kind.COMMIT, after=1, change=f.ListChange(remove=(others[0],))))
        anna.accepted(anna.post(f.Kind.COMMIT, after=2, change=f.ListChange(add=(others[2],))))
        assert count(store, "member") == 4


def test_inbox_holds_so_many_welcomes_of_one_sender_and_others_still_reach_it(
    tmp_path: Path,
) -> None:
    """A hostile account filled others' inboxes, or the disk, with Welcomes that nobody fetches."""
    with closing(Store.open(tmp_path, Limits(inbox_length=2))) as store:
        ben = Person("ben").register(store).first.device
        change, welcome = f.ListChange(add=(ben,)), f.WelcomeFor(b"welcome", (ben,))

        def welcomed(by: Device, number: int) -> object:
            group = number.to_bytes(16, "big")
            store.do(lambda t: t.logs.create_group(group, by.device, by.name), NOW)
            writer = Writer(store, group, by)
            return writer.send(writer.post(f.Kind.COMMIT, after=0, change=change, welcome=welcome))

        mallory, anna = (Person(name).register(store).first for name in ("mallory", "anna"))
        answers = [welcomed(mallory, number) for number in range(3)]
        assert [isinstance(answer, f.Accepted) for answer in answers] == [True, True, False]
        assert isinstance(answers[2], f.Failed)
        assert answers[2].code is f.Code.TOO_LARGE
        assert isinstance(welcomed(anna, 10), f.Accepted)
        take_inbox(store, ben, 2)
        assert isinstance(welcomed(mallory, 11), f.Accepted)
