"""The client's store: what is loaded is what was saved, and what was used up is in no table."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from coterie.client import log as logs
from coterie.client.conversation import Row
from coterie.client.group_log import Rival
from coterie.client.intent import Change, Leave, Say
from coterie.client.log import GroupLog, Halt, Step
from coterie.client.recording import NOBODY
from coterie.client.room_policy import ROOM_POLICY
from coterie.client.store import HeldWelcome, KnownAccount, Store, TimelineRow
from coterie.content import Ref
from coterie.identity import Pin, PinnedHow
from coterie.mls import rows
from coterie.secret import Secret
from coterie.wire.frames import Kind, SignedDocument
from tests.client.people import NOW, Reader, new_device, new_room
from tests.client.stored import ROOM, open_store


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "client.db"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    store = open_store(path)
    yield store
    store.close()


class Disk:
    """A reader's disk: each step of its log is saved as ``rooms`` does, loaded again, and compared."""

    def __init__(self, store: Store, reader: Reader) -> None:
        self.store, self.reader = store, reader
        self.saved: GroupLog | None = None
        self.save(Step(reader.log))

    def save(self, step: Step, *, has_entry: bool = False) -> None:
        with self.store.transaction():
            self.store.save_log(self.saved, step.log, ROOM)
            if has_entry:
                self.store.save_step(step)
        self.saved = self.reader.log = step.log
        self.check()

    def check(self) -> None:
        """What is on the disk is what is in memory."""
        ((room_id, loaded),) = self.store.load_logs(ROOM_POLICY)
        log = self.reader.log
        assert room_id == ROOM
        assert rows(loaded.group) == rows(log.group)
        assert (loaded.pending is None) == (log.pending is None)
        if loaded.pending and log.pending:
            assert rows(loaded.pending.group) == rows(log.pending.group)
            assert loaded.pending.message == log.pending.message
            assert loaded.pending.welcome == log.pending.welcome
        same = {"group": log.group, "pending": None}
        assert replace(loaded, **same) == replace(log, **same)  # type: ignore[arg-type]

    def catch_up(self) -> None:
        reader = self.reader
        for entry in reader.room.entries[reader.log.cursor :]:
            self.save(logs.read(reader.log, entry, self.store, NOW), has_entry=True)

    def want(self, intent: Say | Change | Leave) -> None:
        self.reader.want(intent)
        self.save(Step(self.reader.log))

    def post(self) -> None:
        """As ``Reader.post``, with each step on the disk before the next."""
        reader = self.reader
        self.catch_up()
        reader.seal()
        self.save(Step(reader.log))
        posts = logs.next_posts(reader.log)
        if posts:
            _, out, sealed = posts[0]
            reader.append(Kind(sealed.kind), sealed.body, out.message_id)
            reader.room.welcome(sealed)

    def reopen(self) -> None:
        """The process ends, and the next one goes on from the disk alone."""
        ((_, loaded),) = self.store.load_logs(ROOM_POLICY)
        self.saved = self.reader.log = loaded


def dump(store: Store) -> bytes:
    """Everything in every table."""
    database = store._db
    tables = [
        name
        for (name,) in database.execute(
            "SELECT name FROM sqlite_schema WHERE rootpage > 0 AND type = 'table'"
        )
    ]
    found = [
        value if isinstance(value, bytes) else str(value).encode()
        for table in tables
        for row in database.execute(f"SELECT * FROM {table}")  # noqa: S608
        for value in row
    ]
    return b"\0".join(found)


def count(store: Store, table: str) -> int:
    ((number,),) = store._db.execute(f"SELECT count(*) FROM {table}")  # noqa: S608
    return int(number)


# --- logs --------------------------------------------------------------------------------------


def test_log_is_the_same_on_the_disk_after_every_kind_of_step(store: Store) -> None:
    room, (alice, bobb, carol) = new_room("alice", "bobb", "carol", admins=2)
    disk = Disk(store, alice)
    disk.want(Say(b"one"))
    disk.want(Change(adds=(room.newcomer(new_device("dave")),)))
    disk.want(Say(b"two"))
    disk.post()
    bobb.say(b"between")
    bobb.post()
    disk.post()  # the commit, now pending
    assert alice.log.pending is not None
    carol.append(Kind.COMMIT, b"garbage", carol.new_id())
    carol.append(Kind.MESSAGE, b"garbage", carol.new_id())
    disk.post()
    disk.post()
    bobb.want(Change())
    bobb.post()
    disk.want(Leave())
    disk.post()
    disk.catch_up()
    assert alice.group.leaving == (0,)
    bobb.want(Change())
    bobb.post()
    disk.catch_up()
    assert alice.log.halt is Halt.REMOVED


