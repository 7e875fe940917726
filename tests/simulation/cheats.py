"""A member that cheats: a program with the keys of a real client, which posts through the real server's rules.

From the first time on that client is dead. When the weather is calm it comes back as an older copy of its profile.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from msgspec import structs

from coterie import content, identity
from coterie.client import group_log, position, room_state
from coterie.client import log as logs
from coterie.client.group_log import GroupLog
from coterie.client.happening import Event
from coterie.client.position import Position
from coterie.client.room_policy import ROOM_POLICY, leaf_identity
from coterie.client.room_state import RoomState
from coterie.mls import (
    Add,
    BasicCredential,
    Extension,
    Group,
    GroupContextExtensions,
    KeyPackageBundle,
    Lifetime,
    NewLeaf,
    PendingCommit,
    Proposal,
    Remove,
    TakeAll,
    commit,
    treekem,
)
from coterie.mls.commit import UpdatePath
from coterie.secret import Secret
from coterie.server.store import PostJob
from coterie.wire import chain
from coterie.wire import frames as f
from tests.client.people import Kept
from tests.simulation.beginning import MEMBERS
from tests.simulation.hostility import REFUSAL, hostile

if TYPE_CHECKING:
    from tests.simulation.ordeal import Ordeal
    from tests.simulation.schedule import Action

SOON_S = 0.2  # in which a cheat looks at the log again
BACK = (Event.OLDER_COPY,)  # of the client whose keys were used
FLOOD = 30  # proposals
COMMITS = 100


@dataclass
class Cheat:
    """The program. It reads along by the real rules, and posts what it likes."""

    world: "Ordeal"
    name: str
    log: GroupLog
    kept: Kept
    chance: Random

    @classmethod
    def of(cls, world: "Ordeal", name: str) -> "Cheat | None":
        """With what that member's client has now, which dies of it; the same one each time."""
        if name in world.programs:
            return world.programs[name]
        device = world.devices[name]
        if not device.is_up or not device.has(world.group_id):
            return None
        log = device.log(world.group_id)
        if not log.can_send or log.outbox:
            return None
        found = cls(world, name, log, Kept.begin(log), Random(f"cheat {name}"))  # noqa: S311
        world.programs[name] = found
        world.traitors.add(name)
        world.cheats.add(name)
        world.gaps.add(name)
        device.die()
        return found

    @property
    def device(self) -> bytes:
        """Its stamp."""
        return self.log.device

    @property
    def group(self) -> Group:
        """As the others have it."""
        return self.log.group

    def catch_up(self) -> None:
        """Reads what others posted; its own entries it knows."""
        for entry in self.world.server.entries(self.world.group_id)[self.log.cursor :]:
            if entry.device != self.device:
                step = logs.read(self.log, entry, self.kept, self.world.server.clock.now())
                self.kept.save(step)
                self.log = step.log
                continue
            self.log = replace(
                self.log, cursor=entry.seq, chain=chain.following(self.log.chain, entry)
            )
            self.kept.chains[entry.seq] = self.log.chain

    def here(self) -> Position:
        """An honest (seq, chain)."""
        return Position(self.chance.randbytes(16), self.log.cursor, self.log.chain)

    def post(
        self,
        kind: f.Kind,
        body: bytes,
        message_id: bytes,
        done: Callable[[object], object] = lambda answer: None,
        *,
        list_change: f.ListChange | None = None,
        welcome: f.WelcomeFor | None = None,
    ) -> None:
        """Asks the real server to take it; ``done`` is told its answer."""
        post = f.Post(
            self.world.group_id, kind, message_id, self.count + 1, self.log.cursor, body,
            list_change, welcome,
        )  # fmt: skip
        server = self.world.server

        def answered(answer: object) -> None:
            server.trace("cheat", f"{self.name} posts a {kind.name}: {type(answer).__name__}")
            done(answer)

        if server.is_up:
            server.party.context.run(server.writer.submit, PostJob(post, self.device), answered)

    @property
    def count(self) -> int:
        """Of its posts, as the server has it."""
        seen, _ = self.world.server.store.reading.subscribe(
            self.world.group_id, self.device, self.log.cursor, self.log.chain
        )
        return seen.count if isinstance(seen, f.Subscribed) else 0

    # --- what it makes -------------------------------------------------------------------------

    def commit(
        self,
        proposals: Sequence[Proposal] = (),
        by_reference: Sequence[bytes] = (),
        *,
        has_wrong_tag: bool = False,
        spoils: Callable[[str], bool] = lambda name: False,
    ) -> tuple[Position, PendingCommit]:
        """A commit made without asking the room's rules; its path does not open for those whom it ``spoils``."""
        where, group = self.here(), replace(self.group, policy=TakeAll())
        if has_wrong_tag:
            wrong = replace(group.epoch_secrets, init_secret=Secret(bytes(group.suite.nh)))
            group = replace(group, epoch_secrets=wrong)
        with patch.object(treekem, "encrypt_path", _spoiling(self.group, spoils)):
            _, pending = commit(
                group,
                proposals,
                by_reference=by_reference,
                authenticated_data=where.encode(),
                group_info_extensions=(Extension(position.EXTENSION_TYPE, where.encode()),),
            )
        return where, pending

    def stuck_with(self, victim: str) -> set[str]:
        """Who cannot open a path that is spoiled for the victim: all that are below one node get one ciphertext."""
        names = {2 * m.leaf_index: leaf_identity(m.leaf_node).name for m in self.group.members()}
        tree, leaf = self.group.tree, self.leaf_of(victim)
        if leaf is None:
            return set()
        path = tree.filtered_direct_path(self.group.own_leaf_index)
        nodes = [x for _, copath in path for x in tree.resolution(copath)]
        mine = [x for x in nodes if _covers(tree, x, {2 * leaf})]
        return {name for at, name in names.items() if any(_covers(tree, x, {at}) for x in mine)}

    def corrupt_for(
        self, victim: str, *, has_wrong_tag: bool = False
    ) -> tuple[Position, PendingCommit] | None:
        """A commit that does not open for the victim; None where it would open for nobody else either."""
        stuck = self.stuck_with(victim)
        others = set(MEMBERS) - {self.name}
        if not stuck or others <= stuck or others & self.world.watch.now_outside:
            return None
        return self.commit(has_wrong_tag=has_wrong_tag, spoils=lambda name: name == victim)

    def leaf_of(self, name: str) -> int | None:
        """A member's first leaf."""
        return next(
            (m.leaf_index for m in self.group.members() if leaf_identity(m.leaf_node).name == name),
            None,
        )


