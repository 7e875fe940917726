"""Joining by Welcome: what a newcomer refuses from a hostile committer or whoever changes the Welcome."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from coterie.errors import RemoteProtocolError
from coterie.mls import (
    DEFAULT_SUITE,
    SUITES,
    Add,
    CipherSuite,
    Extension,
    Group,
    Joined,
    KeyPackageBundle,
    PskNotAvailable,
    RatchetTree,
    Remove,
    TakeAll,
    join,
    key_schedule,
    references,
)
from coterie.mls.commit import HpkeCiphertext
from coterie.mls.extension import ExtensionType
from coterie.mls.framing import decode_message, encode_message
from coterie.mls.psk import (
    MAX_PSKS,
    ExternalPsk,
    PreSharedKeyId,
    ResumptionPsk,
    ResumptionUsage,
    psk_secret,
)
from coterie.mls.ratchet_tree import ParentNode
from coterie.mls.welcome import (
    EncryptedGroupSecrets,
    GroupInfo,
    GroupSecrets,
    Welcome,
    seal_group_info,
    welcome_key_and_nonce,
)
from coterie.secret import Secret
from tests.mls.rooms import BOTH, ONE, Room, new_bundle, refuses, signature_private

POLICY = TakeAll({b"id": Secret(b"a key from outside")})


@dataclass(frozen=True)
class Invited:
    """A newcomer with all that a committer put into its Welcome, to be changed and made again."""

    signer: Group
    bundle: KeyPackageBundle
    welcome: Welcome
    secrets: GroupSecrets
    info: GroupInfo

    def again(
        self,
        *,
        info: GroupInfo | None = None,
        psks: Sequence[PreSharedKeyId] = (),
        suite_number: int | None = None,
        is_signed: bool = True,
        **secrets: Secret | None,
    ) -> bytes:
        """The Welcome with something else in it, signed and sealed as it should be."""
        suite, package = self.signer.suite, self.bundle.key_package
        info = info or self.info
        if is_signed:
            info = info.signed(suite, self.signer.signature_private)
        changed = replace(self.secrets, psks=tuple(psks), **secrets)  # type: ignore[arg-type]
        combined = psk_secret(suite, [(psk, Secret(b"a key from outside")) for psk in psks[:9]])
        key = key_schedule.welcome_secret(suite, changed.joiner_secret, combined)
        encrypted_info = seal_group_info(suite, key, info)
        sealed = suite.encrypt_with_label(
            package.init_key, b"Welcome", encrypted_info, changed.encode()
        )
        entry = EncryptedGroupSecrets(package.reference(), HpkeCiphertext(*sealed))
        number = suite.number if suite_number is None else suite_number
        return encode_message(Welcome(number, (entry,), encrypted_info))

    def join(self, welcome: bytes) -> Joined:
        return join(welcome, self.bundle, signature_private(self.bundle), policy=POLICY)


def invited(suite: CipherSuite = ONE, *others: str, force_path: bool = True) -> Invited:
    """By alice, into a room of hers and two others' where all parents are set."""
    room = Room(suite, "alice", *(others or ("bobb", "carol")), policy=POLICY)
    for name in room.groups:
        room.commit(name)
    bundle = new_bundle(suite, "dave")
    pending = room.make_commit("alice", Add(bundle.key_package), force_path=force_path)
    assert pending.welcome is not None
    welcome = decode_message(pending.welcome)
    assert isinstance(welcome, Welcome)
    secrets = welcome.open_secrets(suite, bundle.key_package.reference(), bundle.init_private)
    key = key_schedule.welcome_secret(suite, secrets.joiner_secret, psk_secret(suite, []))
    info = welcome.open_group_info(suite, key)
    return Invited(pending.group, bundle, welcome, secrets, info)


def with_tree(
    given: Invited,
    change: Callable[[RatchetTree], RatchetTree],
    *,
    is_hashed: bool = True,
) -> bytes:
    """Another tree, and its hash in the signed GroupInfo."""
    tree = change(given.signer.tree)
    context = given.info.group_context
    if is_hashed:
        context = replace(context, tree_hash=tree.tree_hash())
    extensions = (Extension(ExtensionType.RATCHET_TREE, tree.encode()),)
    info = replace(given.info, group_context=context, extensions=extensions)
    return given.again(info=info)


def with_context(given: Invited, **changes: object) -> bytes:
    context = replace(given.info.group_context, **changes)  # type: ignore[arg-type]
    return given.again(info=replace(given.info, group_context=context))