def test_every_field_of_a_log_comes_back(store: Store) -> None:
    _, (alice, _) = new_room("alice", "bobb")
    disk = Disk(store, alice)
    forks = MappingProxyType({b"d" * 16: True, b"e" * 16: False})
    full = replace(
        alice.log,
        begins_with=b"m" * 16,
        halt=Halt.STUCK,
        stuck_by="bobb",
        forks=forks,
        unopened=("bobb", ""),
        heal_first=True,
        healed_at=1.5,
        committed_at=2.5,
        base=7,
        landed=9,
    )
    disk.save(Step(full))


def test_client_that_is_killed_between_any_two_steps_goes_on_from_the_disk(store: Store) -> None:
    room, (alice, bobb) = new_room("alice", "bobb")
    disk = Disk(store, alice)
    for number in range(3):
        disk.want(Say(b"%d" % number))
        disk.reopen()
        disk.want(Change())
        disk.reopen()
    for _ in range(8):
        disk.post()
        disk.reopen()
        bobb.post()
    disk.catch_up()
    bobb.catch_up()
    assert bobb.texts == [b"0", b"1", b"2"]
    assert alice.log.outbox == ()
    assert alice.log.chain == bobb.log.chain
    assert room.kinds(1) == [Kind.MESSAGE, Kind.COMMIT, Kind.MESSAGE, Kind.MESSAGE]


def test_outbox_keeps_its_order_where_something_comes_between(store: Store) -> None:
    """A commit is put before what waits: what stands comes first, and a proposal to leave that lapsed."""
    _, (alice, _) = new_room("alice", "bobb")
    disk = Disk(store, alice)
    disk.want(Say(b"0"))
    for number in range(1, 40):
        disk.want(Say(b"%d" % number))
        outbox = alice.log.outbox
        ticket = alice.new_id()
        other = replace(outbox[0], ticket=ticket, intent=Say(b"between %d" % number))
        disk.save(Step(replace(alice.log, outbox=(outbox[0], other, *outbox[1:]))))
    disk.save(Step(replace(alice.log, outbox=alice.log.outbox[1:])))
    first = replace(alice.log.outbox[0], ticket=alice.new_id())
    disk.save(Step(replace(alice.log, outbox=(first, *alice.log.outbox))))
    assert count(store, "outbox") == len(alice.log.outbox)


WISHES = st.lists(
    st.tuples(st.sampled_from(["say", "heal", "leave", "post", "other", "kill"]), st.booleans()),
    max_size=30,
)


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(wishes=WISHES)
def test_disk_and_memory_agree_whatever_happens(
    tmp_path_factory: pytest.TempPathFactory, wishes: list[tuple[str, bool]]
) -> None:
    store = open_store(tmp_path_factory.mktemp("any") / "client.db")
    _, (alice, bobb) = new_room("alice", "bobb", admins=2)
    disk = Disk(store, alice)
    for number, (wish, is_dead) in enumerate(wishes):
        match wish:
            case "say":
                disk.want(Say(b"%d" % number))
            case "heal":
                disk.want(Change())
            case "leave":
                disk.want(Leave())
            case "kill":
                disk.reopen()
            case "post":
                disk.post()
            case "other" if is_dead:
                bobb.append(Kind.COMMIT, b"garbage", bobb.new_id())
                bobb.log = replace(bobb.log, halt=Halt.REMOVED)  # it can't read its own garbage
            case _:
                bobb.say(b"bobb %d" % number)
                bobb.post()
                disk.catch_up()
    store.close()


def test_message_costs_few_rows(path: Path) -> None:
    """One ratchet's row and a handful beside it, however many members there are."""
    names = [f"member{number}" for number in range(30)]
    _, (alice, bobb, *_) = new_room("alice", "bobb", *names)
    store = open_store(path)
    disk = Disk(store, alice)
    disk.want(Say(b"a first one splits the secret tree"))
    disk.post()
    bobb.say(b"likewise")
    bobb.post()
    disk.catch_up()

    def changes() -> int:
        return int(store._db._connection.total_changes())

    before = changes()
    disk.want(Say(b"hello"))
    assert changes() - before == 2  # outbox, log
    disk.post()
    assert changes() - before == 5  # outbox, log and own ratchet
    disk.catch_up()
    assert changes() - before == 9  # outbox's row deleted, log, chain, used id
    before = changes()
    bobb.say(b"hello")
    bobb.post()
    disk.catch_up()
    assert changes() - before == 4  # ratchet, log, chain, used id
    store.close()


