"""The rules of a room, as everybody applies them to everybody: PROTOCOL.md sections 3 and 4."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coterie import identity
from coterie.client import room_state, successor
from coterie.client.happening import Dropped, Event
from coterie.client.intent import Change, Leave
from coterie.client.log import Halt
from coterie.client.room_policy import (
    MAX_ADDS,
    REQUIRED,
    ROOM_POLICY,
    check_joined,
    check_members,
    direct_room_id,
    leaf_identity,
    room_state_of,
)
from coterie.client.room_state import RoomState, Settings
from coterie.errors import RuleViolation
from coterie.identity import AccountKey
from coterie.mls import (
    BasicCredential,
    Extension,
    Group,
    GroupContextExtensions,
    LeafNode,
    Proposed,
    Remove,
    RequiredCapabilities,
    TakeAll,
    suite_of,
)
from coterie.mls.credential import X509Credential
from coterie.mls.extension import ExtensionType
from coterie.mls.framing import Sender, SenderType
from coterie.mls.proposals import CustomProposal, PreSharedKey, Proposal, ReInit
from coterie.mls.psk import ExternalPsk
from coterie.secret import Secret
from coterie.wire.frames import Kind
from tests.client.people import (
    FAST,
    LIFETIME,
    Device,
    Reader,
    added,
    direct_room,
    extensions_of,
    new_device,
    new_room,
    new_state,
    room_of,
)

# alice is the admin; mallory and carol are members
ALICE, MALLORY, CAROL = range(3)


def refused(proposals: Sequence[Proposal], rule: str, *, by: str = "mallory") -> None:
    """A commit of these is dead for all others, by that rule."""
    room, readers = new_room("alice", "mallory", "carol")
    author = next(reader for reader in readers if reader.device.name == by)
    entry = author.append_commit(proposals)
    for reader in readers:
        if reader is not author:
            reader.read(entry)
            ((event, text),) = reader.lines
            assert event is Event.DEAD
            assert f"({rule}" in text
            assert reader.group.epoch == 1
    assert len(room.entries) == 2


def taken(
    proposals: Sequence[Proposal], *, by: str = "alice", state: RoomState | None = None
) -> list[Reader]:
    """A commit of these counts for all others."""
    _, readers = new_room("alice", "mallory", "carol")
    if state is not None:
        readers = room_with(state)
    author = next(reader for reader in readers if reader.device.name == by)
    entry = author.append_commit(proposals)
    others = [reader for reader in readers if reader is not author]
    for reader in others:
        reader.read(entry)
        assert Event.DEAD not in reader.events
    return others


def room_with(state: RoomState) -> list[Reader]:
    room, readers = new_room("alice", "mallory", "carol")
    alice = readers[0]
    alice.want(Change(room_state=state))
    room.settle()
    assert alice.state == state
    return readers


def changed(**what: object) -> GroupContextExtensions:
    alice = new_device("alice")
    return GroupContextExtensions(extensions_of(msgspec.structs.replace(new_state(alice), **what)))


def key_of(name: str) -> bytes:
    return new_device(name).account_key


# --- roles -------------------------------------------------------------------------------------


def test_admin_adds_removes_and_changes_the_room() -> None:
    others = taken([added(new_device("dave")), Remove(MALLORY), changed(topic="lunch")])
    carol = others[1]
    assert carol.names == ["alice", "carol", "dave"]
    assert carol.state.topic == "lunch"
    assert others[0].log.halt is Halt.REMOVED


def test_member_may_not_add_a_stranger() -> None:
    refused([added(new_device("dave"))], "add-by-non-admin: of dave")


def test_member_may_add_a_stranger_where_the_room_lets_it() -> None:
    state = msgspec.structs.replace(
        new_state(new_device("alice")), settings=Settings(members_may_add=True)
    )
    (alice, _) = taken([added(new_device("dave"))], by="mallory", state=state)
    assert "dave" in alice.names


def test_member_may_add_another_device_of_a_members_account() -> None:
    alice, *_ = taken([added(new_device("carol", number=2))], by="mallory")
    assert len(list(alice.group.members())) == 4


def test_member_may_not_remove_others() -> None:
    refused([Remove(CAROL)], "remove-by-non-admin")
    refused([Remove(ALICE)], "remove-by-non-admin")


def test_member_may_remove_another_device_of_its_own() -> None:
    laptop = new_device("mallory")
    phone = new_device("mallory", laptop.account, number=2)
    _, (alice, mallory, _) = room_of([new_device("alice"), laptop, phone])
    alice.read(mallory.append_commit([Remove(2)]))
    assert alice.lines == [(Event.DEVICE, f"mallory removed mallory's device {phone.id.hex()[:8]}")]


def test_nobody_removes_himself_in_his_own_commit() -> None:
    _, (alice, mallory) = new_room("alice", "mallory")
    with pytest.raises(RuleViolation, match="remove-of-committer"):
        mallory.commit([Remove(1)])
    assert alice.events == []


def test_member_may_not_change_the_room() -> None:
    refused([changed(topic="mine now")], "room-state-by-non-admin")
    refused([changed(admins=(key_of("mallory"),))], "room-state-by-non-admin")


def test_admin_that_was_demoted_is_a_member_like_others() -> None:
    room, (alice, bobb, carol) = new_room("alice", "bobb", "carol", admins=2)
    alice.want(Change(room_state=msgspec.structs.replace(alice.state, admins=(key_of("alice"),))))
    room.settle()
    assert carol.lines == [(Event.CHANGED, "alice made bobb a member who is no longer an admin")]
    carol.read(bobb.append_commit([Remove(0)]))
    assert carol.events[-1] is Event.DEAD


def test_role_is_that_of_the_epoch_before() -> None:
    """Who makes somebody else admin in one commit cannot remove that one's rivals by the new role in the same."""
    refused([changed(admins=(key_of("mallory"),)), Remove(CAROL)], "room-state-by-non-admin")
    _, readers = new_room("alice", "mallory", "carol")
    alice, mallory, carol = readers
    entry = alice.append_commit([changed(admins=(key_of("mallory"),)), Remove(CAROL)])
    mallory.read(entry)
    carol.read(entry)
    assert mallory.names == ["alice", "mallory"]  # she was admin when she proposed it
    assert carol.log.halt is Halt.REMOVED