def _spoiling(group: Group, spoils: Callable[[str], bool]) -> Callable[..., UpdatePath]:
    """The real ``encrypt_path``, but what is sealed to some leaves does not open."""
    spoiled = {2 * m.leaf_index for m in group.members() if spoils(leaf_identity(m.leaf_node).name)}
    real = treekem.encrypt_path

    def encrypt_path(
        suite: Any, path: Any, leaf_index: int, new_leaves: Any, context: bytes
    ) -> UpdatePath:
        made = real(suite, path, leaf_index, new_leaves, context)
        excluded = {2 * index for index in new_leaves}
        nodes = []
        for node, (_, copath) in zip(
            made.nodes, path.tree.filtered_direct_path(leaf_index), strict=True
        ):
            sealed = zip(
                (x for x in path.tree.resolution(copath) if x not in excluded),
                node.encrypted_path_secret,
                strict=True,
            )
            ciphertexts = tuple(
                replace(one, ciphertext=one.ciphertext[::-1])
                if _covers(path.tree, x, spoiled)
                else one
                for x, one in sealed
            )
            nodes.append(replace(node, encrypted_path_secret=ciphertexts))
        return replace(made, nodes=tuple(nodes))

    return encrypt_path


def _covers(tree: Any, node: int, leaves: set[int]) -> bool:
    """Whether a node is one of these leaves, or above one."""
    if node % 2 == 0:
        return node in leaves
    level = (~node & (node + 1)).bit_length() - 1
    span = (1 << level) - 1
    return any(node - span <= leaf <= node + span for leaf in leaves)


def _posts(
    world: "Ordeal",
    action: "Action",
    make: Callable[[Cheat], tuple[f.Kind, bytes, bytes] | None],
    applies: Callable[[Cheat], object] = lambda cheat: None,
) -> bool:
    """Makes something at the head of the log and posts it; counts it once it was accepted."""
    cheat = Cheat.of(world, action.who)
    if cheat is None or not world.server.is_up:
        return False
    cheat.catch_up()
    made = make(cheat)
    if made is None:
        return False
    kind, body, message_id = made

    def done(answer: object) -> None:
        if isinstance(answer, f.Accepted):
            world.took_effect(action.name)
            applies(cheat)
        elif isinstance(answer, f.Stale):  # somebody was faster
            world.remember(SOON_S, lambda: _posts(world, action, make, applies))

    cheat.post(kind, body, message_id, done)
    return False


