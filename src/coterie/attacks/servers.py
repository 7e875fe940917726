"""False servers and stolen credentials, against Coterie."""

from pathlib import Path

from coterie.attacks.man_in_the_middle import ManInTheMiddle
from coterie.attacks.pair import Pair, open_pair, serving
from coterie.attacks.result import Result, Target
from coterie.client.device import Enrolled
from coterie.client.enrolment import unlock
from coterie.demo.relay import Way
from coterie.demo.search import find
from coterie.errors import CoterieError, NotAuthenticated, ServerNotTrusted
from coterie.noise.production import MESSAGE_1_SIZE, MESSAGE_2_SIZE
from coterie.passwords import encode_password
from coterie.wire.invite import Address

PASSWORD = "walnut harbour sixty lantern"  # noqa: S105  # of an account that lives for seconds


async def impostor(folder: Path) -> Result:
    """Another server under the same address."""
    result = Result("impostor", Target.COTERIE)
    result.mechanism = (
        "the server's key, pinned by the invite, is compared before anything else is sent"
    )
    async with (
        open_pair(folder / "server") as pair,
        serving(folder / "impostor") as other,
    ):
        alice = await pair.join("alice", PASSWORD)
        pair.relay.target = other.address
        result.did("led alice's next connection to a server of his own, with a key of its own")
        error = await _log_in_through(pair, alice, pair.relay.address, pair.server.fingerprint)
        recording = pair.relay.newest
        await pair.bell.until(lambda: recording.has_ended or None, "the end of the connection")
        sent, received = recording.sizes(Way.UP), recording.sizes(Way.DOWN)
        result.check(received[:1] == (MESSAGE_2_SIZE,), "his server did not answer the handshake")
        result.check(sent == (MESSAGE_1_SIZE,), f"alice sent him records of {sent} bytes")
        result.check(isinstance(error, ServerNotTrusted), f"alice took him for the server: {error}")
        result.got(f"message 1, {MESSAGE_1_SIZE:,} bytes of fresh public values; no login")
        result.got(f'alice\'s client says "{error}"')
    return result


async def man_in_the_middle(folder: Path) -> Result:
    """One with keys of his own: before alice's client, and before one that a swapped invite has brought to him."""
    result = Result("mitm", Target.COTERIE)
    result.mechanism = (
        "the pinned key, at message 2; and where an invite was swapped, by OPAQUE and the device's signature, which "
        "cover the handshake hash: another one on each side of him"
    )
    async with open_pair(folder) as pair:
        alice = await pair.join("alice", PASSWORD)
        man = ManInTheMiddle(pair.server.address)
        async with man.listening() as address:
            result.did("answered alice's handshake with his own key, and went on to the server")
            error = await _log_in_through(pair, alice, address, pair.server.fingerprint)
            result.check(isinstance(error, ServerNotTrusted), f"alice spoke to him: {error}")
            result.check(man.records == [MESSAGE_1_SIZE], "alice's client did not come by him")
            result.check(not man.read, f"he read {len(man.read)} bytes")
            result.got(f'not one byte of plaintext: "{error}"')

            result.did("had alice pin his key instead, by an invite that he swapped, and relayed")
            error = await _log_in_through(pair, alice, address, man.fingerprint)
            result.check(_is_refused(error), f"her device logged in through him: {error}")
            error = await _unlock_through(pair, address, man.fingerprint)
            result.check(_is_refused(error), f"her password logged in through him: {error}")
            result.check(b"DeviceLogin" in man.read, "he did not see the device's login")
            result.check(b"PasswordLoginStart" in man.read, "he did not see the password's login")
            hits = find({"the password": PASSWORD}, [("what he read", bytes(man.read))])
            result.check(not hits, "the password is in what he read")
            result.got(
                f"{len(man.read):,} bytes of plaintext: her name, a signature and OPAQUE messages, good on no other "
                "connection; no password, and neither login succeeds"
            )
    return result


async def sniff(folder: Path) -> Result:
    """The password, on the wire and on the server's disk."""
    result = Result("sniff", Target.COTERIE)
    result.mechanism = "OPAQUE: the password never leaves the client, not even hashed"
    async with open_pair(folder) as pair:
        await pair.join("alice", PASSWORD)
        await _unlock_through(pair, pair.relay.address, pair.server.fingerprint)
        result.did("recorded alice's registration and a login, and then stole the server's disk")
        wire = [
            (f"connection {recording.number}, {way}", recording.stream(way))
            for recording in pair.relay.recordings
            for way in Way
        ]
        disk = [
            (f"the server's {path.name}", path.read_bytes())
            for path in sorted(pair.server.folder.iterdir())
            if path.is_file()
        ]
        hits = find({"the password": PASSWORD}, [*wire, *disk])
        result.check(not hits, f"the password is there: {[hit.where for hit in hits]}")
        # the control: a search that finds nothing at all would prove nothing
        result.check(bool(find({"her name": "alice"}, disk)), "the search does not find her name")
        sizes = [sum(len(data) for _, data in place) for place in (wire, disk)]
        result.check(min(sizes) > 0, "there was nothing to search")
        result.got(
            f"{sizes[0]:,} bytes from the wire and {sizes[1]:,} from the disk: the password is in neither, raw, in "
            "hex, base64 or UTF-16; her name is on the disk, where the server must know it"
        )
    return result


async def _log_in_through(
    pair: Pair, who: Enrolled, address: Address, pinned: bytes
) -> CoterieError | None:
    """What ``who``'s device is told that comes to ``address`` and trusts ``pinned``; None where it logs in."""
    try:
        connection = await pair.connect(address, pinned)
        await connection.log_in(who.identity)
    except CoterieError as error:
        return error
    return None


async def _unlock_through(pair: Pair, address: Address, pinned: bytes) -> CoterieError | None:
    """The same for alice's password."""
    try:
        connection = await pair.connect(address, pinned)
        await unlock(connection, "alice", encode_password(PASSWORD), pair.seams)
    except CoterieError as error:
        return error
    return None


def _is_refused(error: CoterieError | None) -> bool:
    return isinstance(error, NotAuthenticated)
