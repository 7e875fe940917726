"""What is proved, each from facts that were seen: any of them can turn out otherwise, and then it does not hold.

Nothing here looks for itself, so that each judgement is tested with facts that must fail it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from coterie.demo.relay import Way
from coterie.demo.search import Hit
from coterie.noise.production import MESSAGE_1_SIZE, MESSAGE_2_SIZE

HANDSHAKES = 2  # of one client, to be compared

# Each proof's name, for scripts, and what it claims; in the order in which they are shown.
CLAIMS = MappingProxyType(
    {
        "delivered": "everybody reads what was typed, once and in the same order",
        "other-keys": "a second connection of the same client has other keys",
        "flipped-bit-up": "one flipped bit on its way to the server ends that connection, and only that",
        "flipped-bit-down": "one flipped bit on its way from the server does the same",
        "impostor": "a server with another key is refused before anything about the login is sent",
        "password": "a wrong password is refused; an unknown name gets a reply of the same shape",
        "altered": "an entry that the server alters is refused, and its reader told",
        "replayed": "an entry that the server replays is refused: it is shown once",
        "control": "the search finds what is there to be found",
        "unreadable": "no message, room name or password is there: raw, hex, base64 or UTF-16",
    }
)


@dataclass(frozen=True, slots=True)
class Proof:
    """``fact`` is what was seen; where it does not hold, what is wrong with it."""

    name: str
    holds: bool
    fact: str

    @property
    def claim(self) -> str:
        """The sentence that it proves."""
        return CLAIMS[self.name]


def _judge(name: str, fact: str, objections: Sequence[str]) -> Proof:
    return Proof(name, not objections, "; ".join(objections) or fact)


# --- the conversation ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Delivery:
    """What was typed by anybody, and what each person's client showed, in order."""

    typed: tuple[str, ...]
    shown: Mapping[str, tuple[str, ...]]


def delivered(facts: Delivery) -> Proof:
    """Everybody reads what was typed, in one order."""
    objections = [
        f"{who} was shown {len(shown)} of {len(facts.typed)}, or in another order"
        for who, shown in facts.shown.items()
        if shown != facts.typed
    ]
    if not facts.typed or not facts.shown:
        objections.append("nothing was said")
    readers = " and ".join(facts.shown)
    return _judge(
        "delivered",
        f"{len(facts.typed)} messages, read by {readers}",
        objections,
    )


# --- the network ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Handshake:
    """As a client logs it: the hash of all that both sides sent, and fingerprints of the two keys made of it."""

    handshake_hash: str
    send_key: str
    receive_key: str


@dataclass(frozen=True, slots=True)
class Connections:
    """The handshakes of one client's process, which salts all its fingerprints alike; hashes as the server saw them."""

    client: tuple[Handshake, ...]
    server_hashes: frozenset[str]


def other_keys(facts: Connections) -> Proof:
    """Each connection has keys of its own."""
    hashes = [shake.handshake_hash for shake in facts.client]
    keys = [key for shake in facts.client for key in (shake.send_key, shake.receive_key)]
    objections = []
    if len(hashes) < HANDSHAKES:
        objections.append(f"handshakes seen: {len(hashes)}, not {HANDSHAKES}")
    if len(set(hashes)) < len(hashes):
        objections.append(f"a handshake hash came again: {', '.join(hashes)}")
    if len(set(keys)) < len(keys):
        objections.append(f"a key came again, by its fingerprint: {', '.join(keys)}")
    if unknown := [each for each in hashes if each not in facts.server_hashes]:
        objections.append(f"the server did not compute the same hash: {', '.join(unknown)}")
    pairs = ", then ".join(f"{shake.send_key}/{shake.receive_key}" for shake in facts.client)
    return _judge(
        "other-keys",
        f"handshake hash {', then '.join(hashes)}; fingerprints of its keys {pairs}",
        objections,
    )


@dataclass(frozen=True, slots=True)
class Tampering:
    """What followed when the relay changed a record on its way."""

    way: Way
    bits: int
    error: str  # of the side that received it
    has_ended: bool  # the connection in which that was
    connections_after: int
    times_read: int


def tampering_noticed(facts: Tampering) -> Proof:
    """It ends the connection, and costs nothing else."""
    objections = []
    if facts.bits != 1:
        objections.append(f"{facts.bits} bits were changed, not one")
    if not facts.has_ended:
        objections.append("the connection lives on")
    if "altered" not in facts.error:
        objections.append(f"the error does not say so: {facts.error or 'there is none'}")
    if not facts.connections_after:
        objections.append("the client did not connect again")
    if facts.times_read != 1:
        objections.append(f"the message was read {facts.times_read} times")
    return _judge(
        f"flipped-bit-{facts.way}",
        f'"{facts.error}"; connected again, and the message was read once',
        objections,
    )


@dataclass(frozen=True, slots=True)
class Impostor:
    """A client with a login to make was led to another server. Sizes are of records, without their lengths."""

    sent: tuple[int, ...]
    received: tuple[int, ...]
    status: int
    error: str
    trusted: str  # fingerprint
    found: str


def impostor_refused(facts: Impostor) -> Proof:
    """Nothing but the first message of a handshake goes to a server with another key."""
    objections = []
    if facts.trusted == facts.found:
        objections.append("it was the same server")
    if facts.received[:1] != (MESSAGE_2_SIZE,):
        objections.append(f"it did not answer the handshake: {facts.received}")
    if facts.sent != (MESSAGE_1_SIZE,):
        objections.append(f"records of {facts.sent} bytes were sent to it")
    if not facts.status or "not the trusted one" not in facts.error:
        objections.append(f"exit status {facts.status}: {facts.error or 'no error'}")
    return _judge(
        "impostor",
        f"alice sent {MESSAGE_1_SIZE:,} bytes of fresh public keys, got {MESSAGE_2_SIZE:,} back, saw fingerprint "
        f"{facts.found[:9]}… instead of {facts.trusted[:9]}…, and not a byte followed",
        objections,
    )