# --- who must be left --------------------------------------------------------------------------


def test_room_is_never_left_without_an_admin_that_has_a_leaf() -> None:
    refused([changed(admins=(key_of("stranger"),))], "no-admin", by="alice")


def test_admin_without_a_leaf_counts_once_he_is_added() -> None:
    state = (key_of("alice"), key_of("dave"))
    dave = new_device("dave")
    others = taken([added(dave), changed(admins=state)])
    assert dave.account_key in others[0].state.admins


def test_hundred_adds_are_taken_and_one_more_is_dead() -> None:
    crowd = [added(new_device(f"guest{number}")) for number in range(MAX_ADDS + 1)]
    taken(crowd[1:])
    refused(crowd, "too-many-adds: 101, limit 100", by="alice")


def test_name_has_one_account_key_in_a_room() -> None:
    impostor = new_device("carol", AccountKey(Secret(b"i" * 32)), number=2)
    refused([added(impostor)], "name-with-two-keys: carol", by="alice")


def test_device_has_one_leaf_in_a_room() -> None:
    twin = new_device("carol")  # the same account and device id, under another device key
    refused([added(twin)], "device-with-two-leaves: carol", by="alice")


# --- what a room does not take -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("proposal", "why"),
    [
        (PreSharedKey(ExternalPsk(b"psk", bytes(32))), "a room takes no PreSharedKey"),
        (ReInit(b"H" * 16, 1, FAST, ()), "a room takes no ReInit"),
        (CustomProposal(0xF123, b""), "proposal"),
    ],
)
def test_other_proposals_make_an_entry_dead(proposal: Proposal, why: str) -> None:
    _, (alice, mallory) = new_room("alice", "mallory")
    message_id, body = mallory.propose(proposal)
    alice.read(mallory.append(Kind.PROPOSAL, body, message_id))
    ((event, text),) = alice.lines
    assert event is Event.DEAD
    assert why in text


@pytest.mark.parametrize("what", ["add", "remove", "state"])
def test_only_leaving_and_rejoining_stand_on_their_own(what: str) -> None:
    """Even of an admin: all else a member commits itself, by value."""
    _, (alice, mallory, _) = new_room("alice", "mallory", "carol")
    proposals: dict[str, Proposal] = {
        "add": added(new_device("dave")),
        "remove": Remove(2),
        "state": changed(topic="x"),
    }
    message_id, body = alice.propose(proposals[what])
    mallory.read(alice.append(Kind.PROPOSAL, body, message_id))
    ((event, text),) = mallory.lines
    assert event is Event.DEAD
    assert "proposal-by-reference" in text
    assert mallory.group.standing == ()


