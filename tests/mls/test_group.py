"""Groups as their members live in them: create, add, join, say, propose, commit, update, remove."""

import itertools
import random
from dataclasses import replace

import pytest

from coterie.errors import LocalProtocolError, RuleViolation
from coterie.mls import (
    Add,
    BasicCredential,
    CipherSuite,
    CommitReceived,
    Extension,
    Group,
    GroupContextExtensions,
    Remove,
    TakeAll,
    commit,
    join,
    load,
    process,
)
from coterie.mls.proposals import ReInit
from tests.mls.rooms import (
    BOTH,
    KNOWN_EXTENSION,
    LIFETIME,
    ONE,
    Room,
    new_bundle,
    new_leaf,
    refuses,
    signature_private,
)


@BOTH
def test_everybody_reads_everybody(suite: CipherSuite) -> None:
    room = Room(suite, "alice", "bobb", "carol")
    for name, number in itertools.product(room.groups, range(3)):
        room.say(name, f"{name} says {number}".encode())


@BOTH
def test_a_group_of_one_commits_and_then_adds(suite: CipherSuite) -> None:
    room = Room(suite, "alice")
    assert room["alice"].epoch == 0
    room.commit("alice")
    room.commit("alice", add=["bobb"])
    room.say("bobb", b"hi")
    assert room["bobb"].epoch == 2


@BOTH
def test_a_newcomer_knows_who_let_it_in_and_what_the_group_info_said(suite: CipherSuite) -> None:
    room = Room(suite, "alice")
    bundle = new_bundle(suite, "bobb")
    said = Extension(KNOWN_EXTENSION, b"read so far")
    pending = room.make_commit("alice", Add(bundle.key_package), group_info_extensions=[said])
    assert pending.welcome is not None
    joined = join(pending.welcome, bundle, signature_private(bundle))
    assert joined.signer_leaf == pending.group.own_leaf
    assert joined.signer == 0
    assert said in joined.group_info_extensions
    assert joined.group.epoch_authenticator == pending.group.epoch_authenticator


@BOTH
def test_a_commit_without_a_path_adds_and_the_tree_may_travel_apart(suite: CipherSuite) -> None:
    room = Room(suite, "alice", "bobb")
    room.commit("bobb", add=["carol", "dave"], force_path=False, tree_in_welcome=False)
    room.say("dave", b"hi")
    room.commit("carol")
    room.say("alice", b"hi")


@BOTH
def test_commits_go_public_or_private(suite: CipherSuite) -> None:
    room = Room(suite, "alice", "bobb", "carol")
    room.commit("bobb", is_public=True)
    room.commit("carol")
    room.say("alice", b"hi")


@BOTH
def test_a_removed_member_learns_it_and_reads_nothing_more(suite: CipherSuite) -> None:
    room = Room(suite, "alice", "bobb", "carol")
    bobb = room["bobb"]
    pending = room.make_commit("alice", Remove(room.index("bobb")))
    received = process(bobb, pending.message)
    assert isinstance(received, CommitReceived)
    assert received.is_removed
    assert received.group.epoch == bobb.epoch
    room.hear_commit("alice", pending)
    message = room.say("carol", b"without him")
    for group in (bobb, received.group):
        with refuses("epoch"):
            process(group, message)
    # and no key that he has opens the next epoch: the path was not sealed to him
    after = room["carol"]
    secrets = {key.expose() for key in bobb.private_keys.values()}
    assert secrets.isdisjoint(key.expose() for key in after.private_keys.values())
    assert bobb.epoch_secrets.init_secret != after.epoch_secrets.init_secret


@BOTH
def test_a_member_leaves_by_a_proposal_that_another_commits(suite: CipherSuite) -> None:
    room = Room(suite, "alice", "bobb", "carol")
    reference = room.propose("bobb", Remove(room.index("bobb")))
    assert room["alice"].leaving == (room.index("bobb"),)
    room.commit("carol", by_reference=[reference])
    assert set(room.groups) == {"alice", "carol"}
    assert room["alice"].standing == ()
    room.say("alice", b"hi")


@BOTH
@pytest.mark.parametrize("is_public", [False, True], ids=["private", "public"])
def test_an_update_takes_effect_with_the_commit_of_another(
    suite: CipherSuite, is_public: bool
) -> None:
    room = Room(suite, "alice", "bobb", "carol")
    before = room["bobb"].own_leaf
    group, message = room["bobb"].propose_update(is_public=is_public)
    room.has("bobb", group)
    reference = room.hear_proposal("bobb", message)
    room.commit("alice", by_reference=[reference])
    assert room["bobb"].own_leaf.encryption_key != before.encryption_key
    assert not room["bobb"].update_keys
    room.commit("carol")
    room.say("bobb", b"hi")