def _goes_on(pending: PendingCommit) -> Callable[[Cheat], None]:
    """The commit was taken: the cheat is in its epoch."""

    def applies(cheat: Cheat) -> None:
        cheat.catch_up()
        cheat.log = replace(cheat.log, group=replace(pending.group, policy=ROOM_POLICY))
        cheat.kept.used.clear()

    return applies


def _commits(
    world: "Ordeal", action: "Action", make: Callable[[Cheat], tuple[Position, PendingCommit] | None],
    *, counts: bool = False,
) -> bool:  # fmt: skip
    """Posts a commit; where it ``counts`` the cheat goes on in its epoch."""
    made: list[PendingCommit] = []

    def posted(cheat: Cheat) -> tuple[f.Kind, bytes, bytes] | None:
        found = make(cheat)
        if found is None:
            return None
        made[:] = [found[1]]
        return f.Kind.COMMIT, found[1].message, found[0].message_id

    return _posts(world, action, posted, lambda cheat: counts and _goes_on(made[0])(cheat))


# --- what counts for nobody ----------------------------------------------------------------------


@hostile("member", shows=(Event.DEAD,), may_show=BACK)
def junk_commit(world: "Ordeal", action: "Action") -> bool:
    """A commit of random bytes"""
    return _posts(
        world,
        action,
        lambda cheat: (f.Kind.COMMIT, cheat.chance.randbytes(300), cheat.chance.randbytes(16)),
    )


@hostile("member", shows=(Event.DEAD,), may_show=(Event.STUCK, *BACK))
def commit_corrupt_for_all(world: "Ordeal", action: "Action") -> bool:
    """A commit whose confirmation tag is wrong"""
    return _commits(world, action, lambda cheat: cheat.commit(has_wrong_tag=True))


@hostile("member", shows=(Event.DEAD,), may_show=(Event.STUCK, Event.FORK, *BACK))
def dead_and_stuck(world: "Ordeal", action: "Action") -> bool:
    """A commit whose path does not open for one member, and whose confirmation tag is wrong for the others"""
    victim = _victim(action)
    return _commits(world, action, lambda cheat: cheat.corrupt_for(victim, has_wrong_tag=True))


@hostile("member", shows=(Event.DEAD,), may_show=BACK)
def beyond_role(world: "Ordeal", action: "Action") -> bool:
    """A member who is no admin removes an admin, or names himself one"""
    cheating = replace(action, who=MEMBERS[-1])

    def make(cheat: Cheat) -> tuple[Position, PendingCommit] | None:
        if action.amount < 5:
            leaf = cheat.leaf_of(MEMBERS[0])
            return None if leaf is None else cheat.commit((Remove(leaf),))
        state = group_log.state(cheat.log)
        wanted = _only_admin(state, cheat)
        return cheat.commit((wanted,))

    return _commits(world, cheating, make)


def _only_admin(state: RoomState, cheat: Cheat) -> GroupContextExtensions:
    """The room with the cheat as its only admin."""
    mine = cheat.world.devices[cheat.name].account.account_public_key
    changed = room_state.encode(structs.replace(state, admins=(mine,)))
    kept = [e for e in cheat.group.extensions if e.extension_type != room_state.EXTENSION_TYPE]
    return GroupContextExtensions((*kept, Extension(room_state.EXTENSION_TYPE, changed)))


@hostile("member", shows=(Event.DEAD,), may_show=BACK)
def anothers_name(world: "Ordeal", action: "Action") -> bool:
    """A leaf with an admin's name and the cheat's own keys"""

    def make(cheat: Cheat) -> tuple[Position, PendingCommit]:
        device = cheat.chance.randbytes(16)
        other = next(name for name in MEMBERS if name != cheat.name)
        own = cheat.group.own_leaf
        private, public = cheat.group.suite.signature.generate()
        leaf = NewLeaf(
            private,
            public,
            BasicCredential(identity.encode_credential(other, device)),
            own.capabilities,
            own.extensions,
        )
        now = int(world.server.clock.now())
        bundle = KeyPackageBundle.create(
            cheat.group.suite, leaf, Lifetime(now - 86_400, now + 86_400)
        )
        return cheat.commit((Add(bundle.key_package),))

    return _commits(world, action, make)


