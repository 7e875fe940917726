"""Random histories of one group, in which some members are ours and some are ts-mls's.

Left out, since ts-mls 1.6.4 cannot do it; each name stands again where it is left out:

- join-unmerged: it refuses to join a tree in which two parents above an unmerged leaf list different ones;
- external-pub: it reads and writes the external_pub extension without the length of the key, so its members join by
  a GroupInfo of its own; those that ours join by are written rightly by ``peer.mjs``;
- external-psk: it makes no external commits with PSKs;
- own-update, own-removal: it commits all that stands, so not while an Update or the removal of the committer does;
- say-while-standing: its members say nothing while proposals stand;
- resumption-and-add: its joiners take any resumption PSK for that of a branch or a ReInit;
- replaced: its member does not see that it was removed by a commit that gives its leaf to somebody new.

Never tried: external_senders, which it reads as one value; GroupContextExtensions, which it commits without the path
that section 12.4 asks for; its ``processMessage``, which drops PSKs (``peer.mjs`` calls what that chooses between).
"""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count

from coterie.mls import Add, CipherSuite, Proposal, RatchetTree, Remove, TakeAll, process, tree_math
from coterie.mls.proposals import PreSharedKey
from coterie.mls.psk import ExternalPsk, PreSharedKeyId, ResumptionPsk, ResumptionUsage
from coterie.mls.ratchet_tree import ParentNode
from coterie.secret import Secret
from tests.interop.members import Made, Member, Ours, Theirs
from tests.interop.peer import Peer

MAX_MEMBERS = 12  # a step costs ts-mls some milliseconds a member
MIN_OF_A_KIND = 2  # ours and theirs: both go on talking
MAX_STANDING = 4
KEPT_RESUMPTION_PSKS = 3  # epochs back that both sides still know
N_PSKS = 4


def is_refused_by_peer(tree: RatchetTree) -> bool:
    """Whether a joiner of ts-mls refuses that valid tree ("join-unmerged")."""
    return any(
        above.unmerged_leaves != node.unmerged_leaves
        for node in tree.nodes
        if isinstance(node, ParentNode)
        for leaf in node.unmerged_leaves
        for x in tree_math.direct_path(2 * leaf, tree.width)
        if isinstance(above := tree.nodes[x], ParentNode)
    )


@dataclass(frozen=True)
class Wish:
    """A proposal, with who comes in by it; None is an Update of the sender's own leaf."""

    proposal: Proposal | None
    newcomer: Member | None = None

    @property
    def kind(self) -> str:
        """For the count of what was done."""
        match self.proposal:
            case None:
                return "update"
            case PreSharedKey(psk=ResumptionPsk()):
                return "resumption"
            case _:
                return type(self.proposal).__name__.lower()


@dataclass(frozen=True)
class Standing:
    """A proposal that all have heard."""

    reference: bytes
    sender: Member
    wish: Wish

    @property
    def touched(self) -> int | None:
        """The leaf that it updates or removes."""
        proposal = self.wish.proposal
        if proposal is None:
            return self.sender.leaf_index
        return proposal.removed if isinstance(proposal, Remove) else None


@dataclass(frozen=True)
class Candidate:
    """A commit that may win its epoch."""

    committer: Member
    made: Made
    wishes: Sequence[Wish] = ()
    is_external: bool = False
    removed_leaf: int | None = None  # that of who comes back by it

    @property
    def newcomers(self) -> list[Member]:
        """Who joins by its Welcome."""
        return [wish.newcomer for wish in self.wishes if wish.newcomer is not None]

    @property
    def removed(self) -> set[int]:
        """Leaves of members that it ends."""
        return {wish.proposal.removed for wish in self.wishes if isinstance(wish.proposal, Remove)}


