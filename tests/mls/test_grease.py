"""Values that mean nothing: sent where the RFC recommends it, and taken as any unknown value is."""

from dataclasses import replace

from coterie.mls import (
    Add,
    Capabilities,
    Extension,
    commit,
    decode_message,
    export_group_info,
    greased,
    process,
)
from coterie.mls.grease import GREASE
from coterie.mls.welcome import GroupInfo
from tests.mls.rooms import ONE, Room, new_bundle, new_leaf


def types(extensions: tuple[Extension, ...]) -> set[int]:
    return {e.extension_type for e in extensions}


def test_the_values_are_those_of_the_rfc() -> None:
    assert [f"{value:04X}" for value in GREASE] == [f"{d}A{d}A" for d in "0123456789ABCDE"]


def test_key_packages_and_group_infos_carry_some() -> None:
    assert types(new_bundle(ONE, "alice").key_package.extensions) <= set(GREASE)
    info = decode_message(export_group_info(Room(ONE, "alice")["alice"]))
    assert isinstance(info, GroupInfo)
    assert types(info.extensions) & set(GREASE)


def test_capabilities_carry_one_in_each_list_but_the_versions() -> None:
    plain = Capabilities((1,), (1,), (GREASE[0],), credentials=(1,))
    sent = greased(plain)
    assert sent.versions == plain.versions
    for before, after in (
        (plain.cipher_suites, sent.cipher_suites),
        (plain.extensions, sent.extensions),
        (plain.proposals, sent.proposals),
        (plain.credentials, sent.credentials),
    ):
        assert after[:-1] == before
        assert after[-1] in GREASE
        assert after[-1] not in before


def test_members_with_greased_leaves_are_as_good_as_any() -> None:
    room = Room(ONE, "alice", "bobb")
    leaf = new_leaf(ONE, "carol")
    capabilities = greased(leaf.capabilities)
    value = capabilities.extensions[-1]
    leaf = replace(leaf, capabilities=capabilities, extensions=(Extension(value, b"nothing"),))
    _, pending = commit(room["alice"], [Add(new_bundle(ONE, leaf).key_package)])
    assert process(room["bobb"], pending.message).group.epoch == pending.group.epoch
