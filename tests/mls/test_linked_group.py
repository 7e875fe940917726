"""Subgroups and reinitialised groups: who makes them, who follows, and what is refused."""

from dataclasses import replace

import pytest

from coterie.errors import LocalProtocolError
from coterie.mls import (
    DEFAULT_SUITE,
    SUITES,
    CipherSuite,
    Extension,
    Group,
    Joined,
    KeyPackageBundle,
    NewLeaf,
    PendingCommit,
    PskNotAvailable,
    ReInit,
    TakeAll,
    branch,
    join,
    linked_group,
    load,
    process,
    reinitialise,
    rows,
)
from coterie.mls.psk import PreSharedKeyId, ResumptionPsk, ResumptionUsage
from coterie.secret import Secret
from tests.mls.rooms import (
    BOTH,
    KNOWN_EXTENSION,
    LIFETIME,
    ONE,
    Room,
    new_bundle,
    new_leaf,
    private_of,
    refuses,
)

OTHER = SUITES[3]


def fresh(room: Room, *names: str, suite: CipherSuite | None = None) -> list[KeyPackageBundle]:
    """Key packages of members for another group, under the credential that they have here."""
    return [
        new_bundle(suite or room.suite, leaf_in(suite or room.suite, room[name])) for name in names
    ]


def leaf_in(suite: CipherSuite, group: Group) -> NewLeaf:
    leaf = new_leaf(suite, "")
    return replace(leaf, credential=group.own_leaf.credential)


def joined(bundle: KeyPackageBundle, pending: PendingCommit, parent: Group | None) -> Joined:
    assert pending.welcome is not None
    key = private_of(bundle.key_package.leaf_node.signature_key)
    return join(pending.welcome, bundle, key, parent=parent)


# --- subgroups ---------------------------------------------------------------------------------


@BOTH
def test_some_members_branch_off(suite: CipherSuite) -> None:
    room = Room(suite, "alice", "bobb", "carol")
    room.commit("carol")
    (bundle,) = fresh(room, "bobb")
    pending = branch(room["alice"], b"the two of us", [bundle.key_package], LIFETIME)
    bobb = joined(bundle, pending, room["bobb"]).group
    assert bobb.epoch == 1
    assert bobb.epoch_authenticator == pending.group.epoch_authenticator
    _, message = pending.group.protect(b"between us")
    process(bobb, message)


def test_a_subgroup_can_be_joined_from_a_later_epoch_of_the_old_group() -> None:
    room = Room(ONE, "alice", "bobb")
    (bundle,) = fresh(room, "bobb")
    pending = branch(room["alice"], b"sub", [bundle.key_package], LIFETIME)
    room.commit("bobb")
    assert joined(bundle, pending, room["bobb"]).group.group_id == b"sub"
    for _ in range(4):
        room.commit("bobb")
    with pytest.raises(PskNotAvailable):
        joined(bundle, pending, room["bobb"])


def test_the_old_groups_secrets_are_in_no_row_of_the_new() -> None:
    room = Room(ONE, "alice", "bobb")
    (bundle,) = fresh(room, "bobb")
    pending = branch(room["alice"], b"sub", [bundle.key_package], LIFETIME)
    old = room["alice"].epoch_secrets
    secrets = [getattr(old, name).expose() for name in old.__slots__]
    for group in (pending.group, joined(bundle, pending, room["bobb"]).group):
        saved = b"".join(rows(group).values())
        assert not any(secret in saved for secret in secrets)


def test_nobody_from_elsewhere_is_taken_into_a_subgroup() -> None:
    room = Room(ONE, "alice", "bobb")
    stranger = new_bundle(ONE, "mallory")
    with refuses("branch-members"):
        branch(room["alice"], b"sub", [stranger.key_package], LIFETIME)
    bundles = [*fresh(room, "bobb"), stranger]
    hostile = branch(
        room["alice"],
        b"sub",
        [bundle.key_package for bundle in bundles],
        LIFETIME,
        same_client=lambda one, other: True,
    )
    with refuses("branch-members"):
        joined(bundles[0], hostile, room["bobb"])


def test_a_subgroup_has_the_old_groups_suite() -> None:
    room = Room(ONE, "alice", "bobb")
    (bundle,) = fresh(room, "bobb", suite=OTHER)
    elsewhere = Group.create(OTHER, b"sub", leaf_in(OTHER, room["alice"]), LIFETIME)
    usage = ResumptionUsage.BRANCH
    hostile = linked_group._linked(elsewhere, room["alice"], usage, [bundle.key_package], ())
    with refuses("branch-suite"):
        joined(bundle, hostile, room["bobb"])