@BOTH
def test_of_two_commits_the_loser_is_dropped_and_made_again(suite: CipherSuite) -> None:
    room = Room(suite, "alice", "bobb", "carol")
    lost = room.make_commit("bobb", Remove(room.index("carol")))
    won = room.make_commit("alice")
    room.hear_commit("alice", won)
    room.assert_agreed()
    for name in ("alice", "bobb", "carol"):
        with refuses("epoch"):
            process(room[name], lost.message)
    room.commit("bobb", remove=["carol"])
    room.say("bobb", b"hi")


def test_a_pending_commit_leaves_the_group_as_it_was_but_for_the_ratchet() -> None:
    room = Room(ONE, "alice", "bobb")
    before = room["bobb"]
    room.make_commit("bobb")
    after = room["bobb"]
    assert after.epoch == before.epoch
    assert after.tree is before.tree
    room.say("bobb", b"still in this epoch")


def test_a_private_commit_of_ones_own_is_refused_since_its_key_is_gone() -> None:
    room = Room(ONE, "alice", "bobb")
    pending = room.make_commit("bobb")
    with refuses("generation"):
        process(room["bobb"], pending.message)


def test_a_public_commit_of_ones_own_is_refused() -> None:
    room = Room(ONE, "alice", "bobb")
    pending = room.make_commit("bobb", is_public=True)
    with refuses("own-commit"):
        process(room["bobb"], pending.message)


def test_ones_own_message_cannot_be_read_back() -> None:
    room = Room(ONE, "alice", "bobb")
    message = room.say("alice", b"hi")
    with refuses("generation"):
        process(room["alice"], message)


def test_a_message_is_read_once() -> None:
    room = Room(ONE, "alice", "bobb")
    message = room.say("alice", b"hi")
    with refuses("generation"):
        process(room["bobb"], message)


def test_a_proposal_stands_once_however_often_it_is_heard() -> None:
    room = Room(ONE, "alice", "bobb", "carol")
    group, message = room["bobb"].propose(Remove(2), is_public=True)
    room.has("bobb", group)
    reference = room.hear_proposal("bobb", message)
    again = process(room["alice"], message).group
    assert [s.reference for s in again.standing] == [reference]


def test_only_a_proposal_of_ones_own_can_be_accepted_as_such() -> None:
    room = Room(ONE, "alice", "bobb")
    with pytest.raises(LocalProtocolError):
        room["alice"].accept_own_proposal(b"no message of alice's")


def test_standing_proposals_lapse_with_a_commit_that_did_not_take_them() -> None:
    room = Room(ONE, "alice", "bobb", "carol")
    reference = room.propose("bobb", Remove(room.index("bobb")))
    room.commit("alice")
    assert all(not g.standing and not g.own_proposals for g in room.groups.values())
    with refuses("unknown-proposal"):
        commit(room["alice"], by_reference=[reference])


def test_a_proposal_that_was_sent_and_not_read_back_does_not_stand() -> None:
    room = Room(ONE, "alice", "bobb")
    group, _ = room["alice"].propose(Remove(1))
    assert group.standing == ()
    with refuses("unknown-proposal"):
        commit(group, by_reference=[group.own_proposals[0][1].reference])


@BOTH
def test_the_extensions_change_for_all(suite: CipherSuite) -> None:
    room = Room(suite, "alice", "bobb")
    extensions = (Extension(KNOWN_EXTENSION, b"state"),)
    room.commit("bobb", GroupContextExtensions(extensions), add=["carol"])
    assert all(group.extensions == extensions for group in room.groups.values())
    room.commit("carol")
    assert room["alice"].extensions == extensions


@BOTH
def test_exported_secrets_are_alike_for_all_and_unlike_for_each_epoch(suite: CipherSuite) -> None:
    room = Room(suite, "alice", "bobb")
    seen = set()
    for _ in range(3):
        (secret,) = {g.export(b"label", b"context", 48).expose() for g in room.groups.values()}
        seen |= {secret, room["alice"].export(b"other", b"context", 48).expose()}
        room.commit("bobb")
    assert len(seen) == 6
    assert all(len(secret) == 48 for secret in seen)


def test_nothing_is_sent_in_a_group_that_was_reinitialised() -> None:
    room = Room(ONE, "alice", "bobb")
    room.commit("alice", ReInit(b"next", 1, 1, ()), force_path=False)
    for name, group in room.groups.items():
        for again in (group, load(room.saved[name], TakeAll())):
            assert again.reinit == ReInit(b"next", 1, 1, ())
            with pytest.raises(LocalProtocolError):
                again.protect(b"hi")
            with pytest.raises(LocalProtocolError):
                again.propose(Remove(0))
            with pytest.raises(LocalProtocolError):
                commit(again)


def test_what_is_sent_in_a_group_that_was_reinitialised_is_refused() -> None:
    """A member who went on there would lead the others past the end."""
    room = Room(ONE, "alice", "bobb")
    room.commit("alice", ReInit(b"next", 1, 1, ()), force_path=False)
    goes_on = replace(room["alice"], reinit=None)
    for message in (
        goes_on.protect(b"hi")[1],
        goes_on.propose(Remove(0))[1],
        commit(goes_on)[1].message,
    ):
        with refuses("group-reinitialised"):
            process(room["bobb"], message)