def test_commit_has_chains_and_used_ids_forgotten(store: Store) -> None:
    room, (alice, bobb) = new_room("alice", "bobb")
    disk = Disk(store, alice)
    for _ in range(3):
        bobb.say(b"hello")
        bobb.post()
    disk.catch_up()
    assert (count(store, "chain"), count(store, "used")) == (4, 3)
    entry = room.entries[-1]
    assert store.has_used(room.group_id, entry.device, entry.message_id)
    assert not store.has_used(room.group_id, alice.device.id, entry.message_id)
    assert not store.has_used(b"H" * 16, entry.device, entry.message_id)
    bobb.want(Change())
    bobb.post()
    disk.catch_up()
    assert (count(store, "chain"), count(store, "used")) == (1, 0)
    assert store.chain_at(room.group_id, 5) == alice.log.chain
    assert store.chain_at(room.group_id, 4) is None


def test_dead_commit_has_chains_forgotten_and_keeps_used_ids(store: Store) -> None:
    room, (alice, bobb) = new_room("alice", "bobb")
    disk = Disk(store, alice)
    bobb.say(b"hello")
    bobb.post()
    bobb.append(Kind.COMMIT, b"garbage", bobb.new_id())
    disk.catch_up()
    assert (count(store, "chain"), count(store, "used")) == (1, 1)
    assert store.chain_at(room.group_id, 3) == alice.log.chain


def test_forgotten_log_leaves_no_row_but_its_timeline(store: Store) -> None:
    _, (alice, _) = new_room("alice", "bobb")
    disk = Disk(store, alice)
    disk.want(Change())
    disk.post()
    store.add_to_timeline(line(1))
    with store.transaction():
        store.forget_log(alice.log.group_id)
    assert list(store.load_logs(ROOM_POLICY)) == []
    for table in ("log", "mls", "chain", "used", "outbox"):
        assert count(store, table) == 0
    assert count(store, "timeline") == 1


def test_step_that_fails_leaves_the_disk_as_it_was(store: Store) -> None:
    _, (alice, bobb) = new_room("alice", "bobb")
    disk = Disk(store, alice)
    bobb.say(b"hello")
    bobb.post()
    before = dump(store)
    step = logs.read(alice.log, alice.room.entries[-1], store, NOW)

    def save_and_fail() -> None:
        with store.transaction():
            store.save_log(alice.log, step.log, ROOM)
            store.save_step(step)
            assert dump(store) != before
            raise RuntimeError("disk")

    with pytest.raises(RuntimeError, match="disk"):
        save_and_fail()
    assert dump(store) == before
    disk.check()


# --- deleted means deleted ---------------------------------------------------------------------


def secrets_of(log: GroupLog) -> set[bytes]:
    """All key material of a log: what is in its rows beside what everybody may see."""
    group = log.group
    found = [secret.expose() for secret in group.private_keys.values()]
    found += [ratchet.secret.expose() for ratchet in group.secret_tree.ratchets.values()]
    found += [secret.expose() for secret in group.secret_tree.node_secrets.values()]
    found += [
        group.epoch_secrets.init_secret.expose(),
        group.epoch_secrets.exporter_secret.expose(),
    ]
    return set(found)


def test_keys_that_were_used_up_are_in_no_table(store: Store) -> None:
    _, (alice, bobb) = new_room("alice", "bobb")
    disk = Disk(store, alice)
    ever = secrets_of(alice.log)
    assert all(secret in dump(store) for secret in ever)  # the control
    for wish in (Say(b"one"), Change(), Say(b"two"), Change(adds=()), Say(b"three")):
        disk.want(wish)
        disk.post()
        if alice.log.pending:
            ever |= secrets_of(replace(alice.log, group=alice.log.pending.group))
        ever |= secrets_of(alice.log)
        bobb.say(b"hello")
        bobb.post()
        disk.catch_up()
        ever |= secrets_of(alice.log)
    disk.catch_up()
    kept = secrets_of(alice.log)
    found = dump(store)
    assert len(ever - kept) > 20
    assert all(secret in found for secret in kept)
    assert not [secret for secret in ever - kept if secret in found]


def test_keys_of_a_commit_that_lost_are_in_no_table(store: Store) -> None:
    _, (alice, bobb) = new_room("alice", "bobb")
    disk = Disk(store, alice)
    disk.want(Change())
    alice.seal()
    disk.save(Step(alice.log))
    assert alice.log.pending is not None
    lost = secrets_of(replace(alice.log, group=alice.log.pending.group)) - secrets_of(alice.log)
    assert all(secret in dump(store) for secret in lost)
    bobb.want(Change())
    bobb.post()
    disk.catch_up()
    assert not [secret for secret in lost if secret in dump(store)]


# --- timeline, people, key packages ------------------------------------------------------------


def line(number: int) -> TimelineRow:
    message = Row(Ref(b"", b"m" * 16), NOBODY, None, f"line {number}")
    return TimelineRow(0, ROOM, b"G" * 16, number, "joined", 1_000 + number, message)