@hostile("member", shows=(Event.DEAD, REFUSAL), may_show=(Event.FORK, *BACK))
def proposal_flood(world: "Ordeal", action: "Action") -> bool:
    """Thirty proposals at once, to remove others"""
    cheat = Cheat.of(world, action.who)
    if cheat is None or not world.server.is_up:
        return False
    cheat.catch_up()
    count = cheat.count
    for number in range(FLOOD):
        leaf = cheat.leaf_of(next(name for name in MEMBERS if name != cheat.name))
        where = cheat.here()
        group = replace(cheat.group, policy=TakeAll())
        _, body = group.propose(Remove(leaf or 0), authenticated_data=where.encode())
        post = f.Post(
            world.group_id, f.Kind.PROPOSAL, where.message_id, count + 1 + number,
            cheat.log.cursor, body,
        )  # fmt: skip
        job = PostJob(post, cheat.device)

        def done(answer: object) -> None:
            if isinstance(answer, f.Accepted):
                world.took_effect(action.name)
            else:
                world.found_out(action.name, REFUSAL)

        world.server.party.context.run(world.server.writer.submit, job, done)
    return False


@hostile("member", shows=(REFUSAL,), may_show=BACK)
def emptied_list(world: "Ordeal", action: "Action") -> bool:
    """A member who is no keeper takes all others off the delivery list"""
    cheat = Cheat.of(world, MEMBERS[-1])
    if cheat is None or not world.server.is_up:
        return False
    _empty_list(world, action, cheat)
    return False


def _empty_list(world: "Ordeal", action: "Action", cheat: Cheat) -> None:
    cheat.catch_up()
    others = {leaf_identity(m.leaf_node).device for m in cheat.group.members()} - {cheat.device}
    change = f.ChangeList(
        world.group_id, cheat.log.cursor, f.ListChange(remove=tuple(sorted(others)))
    )

    def done(answer: object) -> None:
        if isinstance(answer, f.Stale):
            world.remember(SOON_S, lambda: _empty_list(world, action, cheat))
            return
        world.took_effect(action.name)
        if isinstance(answer, f.Failed) and answer.code is f.Code.NOT_KEEPER:
            world.found_out(action.name, REFUSAL)

    job = lambda t: t.logs.change_list(change, cheat.device)  # noqa: E731
    if world.server.is_up:
        world.server.party.context.run(world.server.writer.submit, job, done)


@hostile("member", shows=(Event.UNLISTED,), may_show=BACK, forks=True)
def emptied_list_by_keeper(world: "Ordeal", action: "Action") -> bool:
    """An admin takes all others off the delivery list"""
    cheat = Cheat.of(world, MEMBERS[0])
    if cheat is None or not world.server.is_up:
        return False
    _empty_list(world, action, cheat)
    return False


# --- too many of what counts ---------------------------------------------------------------------


@hostile("member", shows=(REFUSAL,), may_show=BACK)
def commit_flood(world: "Ordeal", action: "Action") -> bool:
    """One commit after the other, as fast as the server takes them"""
    cheat = Cheat.of(world, action.who)
    if cheat is not None:
        _flood(world, action, cheat, COMMITS)
    return False


def _flood(world: "Ordeal", action: "Action", cheat: Cheat, left: int) -> None:
    """One more commit on the newest state, and the next as soon as the server answers."""
    if not left or world.calm_since is not None:
        return

    def again() -> None:
        _flood(world, action, cheat, left - 1)

    if not world.server.is_up:
        world.remember(SOON_S, again)
        return
    cheat.catch_up()
    where, pending = cheat.commit()

    def done(answer: object) -> None:
        if isinstance(answer, f.Accepted):
            world.took_effect(action.name)
            _goes_on(pending)(cheat)
        elif isinstance(answer, f.Failed) and answer.code is f.Code.WAIT:
            world.found_out(action.name, REFUSAL)
        world.remember(SOON_S, again)

    cheat.post(f.Kind.COMMIT, pending.message, where.message_id, done)


# --- what counts, and lies -----------------------------------------------------------------------


def _victim(action: "Action") -> str:
    others = [name for name in MEMBERS if name != action.who]
    return others[int(action.amount) % 2]