def test_padding_hides_the_length() -> None:
    room = Room(ONE, "alice", "bobb")
    sizes = set()
    for data in (b"", b"x" * 50):
        group, message = room["alice"].protect(data, padding=64 - len(data))
        room.has("alice", group)
        received = process(room["bobb"], message)
        room.has("bobb", received.group)
        sizes.add(len(message))
    assert len(sizes) == 1


def test_late_messages_are_read_where_skipped_keys_are_kept() -> None:
    room = Room(ONE, "alice", "bobb", keep_skipped=2)
    messages = []
    for number in range(5):
        group, message = room["alice"].protect(str(number).encode())
        room.has("alice", group)
        messages.append(message)
    for number in (4, 2, 3):
        received = process(room["bobb"], messages[number])
        room.has("bobb", received.group)
    for number in (0, 1, 2, 3, 4):
        with refuses("generation"):
            process(room["bobb"], messages[number])


def test_a_group_begins_with_a_leaf_that_fits_it() -> None:
    extensions = [Extension(0xFFFF, b"")]
    with refuses("group-extension-unsupported"):
        Group.create(ONE, b"id", new_leaf(ONE, "alice"), LIFETIME, extensions=extensions)


@BOTH
@pytest.mark.parametrize("seed", range(4))
def test_any_course_of_events_keeps_all_agreed(suite: CipherSuite, seed: int) -> None:
    """Adds, removes, updates, heals, lost races: every state is saved, loaded and compared on the way."""
    chance = random.Random(seed)  # noqa: S311
    names = (f"member {number}" for number in itertools.count())
    room = Room(suite, *itertools.islice(names, 3))
    for _ in range(12):
        by = chance.choice(list(room.groups))
        references = []
        if others := room.others(by):
            if chance.random() < 0.5:
                proposer = chance.choice(others)
                group, message = room[proposer].propose_update()
                room.has(proposer, group)
                references.append(room.hear_proposal(proposer, message))
            if chance.random() < 0.3:
                room.make_commit(chance.choice(others))  # loses
        touched = {room[by].standing[0].proposed.sender.index} if references else set()
        removable = [o for o in others if room.index(o) not in touched] if others else []
        room.commit(
            by,
            by_reference=references,
            add=list(itertools.islice(names, chance.choice([0, 0, 1, 3]))),
            remove=chance.sample(removable, min(len(removable), chance.choice([0, 0, 1, 2]))),
            force_path=chance.random() < 0.7,
        )
        room.say(chance.choice(list(room.groups)), b"hi")
        for group in room.groups.values():
            group.tree.verify_parent_hashes()


def test_a_rule_violation_tells_its_rule() -> None:
    room = Room(ONE, "alice", "bobb")
    with pytest.raises(RuleViolation, match=r"^epoch: 0, the group is in 1$"):
        process(room["bobb"], Room(ONE, "alice").say("alice", b"hi"))


# --- another leaf ------------------------------------------------------------------------------


@BOTH
def test_a_commit_changes_what_a_leaf_says_and_the_key_it_signs_with(suite: CipherSuite) -> None:
    room = Room(suite, "alice", "bobb", "carol")
    before, now = room["bobb"].own_leaf, new_leaf(suite, "bobb of another house")
    room.commit("bobb", leaf=now)
    leaf = room["alice"].tree.leaf(room.index("bobb"))
    assert leaf is not None
    assert (leaf.credential, leaf.signature_key) == (now.credential, now.signature_key)
    assert leaf.signature_key != before.signature_key
    room.say("bobb", b"signed anew")
    room.commit("bobb", add=["dave"])  # the GroupInfo too


def test_a_leaf_changes_with_a_path_alone() -> None:
    room = Room(ONE, "alice", "bobb")
    added = Add(new_bundle(ONE, "carol").key_package)
    with pytest.raises(LocalProtocolError, match="path"):
        commit(room["alice"], [added], leaf=new_leaf(ONE, "alice"), force_path=False)


def test_a_committer_may_not_take_a_key_that_another_has() -> None:
    room = Room(ONE, "alice", "bobb")
    with refuses("signature-key-twice"):
        commit(room["alice"], leaf=room["bobb"].new_leaf())


def test_an_update_changes_what_a_leaf_says_and_not_its_signature_key() -> None:
    room = Room(ONE, "alice", "bobb")
    now = replace(room["bobb"].new_leaf(), credential=BasicCredential(b"bobb, married"))
    group, message = room["bobb"].propose_update(now)
    room.has("bobb", group)
    room.commit("alice", by_reference=[room.hear_proposal("bobb", message)])
    assert room["bobb"].own_leaf.credential == now.credential
    room.say("bobb", b"hi")
    with pytest.raises(LocalProtocolError, match="signature key"):
        room["bobb"].propose_update(new_leaf(ONE, "bobb"))