@dataclass(frozen=True, slots=True)
class Login:
    """One login by password, and the sizes of its connection's records."""

    error: str  # "" where it let in
    sent: tuple[int, ...]
    received: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Logins:
    """Of names of the same length."""

    right: Login
    wrong: Login
    unknown: Login


def password_refused(facts: Logins) -> Proof:
    """A wrong password is, and a name that does not exist cannot be told from it."""
    objections = []
    if facts.right.error:
        objections.append(f"the right password is refused: {facts.right.error}")
    if not facts.wrong.error:
        objections.append("a wrong password lets in")
    if not facts.unknown.error:
        objections.append("a name that does not exist lets in")
    if facts.wrong.error != facts.unknown.error:
        objections.append(f"the errors differ: {facts.wrong.error}, {facts.unknown.error}")
    if not facts.wrong.received or facts.wrong.received != facts.unknown.received:
        sizes = f"{facts.wrong.received} and {facts.unknown.received}"
        objections.append(f"the replies differ in shape: records of {sizes} bytes")
    if facts.wrong.sent != facts.unknown.sent:
        objections.append(f"the requests differ: {facts.wrong.sent} and {facts.unknown.sent} bytes")
    shape = " + ".join(f"{size:,}" for size in facts.wrong.received)
    return _judge(
        "password",
        f'"{facts.wrong.error}" to both, after records of {shape} bytes to both; the right one lets in',
        objections,
    )


# --- the server's operator -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Shown:
    """A line of a timeline."""

    seq: int
    kind: str  # "text", or "line": the system's
    event: str
    text: str


@dataclass(frozen=True, slots=True)
class Forgery:
    """What a reader was shown of a log in which the server altered or appended the entry ``seq``."""

    seq: int
    text: str  # of the entry as its sender wrote it
    later: tuple[str, ...]  # what its sender wrote behind it, which the server left as it was
    shown: tuple[Shown, ...]


def alteration_refused(facts: Forgery) -> Proof:
    """An altered entry counts for nobody, and the next message by its author betrays the server."""
    texts = [line.text for line in facts.shown if line.kind == "text"]
    line = _line_at(facts.seq, facts.shown)
    fork = next((line for line in facts.shown if line.event == "fork"), None)
    objections = []
    if any(shown.seq == facts.seq and shown.kind == "text" for shown in facts.shown):
        objections.append("what stands in its place is shown as a message")
    if facts.text in texts:
        objections.append("its text is shown all the same")
    if line is None or line.event != "dead":
        objections.append("no line says that it does not count")
    if not facts.later or fork is None:
        objections.append("the next message did not betray that there are two logs")
    if missing := [text for text in facts.later if text not in texts]:
        objections.append(f"{len(missing)} of the messages behind it are not shown")
    seen = line.text if line else ""
    return _judge(
        "altered",
        f'"{seen}"; the message behind it opens and betrays the server: "{fork.text if fork else ""}"',
        objections,
    )


def replay_refused(facts: Forgery) -> Proof:
    """An entry that comes again counts once."""
    times = sum(line.kind == "text" and line.text == facts.text for line in facts.shown)
    line = _line_at(facts.seq, facts.shown)
    objections = []
    if times != 1:
        objections.append(f"it is shown {times} times")
    if line is None or line.event != "dead":
        objections.append("no line says that the second one does not count")
    return _judge(
        "replayed",
        f'"{line.text if line else ""}"',
        objections,
    )


def _line_at(seq: int, lines: Sequence[Shown]) -> Shown | None:
    return next((line for line in lines if line.seq == seq and line.kind == "line"), None)


# --- what there is to read -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Control:
    """Whether the search finds what is there: ``planted`` are the ways in which something was written."""

    planted: frozenset[str]
    found: Mapping[str, frozenset[str]]  # by place
    names: frozenset[str]  # that the server must know
    names_found: frozenset[str]


def search_works(facts: Control) -> Proof:
    """What is planted is found, everywhere and in every form."""
    objections = [
        f"not found {where}: {', '.join(sorted(missing))}"
        for where, found in facts.found.items()
        if (missing := facts.planted - found)
    ]
    if not facts.planted or not facts.found:
        objections.append("nothing was planted")
    if missing := facts.names - facts.names_found:
        objections.append(f"not found in the database: {', '.join(sorted(missing))}")
    return _judge(
        "control",
        f"a text planted in {len(facts.planted)} spellings is found in each, {' and '.join(facts.found)}; in the "
        f"database it finds {', '.join(sorted(facts.names))}, whose names the server must know",
        objections,
    )


@dataclass(frozen=True, slots=True)
class Searched:
    """What was looked for, in how much, and what of it was found."""

    texts: int
    sizes: Mapping[str, int]  # bytes, by place
    control_holds: bool
    hits: tuple[Hit, ...]


def nothing_readable(facts: Searched) -> Proof:
    """No text of the conversation is anywhere between the two, and no password."""
    objections = [f"{hit.what} is there in {hit.form}: {hit.where}" for hit in facts.hits]
    objections += [
        f"nothing was recorded {where}" for where, size in facts.sizes.items() if not size
    ]
    if not facts.sizes or not facts.texts:
        objections.append("nothing was searched")
    if not facts.control_holds:
        objections.append(
            "the search does not find its control, so that it finds nothing shows nothing"
        )
    places = ", ".join(f"{size:,} bytes {where}" for where, size in facts.sizes.items())
    return _judge(
        "unreadable",
        f"{facts.texts} texts searched in {places}: none found",
        objections,
    )