def test_a_subgroup_is_not_joined_without_the_group_it_comes_of() -> None:
    """Nothing that section 11.3 wants verified could be."""
    room, another = Room(ONE, "alice", "bobb"), Room(ONE, "bobb")
    (bundle,) = fresh(room, "bobb")
    pending = branch(room["alice"], b"sub", [bundle.key_package], LIFETIME)
    with pytest.raises(PskNotAvailable):
        joined(bundle, pending, None)
    with pytest.raises(PskNotAvailable):
        joined(bundle, pending, replace_id(another["bobb"]))
    assert pending.welcome is not None
    policy = HasEverything(room["bobb"])
    with refuses("linked-group-unknown"):
        join(
            pending.welcome,
            bundle,
            private_of(bundle.key_package.leaf_node.signature_key),
            policy=policy,
        )


def replace_id(group: Group) -> Group:
    return replace(group, context=replace(group.context, group_id=b"another"))


class HasEverything(TakeAll):
    """An application that keeps resumption PSKs of its own."""

    def __init__(self, group: Group) -> None:
        super().__init__()
        self._group = group

    def psk(self, psk_id: PreSharedKeyId) -> Secret | None:
        assert isinstance(psk_id, ResumptionPsk)
        return self._group.resumption_psk(psk_id.psk_epoch)


# --- reinitialised -----------------------------------------------------------------------------


def ended(suite: CipherSuite, *, to: CipherSuite, extensions: tuple[Extension, ...] = ()) -> Room:
    room = Room(suite, "alice", "bobb", "carol")
    room.commit("bobb", ReInit(b"next", 1, to.number, extensions), force_path=False)
    return room


@pytest.mark.parametrize("to", [OTHER, SUITES[2], SUITES[DEFAULT_SUITE]], ids=["3", "2", "default"])
def test_a_group_goes_on_in_another_suite(to: CipherSuite) -> None:
    """Also where the new suite signs with another kind of key, and from saved rows."""
    extension = Extension(KNOWN_EXTENSION, b"")
    room = ended(ONE, to=to, extensions=(extension,))
    bundles = fresh(room, "bobb", "carol", suite=to)
    alice = load(rows(room["alice"]), TakeAll())
    pending = reinitialise(
        alice,
        [bundle.key_package for bundle in bundles],
        LIFETIME,
        leaf=leaf_in(to, alice),
    )
    groups = [
        joined(b, pending, room[n]).group for b, n in zip(bundles, ("bobb", "carol"), strict=True)
    ]
    for group in groups:
        assert (group.group_id, group.epoch, group.extensions) == (b"next", 1, (extension,))
        assert group.epoch_authenticator == pending.group.epoch_authenticator


def test_a_group_that_was_not_reinitialised_has_no_successor() -> None:
    room = Room(ONE, "alice", "bobb")
    (bundle,) = fresh(room, "bobb")
    with pytest.raises(LocalProtocolError, match="no ReInit"):
        reinitialise(room["alice"], [bundle.key_package], LIFETIME)
    pretended = replace(room["alice"], reinit=ReInit(b"next", 1, 1, ()))
    hostile = reinitialise(pretended, [bundle.key_package], LIFETIME)
    with refuses("reinit-not-committed"):
        joined(bundle, hostile, room["bobb"])


def test_everybody_goes_on() -> None:
    room = ended(ONE, to=ONE)
    (bundle,) = fresh(room, "bobb")
    with refuses("reinit-members"):
        reinitialise(room["alice"], [bundle.key_package], LIFETIME)
    hostile = reinitialise(
        room["alice"], [bundle.key_package], LIFETIME, same_client=lambda one, other: True
    )
    with refuses("reinit-members"):
        joined(bundle, hostile, room["bobb"])


def test_the_successor_is_what_was_asked_for() -> None:
    room = ended(ONE, to=ONE)
    bundles = fresh(room, "bobb", "carol")
    extension = Extension(KNOWN_EXTENSION, b"")
    for other in (ReInit(b"another", 1, 1, ()), ReInit(b"next", 1, 1, (extension,))):
        changed = replace(room["alice"], reinit=other)
        hostile = reinitialise(changed, [b.key_package for b in bundles], LIFETIME)
        with refuses("reinit-mismatch"):
            joined(bundles[0], hostile, room["bobb"])


def test_the_link_is_that_of_the_epoch_that_ended_the_group() -> None:
    room = Room(ONE, "alice", "bobb", "carol")
    before = room["alice"]
    asked = ReInit(b"next", 1, 1, ())
    room.commit("bobb", asked, force_path=False)
    bundles = fresh(room, "bobb", "carol")
    hostile = reinitialise(
        replace(before, reinit=asked), [b.key_package for b in bundles], LIFETIME
    )
    with refuses("reinit-not-committed"):
        joined(bundles[0], hostile, room["bobb"])
