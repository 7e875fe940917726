"""The store: what is acknowledged is there, once, in order."""

import errno
from contextlib import closing
from pathlib import Path
from secrets import token_bytes
from typing import NoReturn

import pytest
from sqlalchemy import event, insert

from coterie.errors import Refused
from coterie.server import schema
from coterie.server.database import DiskFull
from coterie.server.delivery import NOT_MEMBER
from coterie.server.store import Store
from coterie.server.writing import Transaction
from coterie.wire import frames as f
from tests.server.people import (
    GROUP,
    NOW,
    Person,
    Writer,
    assert_chained,
    count,
    entries,
    group_of,
)


def test_posts_of_one_batch_are_in_the_log_in_their_order(store: Store, anna: Writer) -> None:
    posts = [anna.post(after=0, body=str(n).encode()) for n in range(20)]
    done = store.batch([anna.job(post) for post in posts], NOW)
    assert done.results == [f.Accepted(p.message_id, n) for n, p in enumerate(posts, start=1)]
    assert [entry.body for entry in entries(store, anna.device)] == [p.body for p in posts]
    assert done.news.entries == {GROUP: list(entries(store, anna.device))}
    assert_chained(store, anna.device)


def test_replay_of_a_message_id_gives_the_same_seq(store: Store, anna: Writer) -> None:
    post = anna.post(after=0)
    twice = store.batch([anna.job(post), anna.job(post)], NOW)
    assert twice.results == [f.Accepted(post.message_id, 1)] * 2
    assert len(twice.news.entries[GROUP]) == 1
    assert anna.accepted(anna.post(f.Kind.COMMIT, after=1)) == 2
    again = f.Post(GROUP, f.Kind.MESSAGE, post.message_id, 99, 99, b"another body")
    assert anna.send(again) == f.Accepted(post.message_id, 1)
    assert len(entries(store, anna.device)) == 2


def test_same_message_id_of_another_device_is_another_message(store: Store, anna: Writer) -> None:
    ben = Person("ben").register(store)
    anna.accepted(anna.post(f.Kind.COMMIT, after=0, change=f.ListChange((ben.first.device,))))
    post = anna.post(after=1)
    assert anna.accepted(post) == 2
    bens = Writer(store, GROUP, ben.first)
    same = f.Post(GROUP, f.Kind.MESSAGE, post.message_id, 1, 1, b"ben's")
    assert bens.send(same) == f.Accepted(post.message_id, 3)


def test_job_that_raises_leaves_nothing_and_the_others_are_done(store: Store, anna: Writer) -> None:
    def fails(transaction: Transaction) -> None:
        transaction.set_meta("mark", b"1")
        transaction.logs.create_group(b"h" * 16, anna.device.device, "anna")
        raise Refused("malformed", "on purpose")

    before, after = anna.post(after=0), anna.post(after=0)
    done = store.batch([anna.job(before), fails, anna.job(after)], NOW)
    assert done.results[0] == f.Accepted(before.message_id, 1)
    assert isinstance(done.results[1], Refused)
    assert done.results[2] == f.Accepted(after.message_id, 2)
    assert store.reading.meta("mark") == b""
    assert count(store, "log_group") == 1
    assert_chained(store, anna.device)


def test_group_of_a_job_that_raises_is_none_for_the_jobs_behind_it(
    store: Store, anna: Writer
) -> None:
    other = Writer(store, b"h" * 16, anna.device)
    first, second = other.post(after=0), other.post(after=0)

    def fails(transaction: Transaction) -> None:
        transaction.logs.create_group(other.group, anna.device.device, "anna")
        answer = transaction.logs.post(first, anna.device.device)
        assert answer == f.Accepted(first.message_id, 1)
        raise Refused("malformed", "on purpose")

    mine = anna.post(after=0)
    done = store.batch([fails, other.job(second), anna.job(mine)], NOW)
    assert done.results[1:] == [NOT_MEMBER, f.Accepted(mine.message_id, 1)]
    assert count(store, "entry") == 1


def test_job_that_contradicts_the_tables_spoils_nobody_elses(store: Store, anna: Writer) -> None:
    """Two invites with one token made the whole batch fail, and with it everybody's posts."""

    def contradicts(transaction: Transaction) -> None:
        transaction._connection.execute(
            insert(schema.keeper).values(group_id=b"no such group...", name="anna")
        )

    post = anna.post(after=0)
    done = store.batch([contradicts, anna.job(post)], NOW)
    assert isinstance(done.results[0], Refused)
    assert done.results[1] == f.Accepted(post.message_id, 1)


def test_invite_made_twice_is_one_invite(store: Store) -> None:
    token = token_bytes(16)
    jobs = [lambda t: t.accounts.create_invite(token, 3, 60.0)] * 2
    assert store.batch(jobs, NOW).results == [f.Done(), f.Done()]
    assert count(store, "invite") == 1


