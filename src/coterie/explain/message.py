"""A message in a room of two: PROTOCOL.md section 2, and RFC 9420 inside."""

import secrets
import time
from dataclasses import dataclass

from coterie import content
from coterie.client import room_state
from coterie.client.account import new_leaf
from coterie.client.device import Enrolled
from coterie.client.position import Position
from coterie.client.room_policy import REQUIRED, ROOM_POLICY
from coterie.client.room_state import RoomState
from coterie.errors import LocalProtocolError
from coterie.explain.handshake import record_parts
from coterie.explain.key_ring import KeyRing
from coterie.explain.line import Line
from coterie.explain.step import Chapter, Key, Part, Step, Who
from coterie.mls import (
    DEFAULT_SUITE,
    Add,
    ApplicationReceived,
    Extension,
    Group,
    KeyPackageBundle,
    Lifetime,
    commit,
    decode_message,
    join,
    process,
    suite_of,
)
from coterie.mls.extension import ExtensionType
from coterie.mls.framing import PrivateMessage
from coterie.wire import chain
from coterie.wire.frames import Accepted, Entry, Kind, ListChange, LogGrew, Post, WelcomeFor

TEXT, ROOM = "shipping today", "ops"
DAY_S = 86_400
ID_SIZE = 16  # bytes, of a group, a room and a message


@dataclass(slots=True)
class Room:
    """As both have it, and its log as the server has it."""

    alices: Group
    bobbs: Group
    head: int
    chain: bytes  # at ``head``


def talk(
    ring: KeyRing, alices_line: Line, bobbs_line: Line, alice: Enrolled, bobb: Enrolled
) -> Chapter:
    """A room with bobb in it, and one message of alice's."""
    room, room_step = _make_room(ring, alices_line, alice, bobb)
    encoded = content.encode(content.Text(TEXT, time=int(time.time() * 1000)))
    message_id = secrets.token_bytes(ID_SIZE)
    position = Position(message_id, room.head, room.chain).encode()
    with ring.noting(Who.ALICE) as alices_keys:
        room.alices, body = room.alices.protect(encoded, authenticated_data=position)
    group_id = room.alices.group_id
    posted = alices_line.ask(Post(group_id, Kind.MESSAGE, message_id, 2, room.head, body))
    entry = Entry(room.head + 1, Kind.MESSAGE, alice.device, message_id, body)
    accepted = alices_line.answer(Accepted(message_id, entry.seq))
    pushed = bobbs_line.push(LogGrew(group_id, (entry,), entry.seq))
    with ring.noting(Who.BOBB) as bobbs_keys:
        received = process(room.bobbs, entry.body)
    if not (isinstance(received, ApplicationReceived) and received.data == encoded):
        raise LocalProtocolError("the message does not open as it was sealed")
    return Chapter(
        "A message",
        f'alice and bobb are in a room, and she writes "{TEXT}". The server orders what it cannot read.',
        (
            room_step,
            _seal_step(body, len(encoded), alices_keys),
            Step(
                "alice's client posts it",
                Who.ALICE,
                "It is in her outbox, durably, before a byte leaves: the id makes a second try harmless. What the "
                "server can see of it is what stands here.",
                "Posting",
                "Coterie: an id, a count, and how far its poster had read",
                Who.SERVER,
                record_parts(
                    "Post",
                    posted.frame_size,
                    Part("group", ID_SIZE, "the group's id, random"),
                    Part("message_id", ID_SIZE, "random, chosen by the client"),
                    Part("body", len(body), "the MLS message, sealed"),
                ),
                posted.wire_size,
            ),
            Step(
                "The server gives it its place",
                Who.SERVER,
                f"No commit lies beyond what alice had read, so it becomes entry {entry.seq} of the log. Only when it "
                f"is on the disk does the server answer: Accepted, {accepted.wire_size} bytes. It hashes the entry "
                "into the running hash of the log, as every client does.",
                "Chain",
                "Coterie: compare-and-set on the log; SHA-256",
            ),
            Step(
                "The server pushes the entry to bobb",
                Who.SERVER,
                "On bobb's own connection, under keys of its own. A push saves him a fetch; if it is lost, he reads "
                "the log.",
                "Reading",
                "Coterie: each entry once, in order",
                Who.BOBB,
                record_parts(
                    "LogGrew",
                    pushed.frame_size,
                    Part("body", len(body), "the same bytes that alice sealed"),
                ),
                pushed.wire_size,
            ),
            Step(
                "bobb's client opens it, and deletes the key",
                Who.BOBB,
                "It opens the sender's data, takes alice's ratchet to that generation, opens the message, verifies her "
                "device's signature, and compares her place in the log with his own: had the server shown them two "
                "logs, it would be found out here. Message, new state and place are saved in one transaction.",
                "Chain",
                "RFC 9420 6.3, 9.1 and 9.2",
                keys=tuple(bobbs_keys),
            ),
        ),
    )


