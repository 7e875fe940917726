"""Many members who read one log, each at its own pace: entries come late, twice, changed, or never.

Nobody orders the posts but the log: several commits of one epoch may lie in it, and messages of members who are behind.
Whether an entry counts must be the same for all who read it.
"""

import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from coterie.errors import RemoteProtocolError
from coterie.mls import (
    Add,
    ApplicationReceived,
    CipherSuite,
    CommitReceived,
    Group,
    KeyPackageBundle,
    PendingCommit,
    Proposal,
    Remove,
    commit,
    join,
    process,
    rows,
)
from tests.mls.rooms import LIFETIME, new_bundle, new_leaf, refuses, signature_private

MAX_MEMBERS = 64
MIN_MEMBERS = 4
KEPT = 64  # skipped keys: more than anybody says in an epoch


@dataclass(frozen=True)
class Entry:
    """One post."""

    sender: str
    epoch: int
    message: bytes
    data: bytes | None = None  # of an application message
    pending: PendingCommit | None = None  # of a commit
    bundles: Mapping[str, KeyPackageBundle] = field(default_factory=dict)  # whom the commit adds
    is_public_proposal: bool = False


class Crowd:
    """``step`` does one thing, at random; ``catch_up`` lets everybody read to the end."""

    def __init__(self, suite: CipherSuite, seed: int, first: int) -> None:
        self.random = random.Random(seed)  # noqa: S311  # repeatable, and no key comes of it
        self.suite = suite
        self.log: list[Entry] = []
        self.groups: dict[str, Group] = {}
        self.removed: dict[str, tuple[Group, int]] = {}  # the last state, and the place in the log
        self.agreed: dict[int, bytes] = {}  # epoch_authenticator by epoch
        self.done: Counter[str] = Counter()
        self._read: dict[str, int] = {}  # entries, by name
        self._lost: dict[str, list[Entry]] = {}  # application messages that may still come
        self._n_names = 0
        name = self._new_name()
        leaf = new_leaf(suite, name)
        group = Group.create(suite, b"a crowd", leaf, LIFETIME, keep_skipped=KEPT)
        self._comes(name, group)
        self._post_commit(name, [self._new_name() for _ in range(first - 1)], force_path=True)
        self.catch_up()

    # --- steps ---------------------------------------------------------------------------------

    def step(self) -> None:
        """Somebody posts, or some read on."""
        actions = {self._say: 3, self._propose: 3, self._commit: 2, self._race: 1, self._read_on: 9}
        self.random.choices(list(actions), list(actions.values()))[0]()

    def catch_up(self) -> None:
        """Everybody reads to the end of the log; then all agree."""
        while behind := [name for name, read in self._read.items() if read < len(self.log)]:
            for name in behind:
                self._read_one(name)
        assert len({group.epoch for group in self.groups.values()}) == 1

    def _say(self) -> None:
        name = self._poster()
        data = self.random.randbytes(20)
        self.groups[name], message = self.groups[name].protect(data)
        self._post(Entry(name, self.groups[name].epoch, message, data=data))

    def _propose(self) -> None:
        name, is_public = self._poster(), self.random.random() < 0.5
        group = self.groups[name]
        if self.random.random() < 0.6:
            group, message = group.propose_update(is_public=is_public)
        else:
            removed = self._somebody_else(group)
            group, message = group.propose(Remove(removed), is_public=is_public)
        self.groups[name] = group
        self._post(Entry(name, group.epoch, message, is_public_proposal=is_public))

    def _commit(self) -> None:
        n_new = self.random.choice([0, 0, 1, 2, 5])
        room = max(0, MAX_MEMBERS - len(self.groups))
        names = [self._new_name() for _ in range(min(n_new, room))]
        self._post_commit(self._poster(), names, force_path=self.random.random() < 0.8)

    def _race(self) -> None:
        """Some commit at the end of the log, before they read of one another."""
        rivals = {self._poster(is_up_to_date=True) for _ in range(3)} & set(self.groups)
        for rival in sorted(rivals):
            self._post_commit(rival, [], force_path=True)
        self.done["race"] += len(rivals) > 1

    def _read_on(self) -> None:
        for name in self.random.sample(list(self.groups), k=max(1, len(self.groups) // 3)):
            for _ in range(self.random.randint(1, 6)):
                if name in self.groups and self._read[name] < len(self.log):
                    self._read_one(name)

    # --- posting -------------------------------------------------------------------------------

    def _post(self, entry: Entry) -> None:
        self.log.append(entry)

    def _post_commit(self, name: str, new: list[str], *, force_path: bool) -> None:
        group = self.groups[name]
        bundles = {other: new_bundle(self.suite, other) for other in new}
        taken, touched = [], {group.own_leaf_index}
        for standing in group.standing:
            proposal = standing.proposal
            leaf = (
                proposal.removed if isinstance(proposal, Remove) else standing.proposed.sender.index
            )
            if leaf not in touched:
                touched.add(leaf)
                taken.append(standing.reference)
        proposals: list[Proposal] = [Add(bundle.key_package) for bundle in bundles.values()]
        removable = [m.leaf_index for m in group.members() if m.leaf_index not in touched]
        if len(removable) > MIN_MEMBERS and self.random.random() < 0.3:
            proposals.append(Remove(self.random.choice(removable)))
        group, pending = commit(
            group,
            proposals,
            by_reference=taken,
            force_path=force_path,
            is_public=self.random.random() < 0.5,
        )
        self.groups[name] = group
        self._post(Entry(name, group.epoch, pending.message, pending=pending, bundles=bundles))

    # --- reading -------------------------------------------------------------------------------

    def _read_one(self, name: str) -> None:
        place = self._read[name]
        entry, group = self.log[place], self.groups[name]
        self._read[name] = place + 1
        self._try_what_does_not_count(name, place)
        if entry.epoch != group.epoch:
            self.done["lost commit" if entry.pending else "too late"] += 1
            with refuses("epoch"):
                process(group, entry.message)
        elif entry.sender == name:
            self._read_own(name, entry)
        elif entry.data is not None and self.random.random() < 0.2:
            self.done["lost"] += 1
            self._lost[name].append(entry)
        else:
            self._take(name, entry, place)

    def _read_own(self, name: str, entry: Entry) -> None:
        if entry.pending is not None:
            self._comes(name, entry.pending.group)
            for other, bundle in entry.bundles.items():
                assert entry.pending.welcome is not None
                private = signature_private(bundle)
                joined = join(entry.pending.welcome, bundle, private, keep_skipped=KEPT)
                self._read[other] = self._read[name]
                self._comes(other, joined.group)
        elif entry.data is None:
            self.groups[name] = self.groups[name].accept_own_proposal(entry.message)

    def _take(self, name: str, entry: Entry, place: int) -> None:
        received = process(self.groups[name], entry.message)
        if isinstance(received, ApplicationReceived):
            assert received.data == entry.data
            self.done["read"] += 1
        if isinstance(received, CommitReceived) and received.is_removed:
            self.removed[name] = (self.groups.pop(name), place)
            del self._read[name], self._lost[name]
        elif isinstance(received, CommitReceived):
            self._comes(name, received.group)
        else:
            self.groups[name] = received.group

    def _comes(self, name: str, group: Group) -> None:
        """Into an epoch, on whose secrets all who come to it agree."""
        self.groups[name] = group
        self._read.setdefault(name, 0)
        late = self._lost.setdefault(name, [])
        authenticator = group.epoch_authenticator.expose()
        assert self.agreed.setdefault(group.epoch, authenticator) == authenticator
        for entry in late:  # its keys went with the epoch
            with refuses("epoch"):
                process(group, entry.message)
        late.clear()

    def _try_what_does_not_count(self, name: str, place: int) -> None:
        """Sometimes: an entry again, one out of its turn, one that was changed, one that was thought lost."""
        group, chance = self.groups[name], self.random.random()
        before = rows(group) if chance < 0.08 else None
        if chance < 0.03 and place > 0:
            entry = self.log[self.random.randrange(place)]
            if entry not in self._lost[name]:
                self._hear_again(group, entry)
        elif chance < 0.06:
            entry = self.random.choice(self.log[place:])
            at = self.random.randrange(len(entry.message))
            flipped = bytes([entry.message[at] ^ self.random.randint(1, 255)])
            self.done["changed"] += 1
            with pytest.raises(RemoteProtocolError):
                process(group, entry.message[:at] + flipped + entry.message[at + 1 :])
        elif chance < 0.08:
            entry = self.random.choice(self.log[place:])
            if entry.epoch > group.epoch:
                self.done["out of turn"] += 1
                with refuses("epoch"):
                    process(group, entry.message)
        elif chance < 0.3 and self._lost[name]:
            entry = self._lost[name].pop(self.random.randrange(len(self._lost[name])))
            self.done["late"] += 1
            self._take(name, entry, place)
        if before is not None:
            assert rows(group) == before

    def _hear_again(self, group: Group, entry: Entry) -> None:
        """Nothing comes of it: only a proposal in public can be read twice, and stands once."""
        self.done["again"] += 1
        if entry.is_public_proposal and entry.epoch == group.epoch:
            assert rows(process(group, entry.message).group) == rows(group)
            return
        with pytest.raises(RemoteProtocolError):
            process(group, entry.message)

    # --- who -----------------------------------------------------------------------------------

    def _poster(self, *, is_up_to_date: bool | None = None) -> str:
        """Mostly somebody who has read to the end."""
        if is_up_to_date is None:
            is_up_to_date = self.random.random() < 0.8
        while True:
            name = self.random.choice(list(self.groups))
            while is_up_to_date and name in self.groups and self._read[name] < len(self.log):
                self._read_one(name)
            if name in self.groups:  # it was not removed by what it read
                return name

    def _somebody_else(self, group: Group) -> int:
        others = [m.leaf_index for m in group.members() if m.leaf_index != group.own_leaf_index]
        return self.random.choice(others)

    def _new_name(self) -> str:
        self._n_names += 1
        return f"member {self._n_names}"