@pytest.mark.parametrize(
    "extensions",
    [
        (Extension(ExtensionType.REQUIRED_CAPABILITIES, REQUIRED.encode()),),
        (Extension(room_state.EXTENSION_TYPE, room_state.encode(new_state(new_device("alice")))),),
        (*extensions_of(new_state(new_device("alice"))), Extension(0xF0C2, b"more")),
        (*extensions_of(new_state(new_device("alice"))), Extension(5, b"\0")),  # external_senders
        (
            Extension(ExtensionType.REQUIRED_CAPABILITIES, RequiredCapabilities().encode()),
            extensions_of(new_state(new_device("alice")))[1],
        ),
        extensions_of(new_state(new_device("alice"), room_id=b"S" * 16)),
    ],
    ids=[
        "no state",
        "no capabilities",
        "one more",
        "external senders",
        "other capabilities",
        "other id",
    ],
)
def test_nothing_but_the_rooms_state_may_change_and_never_its_id(
    extensions: tuple[Extension, ...],
) -> None:
    _, (alice, mallory) = new_room("alice", "mallory")
    entry = alice.append_commit([GroupContextExtensions(extensions)])
    mallory.read(entry)
    assert mallory.events == [Event.DEAD]
    assert mallory.state == new_state(new_device("alice"))


@given(data=st.binary(max_size=60))
def test_state_that_is_none_makes_the_commit_dead(data: bytes) -> None:
    extensions = (
        Extension(ExtensionType.REQUIRED_CAPABILITIES, REQUIRED.encode()),
        Extension(room_state.EXTENSION_TYPE, data),
    )
    _, (alice, mallory) = new_room("alice", "mallory")
    mallory.read(alice.append_commit([GroupContextExtensions(extensions)]))
    assert mallory.events == [Event.DEAD]


# --- leaves ------------------------------------------------------------------------------------


def test_leaf_says_who_it_is() -> None:
    device = new_device("carol", number=3)
    found = leaf_identity(device.key_package().key_package.leaf_node)
    assert (found.name, found.device, found.account_key) == ("carol", device.id, device.account_key)


@pytest.mark.parametrize(
    ("alter", "rule"),
    [
        (lambda leaf: replace(leaf, credential=X509Credential((b"der",))), "credential"),
        (lambda leaf: replace(leaf, extensions=()), "certificate"),
        (lambda leaf: replace(leaf, signature_key=b"k" * 32), "leaf-key"),
        (lambda leaf: replace(leaf, credential=BasicCredential(b"carol")), "leaf-credential"),
        (
            lambda leaf: replace(
                leaf,
                credential=BasicCredential(
                    identity.encode_credential("alice", new_device("carol").id)
                ),
            ),
            "leaf-name",
        ),
    ],
)
def test_leaf_that_is_nobodys_is_refused(alter: Callable[[LeafNode], LeafNode], rule: str) -> None:
    leaf = alter(new_device("carol").key_package().key_package.leaf_node)
    with pytest.raises(RuleViolation) as caught:
        leaf_identity(leaf)
    assert caught.value.rule == rule


def test_commit_whose_path_makes_the_leaf_another_accounts_is_dead() -> None:
    """Mallory has a second account, dave, with a certificate for the very key of his leaf."""
    _, (alice, mallory) = new_room("alice", "mallory")
    account = AccountKey(Secret(b"d" * 32))
    certified = identity.new_device(
        account, "dave", device=b"d" * 16, device_key=mallory.device.leaf.signature_key, now=0.0
    )
    become = replace(
        mallory.group.own_leaf,
        credential=BasicCredential(identity.encode_credential("dave", b"d" * 16)),
        extensions=(
            Extension(
                identity.CERTIFICATE_EXTENSION, identity.encode_certificate(certified.certificate)
            ),
        ),
    )
    tree = mallory.group.tree.with_nodes([(2 * mallory.group.own_leaf_index, become)])
    mallory.log = replace(mallory.log, group=replace(mallory.group, tree=tree))
    alice.read(mallory.append_commit())
    ((event, text),) = alice.lines
    assert event is Event.DEAD
    assert "leaf-changes-account: mallory to dave" in text


