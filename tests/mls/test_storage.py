"""Rows: the changes of every step lead to them, loading goes on, few are written, and no consumed key is in any."""

from collections.abc import Iterable
from typing import NoReturn

import pytest

from coterie.errors import StorageError
from coterie.mls import (
    Add,
    CipherSuite,
    Extension,
    Group,
    GroupContextExtensions,
    Remove,
    TakeAll,
    changes,
    load,
    process,
    rows,
)
from coterie.mls.ratchet_tree import Node
from coterie.secret import observe
from tests.mls.rooms import BOTH, KNOWN_EXTENSION, ONE, Room, new_bundle


def everything(suite: CipherSuite) -> Room:
    """A room in whose rows there is something of each kind. Its steps are checked by ``Room.has``."""
    room = Room(suite, "alice", "bobb", "carol", "dave", "frank", keep_skipped=3)
    for name in room.groups:
        room.commit(name)
    room.commit("alice", GroupContextExtensions((Extension(KNOWN_EXTENSION, b"state"),)))
    room.say("carol", b"hi")
    group, _ = room["alice"].protect(b"lost")
    room.has("alice", group)
    room.say("alice", b"after a gap: one skipped key")
    group, message = room["bobb"].propose_update()
    room.has("bobb", group)
    room.hear_proposal("bobb", message)
    room.propose("dave", Remove(room.index("dave")))
    room.propose("alice", Add(new_bundle(suite, "erin").key_package))
    for name in room.groups:  # sent, and not read back
        group, _ = room[name].propose(Remove(0), authenticated_data=name.encode())
        room.has(name, group)
    return room


@BOTH
def test_rows_of_every_kind_are_loaded_and_go_on(suite: CipherSuite) -> None:
    room = everything(suite)
    kinds = {key[:1] for saved in room.saved.values() for key in saved}
    assert kinds == {bytes([kind]) for kind in b"hetknapour"}
    for name in room.groups:
        loaded = load(room.saved[name], TakeAll())
        assert rows(loaded) == room.saved[name]
        assert [s.reference for s in loaded.standing] == [
            s.reference for s in room["bobb"].standing
        ]
        room.groups[name] = loaded
    standing = room["carol"].standing
    room.commit("carol", by_reference=[s.reference for s in standing[:2]])
    for name in room.groups:
        room.say(name, b"hi")


@BOTH
def test_a_loaded_group_accepts_its_own_proposal(suite: CipherSuite) -> None:
    room = everything(suite)
    loaded = load(room.saved["dave"], TakeAll())
    ((message, own),) = loaded.own_proposals
    assert loaded.accept_own_proposal(message).standing[-1].reference == own.reference


@BOTH
def test_a_message_writes_one_ratchet_and_nothing_else(suite: CipherSuite) -> None:
    """But for the first in an epoch, which parts the way to its leaf."""
    room = everything(suite)
    for name in room.groups:
        room.say(name, b"the first parts the way")
    before = dict(room.groups)
    room.say("dave", b"hi")
    for name, old in before.items():
        differ = changes(old, room[name])
        assert [key[:1] for key in differ.put] == [b"a"]
        assert differ.delete == ()


def test_the_first_message_of_a_leaf_writes_the_way_to_it() -> None:
    room = Room(ONE, *(str(number) for number in range(16)))
    group, _ = room["5"].protect(b"hi")
    differ = changes(room["5"], group)
    assert sorted(key[:1] for key in differ.put) == [b"a"] * 2 + [b"n"] * 4
    assert [key[:1] for key in differ.delete] == [b"n"]


def test_a_proposal_writes_itself_alone() -> None:
    """The rows of those before it were written again with each."""
    room = Room(ONE, "alice", "bobb")
    for number in range(3):
        before = dict(room.groups)
        group, message = room["alice"].propose(Remove(1), authenticated_data=bytes([number]))
        room.has("alice", group)
        kinds = sorted(key[:1] for key in changes(before["alice"], group).put)
        assert kinds == ([b"a", b"o"] if number else [b"a", b"a", b"n", b"o"])
        sent = group
        room.hear_proposal("alice", message)
        differ = changes(sent, room["alice"])
        assert ([key[:1] for key in differ.put], [key[:1] for key in differ.delete]) == (
            [b"p"],
            [b"o"],
        )
        received = changes(before["bobb"], room["bobb"])
        assert [key[:1] for key in received.put].count(b"p") == 1


@BOTH
def test_a_commit_writes_its_path_and_not_the_tree(suite: CipherSuite) -> None:
    room = Room(suite, *(str(number) for number in range(16)))
    for name in ("0", "5", "9"):
        room.commit(name)
    old = room["9"]
    room.commit("0")
    differ = changes(old, room["9"])
    assert sum(key[:1] == b"t" for key in differ.put) == 5  # leaf 0 and four parents
    assert sum(key[:1] == b"k" for key in differ.put) == 1  # the root: all that they share
    assert not any(key[:1] == b"t" for key in differ.delete)