def test_bug_in_a_job_leaves_nothing_of_its_batch(store: Store, anna: Writer) -> None:
    def bug(transaction: Transaction) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        store.batch([anna.job(anna.post(after=0)), bug], NOW)
    assert entries(store, anna.device) == ()
    anna.count = 0
    assert anna.accepted(anna.post(after=0)) == 1


def test_batch_whose_flush_fails_is_forgotten_in_memory_too(store: Store, anna: Writer) -> None:
    assert anna.accepted(anna.post(after=0)) == 1

    def fail(_: object) -> NoReturn:
        raise OSError(errno.ENOSPC, "no space")

    event.listen(store._engine, "commit", fail)
    with pytest.raises(DiskFull):
        store.batch([anna.job(anna.post(after=0))], NOW)
    event.remove(store._engine, "commit", fail)
    anna.count = 1
    assert anna.accepted(anna.post(after=0)) == 2
    assert_chained(store, anna.device)


def test_commits_that_a_full_disk_refuses_do_not_count_for_the_accounts_rate(
    store: Store, anna: Writer
) -> None:
    """Who tried three times while it was full had to wait once there was room."""

    def fail(_: object) -> NoReturn:
        raise OSError(errno.ENOSPC, "no space")

    commit = anna.post(f.Kind.COMMIT, after=0)
    event.listen(store._engine, "commit", fail)
    for _ in range(10):
        with pytest.raises(DiskFull):
            store.batch([anna.job(commit)], NOW)
    event.remove(store._engine, "commit", fail)
    assert anna.accepted(commit) == 1


def test_commit_its_welcome_and_its_list_change_are_one(store: Store, anna: Writer) -> None:
    ben = Person("ben").register(store).first
    change = f.ListChange(add=(ben.device,))
    welcome = f.WelcomeFor(b"welcome", (ben.device,))
    commit = anna.post(f.Kind.COMMIT, after=0, change=change, welcome=welcome)
    stale = anna.post(f.Kind.COMMIT, after=0, change=f.ListChange(remove=(ben.device,)))
    done = store.batch([anna.job(commit), anna.job(stale)], NOW)
    assert done.results == [f.Accepted(commit.message_id, 1), f.Stale(1)]
    assert done.news.inboxes == {ben.device}
    assert done.news.taken_off == {}
    assert len(entries(store, ben)) == 1
    inbox, _ = store.reading.inbox(ben.device, 0)
    assert inbox.items == (f.InboxItem(1, GROUP, anna.device.device, b"welcome"),)


def test_counts_and_turns_are_kept_over_a_restart(tmp_path: Path) -> None:
    with closing(Store.open(tmp_path)) as store:
        anna = group_of(store, Person("anna").register(store).first)
        ben = Writer(store, GROUP, Person("ben").register(store).first)
        change = f.ListChange(add=(ben.device.device,), add_keepers=("ben",))
        anna.accepted(anna.post(f.Kind.COMMIT, after=0, change=change))
        anna.accepted(anna.post(f.Kind.COMMIT, after=1))
        assert ben.send(ben.post(f.Kind.COMMIT, after=1)) == f.Stale(2)
        anna.accepted(anna.post(f.Kind.COMMIT, after=2))
    with closing(Store.open(tmp_path)) as store:
        ben.store = anna.store = store
        again = f.Post(GROUP, f.Kind.COMMIT, b"n" * 16, 1, 2, b"again")
        assert ben.send(again) == f.Stale(3)
    with closing(Store.open(tmp_path)) as store:
        ben.store = anna.store = store
        refused = anna.send(anna.post(f.Kind.COMMIT, after=3))
        assert isinstance(refused, f.Failed)
        assert (refused.code, refused.wait_s) == (f.Code.WAIT, 3.0)
        won = f.Post(GROUP, f.Kind.COMMIT, b"o" * 16, 1, 3, b"won")
        assert ben.send(won) == f.Accepted(b"o" * 16, 4)
        assert anna.send(f.Post(GROUP, f.Kind.COMMIT, b"p" * 16, 4, 4, b"")) == f.Accepted(
            b"p" * 16, 5
        )
        assert_chained(store, anna.device)


def test_standing_proposal_is_the_accounts_and_lapses_with_a_commit(
    store: Store, anna: Writer
) -> None:
    person = Person("ben").register(store)
    phone = Writer(store, GROUP, person.add_device(store))
    ben = Writer(store, GROUP, person.first)
    change = f.ListChange(add=(ben.device.device, phone.device.device))
    anna.accepted(anna.post(f.Kind.COMMIT, after=0, change=change))
    ben.accepted(ben.post(f.Kind.PROPOSAL, after=1))
    refused = phone.send(phone.post(f.Kind.PROPOSAL, after=2))
    assert isinstance(refused, f.Failed)
    assert refused.code is f.Code.WAIT
    anna.accepted(anna.post(f.Kind.COMMIT, after=2))
    phone.count = 0
    assert phone.accepted(phone.post(f.Kind.PROPOSAL, after=3)) == 4