def test_leaf_with_two_certificates_is_refused() -> None:
    leaf = new_device("carol").key_package().key_package.leaf_node
    with pytest.raises(RuleViolation, match="exactly one device certificate"):
        leaf_identity(replace(leaf, extensions=leaf.extensions * 2))


# --- joining -----------------------------------------------------------------------------------


def group_of(extensions: Sequence[Extension], device: Device) -> Group:
    return Group.create(
        suite_of(FAST), b"G" * 16, device.leaf, LIFETIME, extensions=extensions, policy=TakeAll()
    )


def test_group_that_a_welcome_brings_is_a_room_or_is_refused() -> None:
    alice = new_device("alice")
    state, required = extensions_of(new_state(alice))[1], extensions_of(new_state(alice))[0]
    check_joined(group_of((required, state), alice))
    other = Extension(ExtensionType.REQUIRED_CAPABILITIES, RequiredCapabilities().encode())
    bad: list[tuple[tuple[Extension, ...], str]] = [
        ((required,), "room-state"),
        ((state,), "required-capabilities"),
        ((other, state), "required-capabilities"),
        ((required, state, Extension(0xF0C2, b"")), "extensions"),
        (extensions_of(new_state(new_device("bobb"))), "no-admin"),
    ]
    for extensions, rule in bad:
        with pytest.raises(RuleViolation) as caught:
            check_joined(group_of(extensions, alice))
        assert caught.value.rule == rule


# --- direct messages ---------------------------------------------------------------------------


@given(st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32))
def test_direct_messages_have_one_id_for_both(one: bytes, other: bytes) -> None:
    assert direct_room_id(one, other) == direct_room_id(other, one)
    assert len(direct_room_id(one, other)) == 32


def direct_state(*admins: Device, of: Sequence[Device] = ()) -> RoomState:
    one, other = of or admins
    return new_state(*admins, room_id=direct_room_id(one.account_key, other.account_key))


def test_direct_message_is_a_room_of_two_admins() -> None:
    alice, bobb, carol = new_device("alice"), new_device("bobb"), new_device("carol")
    group = group_of(extensions_of(direct_state(alice, bobb)), alice)
    check_members(group.tree, direct_state(alice, bobb))
    check_members(group.tree, direct_state(bobb, alice))
    for state in (
        direct_state(alice, of=(alice, bobb)),  # of one admin
        direct_state(alice, bobb, carol, of=(alice, bobb)),
        direct_state(alice, bobb, of=(alice, carol)),  # another's id
        new_state(alice, bobb, room_id=b"x" * 20),  # no id of any kind
    ):
        with pytest.raises(RuleViolation) as caught:
            check_members(group.tree, state)
        assert caught.value.rule == "direct-room"


def test_third_account_cannot_be_added_to_a_direct_message() -> None:
    _, (alice, bobb) = direct_room()
    assert bobb.names == ["alice", "bobb"]
    bobb.read(alice.append_commit([added(new_device("carol"))]))
    assert "direct-room: a third account" in bobb.lines[-1][1]


def test_second_name_with_the_key_of_one_of_the_two_is_a_third_account() -> None:
    """People see names: bobb would hear somebody else in what he reads as alice's direct messages."""
    _, (alice, bobb) = direct_room()
    bobb.read(alice.append_commit([added(new_device("root", alice.device.account, number=2))]))
    assert "direct-room: a third account" in bobb.lines[-1][1]


def test_another_device_of_one_of_the_two_can_be_added_to_a_direct_message() -> None:
    _, (alice, bobb) = direct_room()
    bobb.read(alice.append_commit([added(new_device("alice", alice.device.account, number=2))]))
    assert len(list(bobb.group.members())) == 3


def test_neither_of_the_two_can_be_made_no_admin() -> None:
    _, (alice, bobb) = direct_room()
    admins, mine = bobb.state.admins, alice.device.account_key
    state = msgspec.structs.replace(alice.state, admins=(mine,))
    bobb.read(alice.append_commit([GroupContextExtensions(extensions_of(state))]))
    assert bobb.events[-1] is Event.DEAD
    assert room_state_of(bobb.group).admins == admins


def test_neither_of_the_two_can_be_removed_from_direct_messages() -> None:
    """They could never come together again in the room with that id."""
    _, (alice, bobb) = direct_room()
    bobb.read(alice.append_commit([Remove(bobb.group.own_leaf_index)]))
    assert "direct-room: neither of the two can be removed" in bobb.lines[-1][1]
    assert bobb.names == ["alice", "bobb"]


