"""What stolen keys open: all until the member heals or is removed, and nothing after.

The thief is no client that follows rules: it tries every key that it ever had on every ciphertext of every path, and is
told what it could not know, the context under which they are sealed.
"""

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

import pytest

from coterie.errors import RemoteProtocolError
from coterie.mls import (
    ApplicationReceived,
    CommitReceived,
    Group,
    TakeAll,
    key_schedule,
    load,
    process,
)
from coterie.mls.commit import HpkeCiphertext, UpdatePath
from coterie.secret import Secret
from tests.mls import forge
from tests.mls.rooms import ONE, Room

SEEDS = pytest.mark.parametrize("seed", range(2))
MANY_SEEDS = pytest.mark.parametrize("seed", range(100, 140))
MEMBERS = tuple(f"member {number}" for number in range(11))
VICTIM = MEMBERS[5]
EPOCHS_AFTER = 8


@dataclass
class Thief:
    """All that lay on a member's disk."""

    group: Group
    keys: dict[bytes, Secret] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._keep_keys()

    def _keep_keys(self) -> None:
        group = self.group
        external, _ = key_schedule.external_key_pair(ONE, group.epoch_secrets.external_secret)
        for key in [*group.private_keys.values(), *group.update_keys.values(), external]:
            self.keys[key.expose()] = key

    def follows(self, message: bytes) -> bool:
        """Whether it comes into the next epoch as the member itself would."""
        try:
            received = process(self.group, message)
        except RemoteProtocolError:
            return False
        assert isinstance(received, CommitReceived)
        if received.is_removed:
            return False
        self.group = received.group
        self._keep_keys()
        return True

    def opens_any(self, before: Group, after: Group, message: bytes) -> bool:
        """Whether any key of its own opens any secret of the path of the commit between the two."""
        path = forge.committed(message).path
        return path is not None and any_opens(self.keys.values(), before, after, path)


def any_opens(keys: Iterable[Secret], before: Group, after: Group, path: UpdatePath) -> bool:
    context = replace(
        after.context, confirmed_transcript_hash=before.context.confirmed_transcript_hash
    ).encode()
    sealed = [part for node in path.nodes for part in node.encrypted_path_secret]
    return any(opens(key, context, part) for key in keys for part in sealed)


def opens(key: Secret, context: bytes, sealed: HpkeCiphertext) -> bool:
    try:
        ONE.decrypt_with_label(
            key, b"UpdatePathNode", context, sealed.kem_output, sealed.ciphertext
        )
    except RemoteProtocolError:
        return False
    return True


class Story:
    """A room with a worn tree, in which commits travel in public, where a thief reads them too."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311  # repeatable, and no key comes of it
        self.room = Room(ONE, *MEMBERS)
        self._n_new = 0
        for _ in range(12):
            self.happens()

    def somebody(self) -> str:
        """But not the victim."""
        return self.random.choice([name for name in self.room.groups if name != VICTIM])

    def happens(self) -> tuple[str, bytes]:
        """Somebody commits, with a path. Who, and the message."""
        committer = self.somebody()
        others = [n for n in self.room.groups if n not in (committer, VICTIM)]
        add, remove = [], []
        match self.random.choice(["nothing", "add", "remove"]):
            case "add":
                self._n_new += 1
                add.append(f"newcomer {self._n_new}")
            case "remove" if len(others) > 4:
                remove.append(self.random.choice(others))
        pending = self.room.commit(committer, add=add, remove=remove, is_public=True)
        return committer, pending.message

    def steals(self) -> Thief:
        """What the victim has saved."""
        return Thief(load(self.room.saved[VICTIM], TakeAll()))

    def assert_follows(self, thief: Thief) -> None:
        """So long as nothing was done about it; else the test would prove nothing."""
        for _ in range(3):
            before = self.room[VICTIM]
            committer, message = self.happens()
            after = self.room[committer]
            assert thief.opens_any(before, after, message)
            assert thief.follows(message)
            assert thief.group.epoch_authenticator == after.epoch_authenticator
            received = process(thief.group, self.room.say(committer, b"hi"))
            assert isinstance(received, ApplicationReceived)
            assert received.data == b"hi"
            thief.group = received.group

    def assert_is_shut_out(self, thief: Thief, before: Group, message: bytes) -> None:
        """From this commit on, whatever comes after."""
        after = next(iter(self.room.groups.values()))
        for _ in range(EPOCHS_AFTER):
            assert not thief.opens_any(before, after, message)
            assert not thief.follows(message)
            assert thief.group.epoch_authenticator != after.epoch_authenticator
            committer = self.somebody()
            before = self.room[committer]
            with pytest.raises(RemoteProtocolError):
                process(thief.group, self.room.say(committer, b"hi"))
            committer, message = self.happens()
            after = self.room[committer]


def heals_by_its_own_commit(story: Story) -> bytes:
    return story.room.commit(VICTIM, is_public=True).message


def heals_by_an_update_that_another_commits(story: Story) -> bytes:
    room = story.room
    group, message = room[VICTIM].propose_update(is_public=True)
    room.has(VICTIM, group)
    reference = room.hear_proposal(VICTIM, message)
    return room.commit(story.somebody(), by_reference=[reference], is_public=True).message


def is_removed(story: Story) -> bytes:
    return story.room.commit(story.somebody(), remove=[VICTIM], is_public=True).message


WAYS = pytest.mark.parametrize(
    "way", [heals_by_its_own_commit, heals_by_an_update_that_another_commits, is_removed]
)


def tell(seed: int, way: Callable[[Story], bytes]) -> None:
    story = Story(seed)
    thief = story.steals()
    story.assert_follows(thief)
    before = story.room[VICTIM]
    story.assert_is_shut_out(thief, before, way(story))


@WAYS
@SEEDS
def test_stolen_keys_open_nothing_once_a_member_healed_or_left(
    seed: int, way: Callable[[Story], bytes]
) -> None:
    tell(seed, way)


@pytest.mark.slow
@WAYS
@MANY_SEEDS
def test_stolen_keys_open_nothing_in_many_more_histories(
    seed: int, way: Callable[[Story], bytes]
) -> None:
    tell(seed, way)


def test_an_update_heals_nothing_if_its_key_was_stolen_too() -> None:
    """The theft came after the Update was made: the thief has the new key, and the test can tell."""
    story = Story(0)
    group, message = story.room[VICTIM].propose_update(is_public=True)
    story.room.has(VICTIM, group)
    thief = story.steals()
    reference = story.room.hear_proposal(VICTIM, message)
    thief.group = thief.group.accept_own_proposal(message)
    pending = story.room.commit(story.somebody(), by_reference=[reference], is_public=True)
    assert thief.follows(pending.message)
    assert thief.group.epoch_authenticator == story.room[VICTIM].epoch_authenticator
