"""The handshake of a connection: PROTOCOL.md section 1."""

from coterie.explain.key_ring import KeyRing
from coterie.explain.line import Line
from coterie.explain.step import Chapter, Part, Step, Who
from coterie.noise.dh import KeyPair
from coterie.noise.production import ClientHandshake, ServerHandshake, fingerprint
from coterie.noise.records import LENGTH_SIZE
from coterie.wire import limits
from coterie.wire.frames import Hello, HelloReply

SECTION = "Handshake"
PUBLIC_VALUE, KEM_KEY, KEM_CIPHERTEXT, TAG = 256, 1184, 1088, 16  # bytes
LENGTH = Part("length", LENGTH_SIZE, "of the Noise message, in the clear")


def shake_hands(ring: KeyRing, static: KeyPair, server_id: bytes) -> tuple[Line, Chapter]:
    """alice's client and the server agree on keys, and on the version."""
    client, server = ClientHandshake(), ServerHandshake(static)
    message_1 = client.write()
    with ring.noting(Who.SERVER) as servers_keys:
        message_2, at_server = server.respond(message_1)
    with ring.noting(Who.ALICE) as clients_keys:
        at_client = client.read(message_2, fingerprint(static.public))
    line = Line(at_client, at_server)
    hello = line.ask(Hello((limits.VERSION,)))
    replied = line.answer(HelloReply(limits.VERSION, server_id, bytes(16)))
    steps = (
        Step(
            "alice's client opens with two fresh public values",
            Who.ALICE,
            "It draws a Diffie-Hellman pair and an ML-KEM pair for this connection alone, and sends their public "
            "halves. There is no early data: so far it does not know who answers.",
            SECTION,
            "Noise 7.1, token e; noise_hfs_spec, token e1; RFC 7919; FIPS 203",
            Who.SERVER,
            (
                LENGTH,
                Part("e", PUBLIC_VALUE, "public value of a fresh FFDHE2048 pair"),
                Part("e1", KEM_KEY, "encapsulation key of a fresh ML-KEM-768 pair"),
            ),
            LENGTH_SIZE + len(message_1),
        ),
        Step(
            "The server answers, and shows its static key encrypted",
            Who.SERVER,
            "It draws a pair of its own (ee), encapsulates a secret to the client's ML-KEM key (ekem1), and proves its "
            "static key by one more Diffie-Hellman (es). Both exchanges go into one chaining key: the connection "
            "stays secret as long as either of them holds. From ee on what it sends is encrypted.",
            SECTION,
            "Noise 7.1, tokens e, ee, s, es; noise_hfs_spec, token ekem1",
            Who.ALICE,
            (
                LENGTH,
                Part("e", PUBLIC_VALUE, "public value of a fresh FFDHE2048 pair"),
                Part("ekem1", KEM_CIPHERTEXT + TAG, "ML-KEM-768 ciphertext, encrypted, with tag"),
                Part(
                    "s", PUBLIC_VALUE + TAG, "the server's static public value, encrypted, with tag"
                ),
                Part("payload", TAG, "the tag of an empty payload, over all of the handshake"),
            ),
            LENGTH_SIZE + len(message_2),
            tuple(servers_keys),
        ),
        Step(
            "alice's client checks the server's key by its pin",
            Who.ALICE,
            "The SHA-256 of the static public value must be the fingerprint from the invite, else the connection ends "
            "here, and nothing has been said. Then both sides have the same two keys, one for each direction, and the "
            "same handshake hash, to which every login is bound.",
            SECTION,
            "Noise 5.2, Split(); Noise 11.2, channel binding",
            keys=tuple(clients_keys),
        ),
        Step(
            "They agree on a version",
            Who.ALICE,
            "The first record. All records look like this from outside: a length, and ciphertext with a tag. Inside "
            "are a type byte and frames of MessagePack. The server's reply "
            f"({replied.wire_size} bytes) has its id and its generation.",
            "Records",
            "Noise 5.1, EncryptWithAd(); AES-256-GCM with a counter as nonce",
            Who.SERVER,
            record_parts("Hello", hello.frame_size),
            hello.wire_size,
        ),
    )
    text = "A fresh Diffie-Hellman and a fresh ML-KEM for each connection, to a server whose key is known already."
    return line, Chapter("The handshake", text, steps)


def record_parts(frame: str, frame_size: int, *inside: Part) -> tuple[Part, ...]:
    """Of a record with one frame in it; ``inside`` are parts of the frame that are worth a word."""
    return (
        LENGTH,
        Part("type", 1, "data; encrypted, as all that follows"),
        Part(frame, frame_size, "the frame, behind its own length of 4 bytes"),
        *(Part(f"{frame}: {part.name}", part.size, part.meaning) for part in inside),
        Part("tag", TAG, "of AES-256-GCM: whoever changes one bit is found out"),
    )