class Unread(tuple[Node | None, ...]):
    """Nodes that nobody may go through."""

    def __iter__(self) -> NoReturn:
        raise AssertionError("somebody went through all nodes")


def test_changes_of_a_message_do_not_go_through_the_tree() -> None:
    """Each message walked all nodes: 2,000 in a room of 1,000."""
    room = Room(ONE, "alice", "bobb")
    room["alice"].tree.nodes = Unread(room["alice"].tree.nodes)
    group, _ = room["alice"].protect(b"hi")
    assert changes(room["alice"], group).put


def secrets_while(room: Room, name: str) -> dict[str, list[bytes]]:
    """What one member derives as it follows a commit by carol and one of its own."""
    seen: dict[str, list[bytes]] = {}
    observe(lambda label, secret: seen.setdefault(label, []).append(secret.expose()))
    try:
        pending = room.make_commit("carol")
        seen.clear()
        room.has(name, process(room[name], pending.message).group)
    finally:
        observe(None)
    return seen


@BOTH
def test_what_must_be_deleted_is_in_no_row(suite: CipherSuite) -> None:
    """RFC 9420 sections 7.4, 8 and 9.2: what an epoch was made of is gone with its making."""
    room = Room(suite, "alice", "bobb", "carol", "dave")
    for name in room.groups:
        room.commit(name)
    old = room["alice"]
    seen = secrets_while(room, "alice")
    gone = [
        secret
        for label in (
            "mls.path_secret",
            "mls.commit_secret",
            "mls.joiner_secret",
            "mls.epoch_secret",
            "mls.welcome_secret",
        )
        for secret in seen[label]
    ]
    assert len(gone) >= 5
    assert_in_no_row(room["alice"], gone)
    # of the epoch before: all but the resumption PSK
    kept = {old.epoch_secrets.resumption_psk.expose()}
    before = {getattr(old.epoch_secrets, name).expose() for name in old.epoch_secrets.__slots__}
    assert_in_no_row(room["alice"], before - kept)
    replaced = {x: key for x, key in old.private_keys.items() if x in (3,)}
    assert replaced
    assert_in_no_row(room["alice"], [key.expose() for key in replaced.values()])
    held = [s.expose() for s in old.secret_tree.node_secrets.values()]
    held += [r.secret.expose() for r in old.secret_tree.ratchets.values()]
    assert_in_no_row(room["alice"], held)
    # and with the first message the encryption secret, the way to the leaf, and the key
    encryption_secret = seen["mls.encryption_secret"]
    group, _ = room["alice"].protect(b"hi")
    assert_in_no_row(group, encryption_secret)
    assert any(encryption_secret[0] in row for row in rows(room["alice"]).values())


@BOTH
def test_a_commit_of_ones_own_keeps_no_old_key_of_its_path(suite: CipherSuite) -> None:
    room = Room(suite, "alice", "bobb", "carol", "dave")
    for name in room.groups:
        room.commit(name)
    old = room["alice"]
    room.commit("alice")
    assert_in_no_row(room["alice"], [key.expose() for key in old.private_keys.values()])


@BOTH
def test_the_key_of_an_update_that_lapsed_is_in_no_row(suite: CipherSuite) -> None:
    room = Room(suite, "alice", "bobb")
    group, message = room["bobb"].propose_update()
    room.has("bobb", group)
    (key,) = group.update_keys.values()
    assert any(key.expose() in row for row in rows(group).values())
    room.hear_proposal("bobb", message)
    room.commit("alice")
    assert_in_no_row(room["bobb"], [key.expose()])


def assert_in_no_row(group: Group, secrets: Iterable[bytes]) -> None:
    for secret in secrets:
        assert not any(secret in row for row in rows(group).values())


def test_few_resumption_psks_are_kept() -> None:
    room = Room(ONE, "alice", "bobb")
    first = room["alice"].epoch_secrets.resumption_psk
    for _ in range(6):
        room.commit("alice")
    assert sorted(room["bobb"].resumption_psks) == [3, 4, 5, 6]
    assert_in_no_row(room["bobb"], [first.expose()])


def test_damaged_or_foreign_rows_are_said_to_be_so() -> None:
    saved = rows(Room(ONE, "alice", "bobb")["alice"])
    with pytest.raises(StorageError, match="version 9"):
        load({**saved, b"h": b"\x09" + saved[b"h"][1:]}, TakeAll())
    for damaged in (
        {},
        {b"h": b""},
        {b"h": saved[b"h"][:20]},
        {key: value for key, value in saved.items() if key != b"e"},
        {**saved, b"t\0\0\1\0": saved[b"t\0\0\0\0"]},
        {**saved, b"a\0\0\0\0\7": saved[b"e"]},
        {**saved, b"pxxxx": b"no proposal"},
    ):
        with pytest.raises(StorageError, match="damaged or incomplete"):
            load(damaged, TakeAll())
