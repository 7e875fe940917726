"""What the policy is asked: the same by who commits and by who follows, so that all decide alike."""

from collections.abc import Sequence

import pytest

from coterie.errors import RuleViolation
from coterie.mls import (
    Add,
    Group,
    LeafNode,
    Proposed,
    RatchetTree,
    Remove,
    TakeAll,
    join,
    process,
)
from coterie.mls.framing import Sender, SenderType
from tests.mls import forge
from tests.mls.rooms import ONE, Room, new_bundle, new_leaf, signature_private

Question = tuple[object, ...]


class Asked(TakeAll):
    """Notes the questions."""

    def __init__(self) -> None:
        super().__init__()
        self.questions: list[Question] = []

    def check_leaf(self, leaf: LeafNode, replaced: LeafNode | None) -> None:
        self.questions.append(("leaf", leaf, replaced))

    def check_proposal(self, group: Group, proposed: Proposed) -> None:
        self.questions.append(("proposal", group.epoch, proposed))

    def check_commit(
        self,
        group: Group,
        committer: LeafNode,
        proposals: Sequence[Proposed],
        tree: RatchetTree,
    ) -> None:
        self.questions.append(("commit", group.epoch, committer, tuple(proposals), tree.nodes))


def room() -> tuple[Room, Asked]:
    policy = Asked()
    made = Room(ONE, "alice", "bobb", "carol", policy=policy)
    return made, policy


def test_committer_and_follower_are_asked_the_same() -> None:
    there, policy = room()
    group, message = there["carol"].propose_update()
    there.has("carol", group)
    reference = there.hear_proposal("carol", message)
    dave = new_bundle(ONE, "dave").key_package
    old_carol, old_alice = there["carol"].own_leaf, there["alice"].own_leaf
    policy.questions.clear()

    pending = there.make_commit("alice", Remove(1), Add(dave), by_reference=[reference])
    by_alice, policy.questions = policy.questions, []
    process(there["carol"], pending.message)
    by_carol = policy.questions
    assert by_carol == by_alice
    leaves = [question[1:] for question in by_carol if question[0] == "leaf"]
    assert leaves == [
        (pending.group.tree.leaf(2), old_carol),
        (dave.leaf_node, None),
        (pending.group.own_leaf, old_alice),
    ]
    (asked,) = [question for question in by_carol if question[0] == "commit"]
    update = there["alice"].standing[0].proposal
    carol, alice = (Sender(SenderType.MEMBER, index) for index in (2, 0))
    proposals = (
        Proposed(update, carol, reference),
        Proposed(Remove(1), alice),
        Proposed(Add(dave), alice),
    )
    assert asked[1:4] == (1, old_alice, proposals)


def test_a_leaf_that_comes_back_is_held_against_the_one_it_replaces() -> None:
    there, policy = room()
    message = forge.external_commit(there["alice"], there["carol"].new_leaf(), removed=[2])
    policy.questions.clear()
    process(there["bobb"], message)
    ((_, leaf, replaced),) = [q for q in policy.questions if q[0] == "leaf"]
    assert replaced == there["carol"].own_leaf
    assert isinstance(leaf, LeafNode)
    assert leaf.signature_key == there["carol"].own_leaf.signature_key
    policy.questions.clear()
    process(there["bobb"], forge.external_commit(there["alice"], new_leaf(ONE, "dave")))
    ((_, _, replaced),) = [q for q in policy.questions if q[0] == "leaf"]
    assert replaced is None


def test_a_newcomer_asks_about_every_leaf_of_the_tree() -> None:
    there, _ = room()
    bundle = new_bundle(ONE, "dave")
    pending = there.make_commit("alice", Add(bundle.key_package))
    assert pending.welcome is not None
    policy = Asked()
    joined = join(pending.welcome, bundle, signature_private(bundle), policy=policy)
    assert policy.questions == [("leaf", m.leaf_node, None) for m in joined.group.members()]

    class Strict(Asked):
        def check_leaf(self, leaf: LeafNode, replaced: LeafNode | None) -> None:
            if leaf == joined.signer_leaf:
                raise RuleViolation("policy-leaf")

    with pytest.raises(RuleViolation, match="policy-leaf"):
        join(pending.welcome, bundle, signature_private(bundle), policy=Strict())
