"""Nothing that a log or an error might show of a group holds a key or what people say."""

import dataclasses
import importlib
import pkgutil
from collections.abc import Iterator

import coterie.mls
from coterie.mls import (
    Add,
    ApplicationReceived,
    Extension,
    GroupContextExtensions,
    changes,
    join,
    process,
)
from coterie.mls.framing import FramedContent, PrivateMessage, Sender, SenderType, decode_message
from coterie.mls.message_protection import open_sender_data, unprotect_private
from coterie.mls.secret_tree import RatchetType
from coterie.secret import observe
from tests.mls.rooms import KNOWN_EXTENSION, ONE, Room, new_bundle, signature_private

SAID = b"what was said in confidence"
NAME = b"the name of the room"


def reprs() -> Iterator[tuple[str, list[bytes]]]:
    """What can be printed, and the keys that were seen up to then."""
    keys: list[bytes] = []
    observe(lambda _, secret: keys.append(secret.expose()))
    try:
        room = Room(ONE, "alice", "bobb")
        extension = Extension(KNOWN_EXTENSION, NAME)
        room.commit("alice", GroupContextExtensions((extension,)))
        group, message = room["alice"].propose_update()
        room.has("alice", group)
        room.hear_proposal("alice", message)
        bundle = new_bundle(ONE, "carol")
        pending = room.make_commit("bobb", Add(bundle.key_package))
        assert pending.welcome is not None
        joined = join(pending.welcome, bundle, signature_private(bundle))
        before = room["bobb"]
        sent, private = room["alice"].protect(SAID)
        received = process(before, private)
        assert isinstance(received, ApplicationReceived)
        travelled = decode_message(private)
        assert isinstance(travelled, PrivateMessage)
        data = open_sender_data(ONE, travelled, before.epoch_secrets)
        tree, content, _ = unprotect_private(
            ONE,
            travelled,
            before.epoch_secrets,
            before.secret_tree,
        )
        assert received.data == SAID
    finally:
        observe(None)
    keys += [key.expose() for g in (sent, joined.group) for key in g.private_keys.values()]
    keys += [key.expose() for key in room["alice"].update_keys.values()]
    keys += [room["alice"].signature_private.expose()]
    keys += [bundle.init_private.expose(), bundle.encryption_private.expose()]
    for ratchet in tree.ratchets.values():
        keys.append(ratchet.secret.expose())
    _, key = tree.key_of(1, RatchetType.APPLICATION, 0)
    keys += [key.key.expose(), key.nonce]
    for shown in (
        *(sent, joined, pending, bundle, received, content, data, tree, key, travelled),
        *(sent.secret_tree.ratchets, sent.epoch_secrets, sent.own_proposals, sent.standing),
        *(sent.private_keys, sent.update_keys, sent.context, sent.tree, sent.new_leaf()),
        changes(None, sent),
        FramedContent(b"", 0, Sender(SenderType.MEMBER), b"", SAID),
    ):
        yield repr(shown), keys


def test_no_repr_holds_a_key_or_what_was_said() -> None:
    for shown, keys in reprs():
        for key in {*keys, SAID, NAME} - {bytes(ONE.nh)}:
            assert key.hex() not in shown
            assert repr(key)[2:-1] not in shown


def test_no_structure_has_a_key_as_bare_bytes() -> None:
    """By the names that keys have: a field called so must be a Secret, or not print."""
    found = []
    for module in pkgutil.iter_modules(coterie.mls.__path__, "coterie.mls."):
        for value in vars(importlib.import_module(module.name)).values():
            if isinstance(value, type) and dataclasses.is_dataclass(value):
                found += [
                    f"{value.__name__}.{field.name}"
                    for field in dataclasses.fields(value)
                    if any(word in field.name for word in ("private", "secret", "nonce", "_psk"))
                    and "Secret" not in str(field.type)
                    and field.repr
                ]
    public = {"psk_nonce", "encrypted_group_secrets", "encrypted_path_secret", "secrets"}
    assert [name for name in sorted(set(found)) if name.split(".")[1] not in public] == []