@pytest.mark.parametrize("how", PinnedHow)
@pytest.mark.parametrize("has_list", [True, False])
def test_account_comes_back_as_it_was_saved(store: Store, how: PinnedHow, has_list: bool) -> None:
    signed = SignedDocument(b"document", bytes(64)) if has_list else None
    known = KnownAccount(Pin("bobb", b"k" * 32, how, 1_800_000_000), None, 3, signed)
    store.save_account(known)
    assert store.account("bobb") == known
    assert store.account("carol") is None
    changed = replace(known, changed_key=b"x" * 32, list_version=4)
    store.save_account(changed)
    assert store.account("bobb") == changed


def test_key_package_is_kept_until_it_was_used(store: Store) -> None:
    bundle = new_device("alice").key_package()
    reference = bundle.key_package.reference()
    store.add_key_package(reference, bundle.encode(), is_last_resort=False, now=NOW)
    found = store.key_package(reference)
    assert found is not None
    assert (found[0].expose(), found[1]) == (bundle.encode().expose(), False)
    assert bundle.init_private.expose() in dump(store)
    store.drop_key_package(reference)
    assert store.key_package(reference) is None
    assert bundle.init_private.expose() not in dump(store)


def test_old_key_packages_are_dropped_but_never_the_newest_of_last_resort(store: Store) -> None:
    for name, is_last_resort, made in (
        (b"once, old", False, 10.0),
        (b"once, new", False, 20.0),
        (b"last, old", True, 1.0),
        (b"last, newer", True, 2.0),
    ):
        store.add_key_package(name, Secret(b"keys"), is_last_resort=is_last_resort, now=made)
    assert store.newest_last_resort() == 2.0
    store.drop_old_key_packages(15.0, 100.0)
    left = [name for (name,) in store._db.execute("SELECT reference FROM key_package ORDER BY 1")]
    assert left == [b"last, newer", b"once, new"]


def test_single_values_are_set_and_replaced(store: Store) -> None:
    assert store.get("account") is None
    store.put("account", b"one")
    store.put("account", b"two")
    assert store.get("account") == b"two"


def test_everything_is_there_after_closing_and_opening(path: Path) -> None:
    store = open_store(path)
    _, (alice, _) = new_room("alice", "bobb")
    disk = Disk(store, alice)
    disk.want(Change())
    disk.post()
    store.tidy()
    store.close()
    store = open_store(path)
    disk.store = store
    disk.check()
    store.close()


# --- invitations that wait for a successor ----------------------------------------------------


def test_invitations_of_two_accounts_to_one_group_are_held_side_by_side(store: Store) -> None:
    both = [HeldWelcome(b"N" * 16, ROOM, key, b"of " + key) for key in (b"a" * 32, b"b" * 32)]
    for held in both:
        store.hold_welcome(held)
    assert sorted(store.held_welcomes(ROOM), key=lambda h: h.account_key) == both
    store.drop_held_welcome(both[0])
    assert store.held_welcomes(ROOM) == both[1:]


def test_of_an_accounts_invitations_for_a_room_the_newest_is_held(store: Store) -> None:
    first, second, others = (
        HeldWelcome(bytes([n]) * 16, ROOM, key, b"welcome %d" % n)
        for n, key in ((1, b"a" * 32), (2, b"a" * 32), (3, b"b" * 32))
    )
    for held in (first, others, second):
        store.hold_welcome(held)
    assert sorted(store.held_welcomes(ROOM), key=lambda h: h.group_id) == [second, others]
    assert store.held_welcomes(b"?" * 16) == []
    assert store.size_of_held_welcomes() == (2, 18)
    assert store.is_held(second.group_id)
    store.drop_held_welcome(second)
    assert not store.is_held(second.group_id)


def test_group_that_is_prepared_is_told_from_those_in_which_rooms_live(store: Store) -> None:
    _, (alice, _) = new_room("alice", "bobb")
    store.save_log(None, alice.log, ROOM, is_current=False)
    assert store.prepared_groups() == {alice.group.group_id}
    store.save_log(alice.log, alice.log, ROOM)
    assert store.prepared_groups() == set()


def test_successor_and_what_a_person_said_to_it_are_kept(store: Store) -> None:
    _, (alice, _) = new_room("alice", "bobb")
    log = replace(
        alice.log,
        successor=b"N" * 16,
        successor_by="bobb",
        successor_key=b"b" * 32,
        rivals=(Rival("carol", b"c" * 32, b"O" * 16),),
        agreed=True,
        declined=True,
    )
    store.save_log(None, log, ROOM)
    ((_, loaded),) = store.load_logs(ROOM_POLICY)
    assert replace(loaded, group=log.group) == log