class History:
    """``step`` does one thing, which every member hears; then all must agree."""

    def __init__(self, seed: int, suite: CipherSuite, peer: Peer) -> None:
        self.random = random.Random(seed)  # noqa: S311  # repeatable, and no key comes of it
        self._suite, self._peer, self._names = suite, peer, count()
        self.done: Counter[str] = Counter()
        self.standing: list[Standing] = []
        self._joined_in: dict[str, int] = {}  # epoch by name
        psks = {bytes([number]): self.random.randbytes(32) for number in range(N_PSKS)}
        for psk_id, secret in psks.items():
            peer.ask("psk", id=psk_id, secret=secret)
        self._policy = TakeAll({psk_id: Secret(secret) for psk_id, secret in psks.items()})
        self._psk_ids = list(psks)
        creator, *others = (
            self._newcomer(is_ours=kind)
            for kind in self.random.sample([True, True, False, False], k=4)
        )
        creator.create(self.random.randbytes(16))
        self.members = [creator]
        self._joined_in[creator.name] = 0
        for other in others:
            self._apply(self._candidate(creator, [self._add(other)], []))

    # --- the steps -----------------------------------------------------------------------------

    def step(self) -> str:
        """Its name."""
        steps = {
            self.say: 4,
            self.propose: 4,
            self.commit: 3,
            self.race: 2,
            self.join_by_commit: 1,
        }
        step = self.random.choices(list(steps), list(steps.values()))[0]
        step()
        self.assert_agreed()
        return step.__name__

    def say(self) -> None:
        """Application data of somebody, read by all others."""
        speakers = [m for m in self.members if m.is_ours or not self.standing]  # say-while-standing
        speaker, data = (
            self.random.choice(speakers),
            self.random.randbytes(self.random.choice([0, 1, 40, 2000])),
        )
        message = speaker.say(data)
        for member in self._others(speaker):
            assert member.hear(message).data == data
        self._note("say", speaker)

    def propose(self) -> None:
        """A proposal of somebody that stands until the epoch ends."""
        if len(self.standing) == MAX_STANDING:
            self.commit()
            return
        sender = self.random.choice(self.members)
        is_public = self._is_likely(0.5)
        wish = Wish(None)
        if sender.leaf_index not in self._touched() and self._is_likely(0.3):
            message = sender.propose_update(is_public=is_public)
        else:
            wish = self._wish([])
            assert wish.proposal is not None
            message = sender.propose(wish.proposal, is_public=is_public)
        sender.accept_own_proposal(message)
        for member in self._others(sender):
            member.hear(message)
        (reference,) = {m.group.standing[-1].reference for m in self.members if isinstance(m, Ours)}
        self.standing.append(Standing(reference, sender, wish))
        self._note(f"propose-{wish.kind}", sender)

    def commit(self) -> None:
        """A commit of what stands and of more, that nobody contests."""
        self._apply(self._some_candidate())

    def race(self) -> None:
        """Several commits of one epoch, of which one wins; the others are dropped by those who made them."""
        committers = self.random.sample(self._committers(), k=2)
        made = [self._some_candidate(committer) for committer in committers]
        candidates = list({c.committer.name: c for c in made}.values())  # a member has one pending
        if self._is_likely(0.3) and (external := self._external_candidate()):
            candidates.append(external)
        winner = self.random.choice(candidates)
        self._note("race", winner.committer)
        self._apply(winner)

    def join_by_commit(self) -> None:
        """Somebody new comes in by an external commit, or a member comes back by one."""
        candidate = self._external_candidate(may_come_back=True)
        if candidate is not None:
            self._apply(candidate)

    def assert_agreed(self) -> None:
        """All are in one epoch with one secret."""
        seen = {(m.epoch, m.authenticator) for m in self.members}
        assert len(seen) == 1, {m.name: (m.epoch, m.authenticator.hex()[:8]) for m in self.members}

    # --- commits -------------------------------------------------------------------------------

    def _committers(self) -> list[Member]:
        """Of theirs nobody whose Update or removal stands ("own-update", "own-removal")."""
        return [m for m in self.members if m.is_ours or m.leaf_index not in self._touched()]

    def _some_candidate(self, committer: Member | None = None) -> Candidate:
        committer = committer or self.random.choice(self._committers())
        taken = [s for s in self.standing if s.touched != committer.leaf_index]
        if committer.is_ours and self._is_likely(0.3):
            taken = self.random.sample(taken, k=self.random.randint(0, len(taken)))
        wishes: list[Wish] = []
        for _ in range(self.random.choice([0, 1, 1, 2, 3])):
            wishes.append(self._wish(wishes, committer))
        candidate = self._candidate(committer, wishes, taken)
        joins_theirs = any(not m.is_ours for m in candidate.newcomers)
        if joins_theirs and is_refused_by_peer(self._tree_after(candidate)):
            self._left_out("join-unmerged")
            ours = next(m for m in self.members if m.is_ours)
            allowed = [s for s in self.standing if s.touched != ours.leaf_index]
            return self._candidate(ours, [], [s for s in allowed if s.wish.newcomer is None])
        return candidate

    def _candidate(
        self, committer: Member, wishes: Sequence[Wish], taken: Sequence[Standing]
    ) -> Candidate:
        made = committer.commit(
            [wish.proposal for wish in wishes if wish.proposal is not None],
            [s.reference for s in taken],
            force_path=self._is_likely(0.7),
            is_public=self._is_likely(0.5),
        )
        return Candidate(committer, made, [*wishes, *(s.wish for s in taken)])

    def _external_candidate(self, *, may_come_back: bool = False) -> Candidate | None:
        is_resync = may_come_back and (len(self.members) >= MAX_MEMBERS or self._is_likely(0.4))
        if is_resync:
            joiner = self.random.choice(self.members)
        elif len(self.members) < MAX_MEMBERS:
            joiner = self._newcomer(is_ours=self._is_likely(0.5))
        else:
            return None
        helpers = self._others(joiner)
        if not joiner.is_ours:
            if is_refused_by_peer(self._watcher().group.tree):
                self._left_out("join-unmerged")
                return None
            helpers = [m for m in helpers if not m.is_ours]  # external-pub
        group_info = self.random.choice(helpers).group_info(is_for_theirs=not joiner.is_ours)
        psks: list[PreSharedKeyId] = []
        if joiner.is_ours and self._is_likely(0.3):  # external-psk
            psks.append(self._external_psk())
        leaf = joiner.leaf_index if is_resync else None
        made = joiner.join_by_commit(group_info, psks, is_resync=is_resync)
        return Candidate(joiner, made, is_external=True, removed_leaf=leaf)

    def _tree_after(self, candidate: Candidate) -> RatchetTree:
        """What the commit makes of the tree, as one of ours sees it that stays."""
        watcher = self._watcher(candidate)
        return process(watcher.group, candidate.made.message).group.tree

    def _watcher(self, candidate: Candidate | None = None) -> Ours:
        """One of ours that hears the commit, and stays."""
        committer, removed = (
            (candidate.committer, candidate.removed) if candidate else (None, set())
        )
        return next(
            m
            for m in self.members
            if isinstance(m, Ours) and m is not committer and m.leaf_index not in removed
        )

    def _apply(self, candidate: Candidate) -> None:
        """It has won: all follow it."""
        committer, removed = candidate.committer, candidate.removed
        stay = [m for m in self.members if m.leaf_index not in removed]
        for member in self._others(committer):
            if not (member.is_ours or member in stay) and candidate.newcomers:
                self._left_out("replaced")
                continue
            heard = member.hear(candidate.made.message)
            assert heard.is_removed == (member not in stay)
        committer.merge()
        joined = list(candidate.newcomers)
        for newcomer in joined:
            assert candidate.made.welcome is not None
            newcomer.join(candidate.made.welcome)
        if candidate.is_external:
            joined.append(committer)
        self.members = [m for m in stay if m not in joined] + joined
        self.standing = []
        self._joined_in |= {m.name: m.epoch for m in joined}
        for wish in candidate.wishes:
            self._note(f"commit-{wish.kind}", committer)
        if not candidate.is_external:
            self._note("commit", committer)
        else:
            is_back = candidate.removed_leaf is not None
            self._note("come-back-by-commit" if is_back else "join-by-commit", committer)

    # --- choices -------------------------------------------------------------------------------

    def _wish(self, already: Sequence[Wish], committer: Member | None = None) -> Wish:
        """Something that can be committed together with ``already`` and with all that stands."""
        present = [*already, *(s.wish for s in self.standing)]
        kinds = {wish.kind for wish in present}
        possible = ["psk"]
        n_added = sum(wish.kind == "add" for wish in present)
        if len(self.members) + n_added < MAX_MEMBERS and "resumption" not in kinds:
            possible.append("add")
        removable = self._removable(present, committer)
        if removable:
            possible.append("remove")
        epochs = self._epochs_that_all_know()
        if "add" not in kinds:  # resumption-and-add
            possible.append("resumption")
        match self.random.choice(possible):
            case "add":
                return self._add(self._newcomer(is_ours=self._is_likely(0.5)))
            case "remove":
                return Wish(Remove(self.random.choice(removable)))
            case "resumption":
                group_id = self._watcher().group.group_id
                epoch = self.random.choice(epochs)
                usage = ResumptionUsage.APPLICATION
                return Wish(PreSharedKey(ResumptionPsk(usage, group_id, epoch, self._nonce())))
            case _:
                return Wish(PreSharedKey(self._external_psk()))

    def _removable(self, present: Sequence[Wish], committer: Member | None) -> list[int]:
        gone = {wish.proposal.removed for wish in present if isinstance(wish.proposal, Remove)}
        gone_or_touched = gone | self._touched()
        left = Counter(m.is_ours for m in self.members if m.leaf_index not in gone)
        return [
            m.leaf_index
            for m in self.members
            if m.leaf_index not in gone_or_touched
            and m is not committer
            and left[m.is_ours] > MIN_OF_A_KIND
        ]

    def _epochs_that_all_know(self) -> range:
        now = self.members[0].epoch
        first = max(self._joined_in[m.name] for m in self.members)
        return range(max(first, now - KEPT_RESUMPTION_PSKS), now + 1)

    def _touched(self) -> set[int]:
        return {s.touched for s in self.standing if s.touched is not None}

    def _add(self, newcomer: Member) -> Wish:
        return Wish(Add(newcomer.key_package()), newcomer)

    def _newcomer(self, *, is_ours: bool) -> Member:
        if is_ours:
            return Ours(self._name(), self._suite, self._policy)
        return Theirs(self._name(), self._peer)

    def _name(self) -> str:
        return f"member {next(self._names)}"

    def _external_psk(self) -> ExternalPsk:
        return ExternalPsk(self.random.choice(self._psk_ids), self._nonce())

    def _nonce(self) -> bytes:
        return self.random.randbytes(self._suite.nh)

    def _others(self, member: Member) -> list[Member]:
        return [other for other in self.members if other is not member]

    def _is_likely(self, probability: float) -> bool:
        return self.random.random() < probability

    def _left_out(self, what: str) -> None:
        self.done[f"left out: {what}"] += 1

    def _note(self, what: str, who: Member) -> None:
        self.done[f"{what} by {'ours' if who.is_ours else 'theirs'}"] += 1