@BOTH
def test_a_welcome_made_again_lets_in(suite: CipherSuite) -> None:
    """So what the tests below change is what is refused."""
    given = invited(suite)
    joined = given.join(given.again())
    assert joined.group.epoch_authenticator == given.signer.epoch_authenticator
    assert references(given.again()) == (given.bundle.key_package.reference(),)


def test_a_welcome_for_others_is_refused() -> None:
    given = invited()
    other = new_bundle(ONE, "erin")
    with refuses("welcome-recipient"):
        join(given.again(), other, signature_private(other))


def test_another_message_than_a_welcome_is_refused() -> None:
    given = invited()
    package = encode_message(given.bundle.key_package)
    with refuses("wire-format"):
        given.join(package)
    with refuses("wire-format"):
        references(package)


def test_a_welcome_of_another_suite_is_refused() -> None:
    given = invited()
    with refuses("welcome-suite"):
        given.join(given.again(suite_number=3))


def test_a_group_info_of_another_suite_or_version_is_refused() -> None:
    """The suite of the GroupInfo was believed, and the key package's forgotten."""
    given = invited()
    for changes in ({"cipher_suite": 3}, {"version": 2}, {"cipher_suite": DEFAULT_SUITE}):
        with refuses("group-info-suite"):
            given.join(with_context(given, **changes))


def test_a_group_info_must_be_signed_by_a_member() -> None:
    given = invited()
    with refuses("group-info-signer"):
        given.join(given.again(info=replace(given.info, signer=7)))
    with refuses("group-info-signature"):
        given.join(given.again(info=replace(given.info, signer=1)))
    info = replace(given.info, confirmation_tag=b"changed")
    with refuses("group-info-signature"):
        given.join(given.again(info=info, is_signed=False))


def test_the_confirmation_tag_must_hold() -> None:
    given = invited()
    with refuses("confirmation-tag"):
        given.join(given.again(info=replace(given.info, confirmation_tag=bytes(32))))


def test_the_tree_must_be_the_one_that_was_hashed() -> None:
    given = invited()
    other = ParentNode(ONE.hpke.generate_key_pair()[1], b"")
    with refuses("tree-hash"):
        given.join(with_tree(given, lambda t: t.with_nodes([(1, other)]), is_hashed=False))


def test_every_parent_must_come_from_a_members_path() -> None:
    """Else a hostile committer could know a key that the newcomer would encrypt to."""
    given = invited()
    other = ParentNode(ONE.hpke.generate_key_pair()[1], b"")
    with refuses("parent-hash"):
        given.join(with_tree(given, lambda t: t.with_nodes([(1, other)])))


def test_a_parent_to_which_nobody_can_encapsulate_is_refused() -> None:
    given = invited()
    with refuses("encapsulation-key"):
        given.join(with_tree(given, lambda t: t.with_nodes([(1, ParentNode(bytes(32), b""))])))


def test_every_leaf_must_be_signed() -> None:
    given = invited()
    leaf = given.signer.tree.leaf(1)
    assert leaf is not None
    spoiled = replace(leaf, signature=bytes(64))
    with refuses("leaf-signature"):
        given.join(with_tree(given, lambda t: t.with_nodes([(2, spoiled)])))


def test_a_key_must_not_be_in_the_tree_twice() -> None:
    given = invited()
    leaf = given.signer.tree.leaf(1)
    assert leaf is not None
    with refuses("signature-key-twice"):
        given.join(with_tree(given, lambda t: t.with_leaves_added([leaf])[0]))
    same = ParentNode(leaf.encryption_key, b"")
    with refuses("encryption-key-twice"):
        given.join(with_tree(given, lambda t: t.with_nodes([(1, same)])))


def test_a_tree_without_the_newcomer_is_refused() -> None:
    given = invited()
    with refuses("welcome-own-leaf"):
        given.join(with_tree(given, lambda t: t.with_leaves_removed([3])))


def test_a_welcome_without_a_tree_needs_one_from_elsewhere() -> None:
    given = invited()
    without = given.again(info=replace(given.info, extensions=()))
    with refuses("ratchet-tree-missing"):
        given.join(without)
    joined = join(
        without,
        given.bundle,
        signature_private(given.bundle),
        ratchet_tree=given.signer.tree.encode(),
    )
    assert joined.group.epoch_authenticator == given.signer.epoch_authenticator