@hostile("member", shows=(Event.FORK,), may_show=BACK)
def false_chain(world: "Ordeal", action: "Action") -> bool:
    """A message says that its sender saw another log"""

    def make(cheat: Cheat) -> tuple[f.Kind, bytes, bytes]:
        where = replace(cheat.here(), chain=cheat.chance.randbytes(32))
        return _message(cheat, where)

    return _posts(world, action, make)


@hostile("member", shows=(Event.LIE,), may_show=BACK)
def false_seq(world: "Ordeal", action: "Action") -> bool:
    """A message says that its sender had read what was not there"""

    def make(cheat: Cheat) -> tuple[f.Kind, bytes, bytes]:
        here = cheat.here()
        return _message(cheat, replace(here, seq=here.seq + 1_000))

    return _posts(world, action, make)


def _message(cheat: Cheat, where: Position) -> tuple[f.Kind, bytes, bytes]:
    said = content.encode(content.Text(f"false {len(cheat.world.attacks)}", 0))
    group, body = cheat.group.protect(said, authenticated_data=where.encode())
    cheat.log = replace(cheat.log, group=group)
    return f.Kind.MESSAGE, body, where.message_id


@hostile("member", shows=(Event.STUCK,), may_show=BACK)
def commit_corrupt_for_one(world: "Ordeal", action: "Action") -> bool:
    """A commit that counts, and whose path does not open for one member"""
    victim = _victim(action)
    return _commits(world, action, lambda cheat: cheat.corrupt_for(victim), counts=True)


@hostile("member", shows=(Event.STUCK,), may_show=BACK, moves=True)
def commit_corrupt_for_others(world: "Ordeal", action: "Action") -> bool:
    """A commit that counts, and whose path opens for nobody else"""
    if world.attacks:  # the room has moved by then
        return False
    return _commits(
        world, action, lambda cheat: cheat.commit(spoils=lambda name: True), counts=True
    )


@hostile("member", shows=(Event.STUCK,), may_show=(Event.DEAD, Event.FORK, *BACK))
def captures(world: "Ordeal", action: "Action") -> bool:
    """A member who is stuck is let in by a commit that is dead for the others, and whose Welcome opens"""
    if not commit_corrupt_for_one_by(world, action):
        _watch_for_rejoin(world, action, _victim(action), 150)
    return False


def commit_corrupt_for_one_by(world: "Ordeal", action: "Action") -> bool:
    """The first half."""
    victim = _victim(action)
    first = replace(action, name="commit_corrupt_for_one")
    return _commits(world, first, lambda cheat: cheat.corrupt_for(victim), counts=True)


def _watch_for_rejoin(world: "Ordeal", action: "Action", victim: str, looks: int) -> None:
    """As soon as the victim's proposal stands, a commit by the cheat takes it."""
    cheat = world.programs.get(action.who)
    if cheat is None or not looks or world.calm_since is not None:
        return
    if world.server.is_up:
        cheat.catch_up()
        if _standing_of(cheat, victim) is not None:
            _capture(world, action, cheat, victim)
            return
    world.remember(SOON_S, lambda: _watch_for_rejoin(world, action, victim, looks - 1))


def _standing_of(cheat: Cheat, victim: str) -> bytes | None:
    """The reference of the victim's proposal to be let in."""
    for standing in cheat.group.standing:
        proposal = standing.proposal
        if (
            isinstance(proposal, Add)
            and leaf_identity(proposal.key_package.leaf_node).name == victim
        ):
            return standing.reference
    return None


def _capture(world: "Ordeal", action: "Action", cheat: Cheat, victim: str) -> None:
    reference = _standing_of(cheat, victim)
    assert reference is not None
    leaf = cheat.leaf_of(victim)
    removes = [] if leaf is None else [Remove(leaf)]
    where, pending = cheat.commit(removes, (reference,), has_wrong_tag=True)
    if pending.welcome is None:
        return
    device = world.devices[victim].account.device

    def done(answer: object) -> None:
        if isinstance(answer, f.Accepted):
            world.took_effect(action.name)

    cheat.post(
        f.Kind.COMMIT, pending.message, where.message_id, done,
        list_change=f.ListChange(add=(device,)),
        welcome=f.WelcomeFor(pending.welcome, (device,)),
    )  # fmt: skip