def test_neither_of_the_two_leaves_direct_messages() -> None:
    _, (alice, bobb) = direct_room()
    message_id, body = alice.propose(Remove(alice.group.own_leaf_index))
    bobb.read(alice.append(Kind.PROPOSAL, body, message_id))
    assert "direct-room: neither of the two leaves" in bobb.lines[-1][1]
    assert not bobb.group.standing
    bobb.want(Leave())
    bobb.seal()
    assert bobb.told(Dropped)[-1].reason == "nobody leaves direct messages"


def test_one_of_several_devices_leaves_direct_messages() -> None:
    room, (alice, bobb) = direct_room()
    phone = new_device("alice", alice.device.account, number=2)
    alice.want(Change(adds=(room.newcomer(phone),)))
    room.settle()
    alice.want(Leave())
    room.settle()
    bobb.want(Change())
    room.settle()
    assert alice.log.halt is Halt.REMOVED
    assert bobb.names == ["alice", "bobb"]


def test_direct_messages_have_no_successor() -> None:
    """The id of a group says whether it stays: of two that disagree about the first successor nothing comes."""
    room, (alice, bobb) = direct_room()
    message_id = alice.new_id()
    body = successor.encode(alice.group, b"N" * 16, alice.here(message_id))
    bobb.read(alice.append(Kind.SUCCESSOR, body, message_id))
    assert "direct-room: it has no successors" in bobb.lines[-1][1]
    assert not bobb.log.successor
    bobb.say(b"on we go")
    room.settle()
    assert alice.texts == []  # whoever went by hand past the rules reads no further
    assert bobb.log.cursor == len(room.entries)


def test_nobody_else_makes_a_room_with_the_id_of_two_others() -> None:
    alice, bobb, carol = new_device("alice"), new_device("bobb"), new_device("carol")
    for admins in ((alice, bobb), (carol, bobb), (carol,)):
        state = direct_state(*admins, of=(alice, bobb))
        with pytest.raises(RuleViolation) as caught:
            check_joined(group_of(extensions_of(state), carol))
        assert caught.value.rule in ("no-admin", "direct-room")


# --- rejoins -----------------------------------------------------------------------------------


def test_rejoin_without_the_remove_of_the_leaf_it_replaces_is_dead() -> None:
    _, (alice, mallory, carol) = new_room("alice", "mallory", "carol", admins=3)
    entry = carol.append_rejoin()
    for reader in (alice, mallory):
        reader.read(entry)
    reference = mallory.group.standing[0].reference
    with pytest.raises(RuleViolation, match="signature-key-twice"):
        mallory.commit(by_reference=[reference])
    alice.read(mallory.append_commit([Remove(CAROL)], by_reference=[reference]))
    assert alice.events == [Event.DEVICE, Event.DEVICE]


def test_rejoin_gives_nobody_a_right_to_remove_others() -> None:
    _, (alice, mallory, carol) = new_room("alice", "mallory", "carol")
    entry = carol.append_rejoin()
    for reader in (alice, mallory):
        reader.read(entry)
    reference = mallory.group.standing[0].reference
    alice.read(mallory.append_commit([Remove(CAROL), Remove(ALICE)], by_reference=[reference]))
    assert "remove-by-non-admin" in alice.lines[-1][1]
    alice.read(mallory.append_commit([Remove(CAROL)]))  # without the rejoin it is no rejoin
    assert "remove-by-non-admin" in alice.lines[-1][1]


@pytest.mark.parametrize("sender_type", [SenderType.EXTERNAL, SenderType.NEW_MEMBER_COMMIT])
def test_nobody_proposes_from_outside_but_who_rejoins(sender_type: SenderType) -> None:
    """RFC 9420 knows external senders, and commits by which one lets oneself in: rooms do not."""
    _, (alice, _) = new_room("alice", "bobb")
    with pytest.raises(RuleViolation) as caught:
        ROOM_POLICY.check_proposal(alice.group, Proposed(Remove(1), Sender(sender_type)))
    assert caught.value.rule == "proposal-sender"


def test_room_has_no_pre_shared_keys() -> None:
    assert ROOM_POLICY.psk(ExternalPsk(b"psk", bytes(32))) is None