def test_a_path_secret_must_lead_to_the_keys_of_the_tree() -> None:
    given = invited()
    with refuses("welcome-path-secret"):
        given.join(given.again(path_secret=Secret(bytes(32))))
    blank = invited(ONE, "bobb", "carol", "erin", force_path=False)  # a new root above
    assert blank.signer.tree.nodes[blank.signer.tree.root] is None
    with refuses("welcome-path-secret"):
        blank.join(blank.again(path_secret=Secret(bytes(32))))


NONCE = bytes(ONE.nh)


def test_a_psk_that_the_newcomer_lacks_is_said() -> None:
    given = invited()
    with pytest.raises(PskNotAvailable):
        given.join(given.again(psks=[ExternalPsk(b"another", NONCE)]))


def test_more_psks_than_can_be_numbered_are_refused() -> None:
    given = invited()
    psks = [ExternalPsk(b"id", number.to_bytes(32, "big")) for number in range(MAX_PSKS + 1)]
    with refuses("psk-count"):
        given.join(given.again(psks=psks))


def test_a_psk_of_a_new_group_comes_alone_and_in_its_first_epoch() -> None:
    given = invited()
    branch = ResumptionPsk(ResumptionUsage.BRANCH, b"old", 3, NONCE)
    reinit = replace(branch, usage=ResumptionUsage.REINIT)
    with refuses("welcome-psk-usage"):
        given.join(given.again(psks=[branch, reinit]))
    policy = TakeAll({branch.encode(): Secret(b"a key from outside")})
    with refuses("welcome-psk-epoch"):
        join(
            given.again(psks=[branch]),
            given.bundle,
            signature_private(given.bundle),
            policy=policy,
        )


def test_a_psk_of_a_welcome_has_a_nonce_of_the_suites_length() -> None:
    given = invited()
    with refuses("psk-nonce-length"):
        given.join(given.again(psks=[ExternalPsk(b"id", NONCE[1:])]))


def test_a_group_that_one_is_in_is_not_joined_again() -> None:
    given = invited()
    key = signature_private(given.bundle)
    with refuses("group-id-present"):
        join(given.again(), given.bundle, key, present_groups={given.signer.group_id})
    join(given.again(), given.bundle, key, present_groups={b"another"})


def test_an_unsupported_suite_is_refused_by_name() -> None:
    package = replace(new_bundle(ONE, "dave").key_package, cipher_suite=4)
    with refuses("cipher-suite"):
        package.reference()
    assert 4 not in SUITES


def test_a_member_that_was_removed_can_be_let_in_again() -> None:
    room = Room(ONE, "alice", "bobb", "carol")
    room.commit("alice", Remove(1))
    room.commit("carol", add=["bobb"])
    room.say("bobb", b"hi")


GIVEN = invited()
WELCOME = GIVEN.again()


@settings(max_examples=200, deadline=None)
@given(at=st.integers(0, len(WELCOME) - 1), mask=st.integers(1, 255), cut=st.booleans())
def test_a_changed_welcome_is_refused(at: int, mask: int, cut: bool) -> None:
    flipped = WELCOME[:at] + bytes([WELCOME[at] ^ mask]) + WELCOME[at + 1 :]
    with pytest.raises(RemoteProtocolError):
        GIVEN.join(WELCOME[:at] if cut else flipped)


@settings(max_examples=150, deadline=None)
@given(at=st.integers(0, len(GIVEN.info.encode()) - 1), put=st.binary(max_size=3))
def test_a_hostile_group_info_is_refused(at: int, put: bytes) -> None:
    """Anybody can seal anything to a key package: what is inside is as hostile as what is outside."""
    encoded = GIVEN.info.encode()
    changed = encoded[:at] + put + encoded[at + 1 :]
    assume(changed != encoded)
    suite, package = GIVEN.signer.suite, GIVEN.bundle.key_package
    key = key_schedule.welcome_secret(suite, GIVEN.secrets.joiner_secret, psk_secret(suite, []))
    encrypted_info = suite.seal(*welcome_key_and_nonce(suite, key), b"", changed)
    sealed = suite.encrypt_with_label(
        package.init_key, b"Welcome", encrypted_info, GIVEN.secrets.encode()
    )
    entry = EncryptedGroupSecrets(package.reference(), HpkeCiphertext(*sealed))
    with pytest.raises(RemoteProtocolError):
        GIVEN.join(encode_message(Welcome(suite.number, (entry,), encrypted_info)))