def _seal_step(body: bytes, content_size: int, keys: list[Key]) -> Step:
    message = decode_message(body)
    if not isinstance(message, PrivateMessage):
        raise LocalProtocolError("an application message is private")
    return Step(
        "alice's client seals it for the room",
        Who.ALICE,
        f"The text becomes {content_size} bytes of content. Her device signs it, and seals it with a key that is used "
        "once and then deleted. In the authenticated data stands how far she had read the log.",
        "Chain",
        "RFC 9420 6.3, PrivateMessage; 9, secret tree",
        parts=(
            Part("group_id", len(message.group_id), "in the clear, for the server"),
            Part("epoch", 8, "in the clear"),
            Part("content_type", 1, "in the clear: application, proposal or commit"),
            Part(
                "authenticated_data",
                len(message.authenticated_data),
                "in the clear, signed: message_id, seq, chain",
            ),
            Part(
                "encrypted_sender_data",
                len(message.encrypted_sender_data),
                "whose leaf, and which of its messages",
            ),
            Part("ciphertext", len(message.ciphertext), "content, signature and padding, with tag"),
        ),
        keys=tuple(keys),
    )


def _make_room(ring: KeyRing, line: Line, alice: Enrolled, bobb: Enrolled) -> tuple[Room, Step]:
    suite, now = suite_of(DEFAULT_SUITE), int(time.time())
    lifetime = Lifetime(now - DAY_S, now + 90 * DAY_S)
    bundle = KeyPackageBundle.create(suite, new_leaf(bobb), lifetime)
    state = RoomState(
        room_state.RULES_VERSION,
        secrets.token_bytes(ID_SIZE),
        ROOM,
        "",
        (alice.account_public_key,),
    )
    group_id, message_id = secrets.token_bytes(ID_SIZE), secrets.token_bytes(ID_SIZE)
    start = chain.first(group_id)
    with ring.noting(Who.ALICE) as keys:
        group = Group.create(
            suite,
            group_id,
            new_leaf(alice),
            lifetime,
            extensions=(
                Extension(ExtensionType.REQUIRED_CAPABILITIES, REQUIRED.encode()),
                Extension(room_state.EXTENSION_TYPE, room_state.encode(state)),
            ),
            policy=ROOM_POLICY,
        )
        _, pending = commit(
            group,
            [Add(bundle.key_package)],
            authenticated_data=Position(message_id, 0, start).encode(),
            now=now,
        )
    welcome = pending.welcome
    if welcome is None:
        raise LocalProtocolError("a commit that adds somebody has a Welcome")
    posted = line.ask(
        Post(
            group_id, Kind.COMMIT, message_id, 1, 0, pending.message,
            ListChange(add=(bobb.device,)), WelcomeFor(welcome, (bobb.device,)),
        )
    )  # fmt: skip
    line.answer(Accepted(message_id, 1))
    at_1 = chain.link(start, 1, Kind.COMMIT, alice.device, message_id, pending.message)
    joined = join(welcome, bundle, bobb.device_key, policy=ROOM_POLICY)
    step = Step(
        "Before it: alice's client has made a room with bobb in it",
        Who.ALICE,
        "It made an MLS group, fetched a key package that bobb's device had left on the server, checked the "
        "certificate in it, and posted a commit with a Welcome for him. Name and members of the room are inside, "
        "sealed.",
        "Newcomers",
        "RFC 9420 10, 12.4 and 12.4.3.1; HPKE with MLKEM768-X25519",
        Who.SERVER,
        record_parts(
            "Post",
            posted.frame_size,
            Part("body", len(pending.message), "the commit"),
            Part("welcome", len(welcome), "for bobb's device alone, with the group's tree"),
        ),
        posted.wire_size,
        tuple(keys),
        sizes_vary=True,  # each leaf has values without a meaning in it, to keep others used to them
    )
    return Room(pending.group, joined.group, 1, at_1), step
