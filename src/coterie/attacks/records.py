"""Attacks on the records of a connection, against Coterie: replayed, changed, cut short, put into another order."""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from coterie.attacks.pair import Pair, open_pair
from coterie.attacks.result import Result, Target
from coterie.client.connection import Connection
from coterie.client.device import Enrolled
from coterie.demo.relay import Arrival, Recording, Tamper, Way, flip_bit
from coterie.errors import CoterieError
from coterie.noise.production import MESSAGE_2_SIZE
from coterie.noise.records import LENGTH_SIZE
from coterie.wire.frames import Account, FetchAccount

PASSWORD = "four random words here"  # noqa: S105  # of an account that lives for seconds
TAMPERED = "does not open"  # what both ends say of a record that was tampered with
COUNTER = "the record counter under AES-256-GCM: each record opens in its own place alone"
TO = {Way.UP: "to the server", Way.DOWN: "to alice"}

MakeTampers = Callable[[], Sequence[Tamper]]


def twice() -> Sequence[Tamper]:
    """A record arrives twice."""
    return (lambda record: Arrival(record + record),)


def flipped() -> Sequence[Tamper]:
    """One bit of it is another one."""
    return (flip_bit,)


def shortened() -> Sequence[Tamper]:
    """Its last bytes are missing, and its length says so."""
    return (lambda record: Arrival(cut_short(record, 8)),)


def exchanged() -> Sequence[Tamper]:
    """A record arrives behind the one that follows."""
    held: list[bytes] = []

    def hold(record: bytes) -> Arrival:
        held.append(record)
        return Arrival(b"")

    return hold, lambda record: Arrival(record + held.pop())


def cut_short(record: bytes, size: int) -> bytes:
    """Without its last ``size`` bytes, and with a length that fits."""
    rest = record[LENGTH_SIZE:-size]
    return len(rest).to_bytes(LENGTH_SIZE, "big") + rest


async def flip(folder: Path) -> Result:
    """One bit."""
    result = Result("flip", Target.COTERIE)
    result.mechanism = "the tag of AES-256-GCM on each record"
    async with open_pair(folder) as pair:
        await both_ways(pair, result, flipped, "changed one bit of a record")
    return result


async def truncate(folder: Path) -> Result:
    """The end of a record, and the end of a connection."""
    result = Result("truncate", Target.COTERIE)
    result.mechanism = (
        "the tag covers all of a record, and a connection without a close record was cut"
    )
    async with open_pair(folder) as pair:
        alice = await both_ways(
            pair, result, shortened, "took the last 8 bytes of a record, and fitted its length"
        )
        connection = await pair.log_in(alice)
        pair.relay.tamper(
            Way.DOWN, lambda record: Arrival(record[: len(record) // 2], is_last=True)
        )
        result.did("cut the connection in the middle of a record to alice")
        error = await _error_of(pair, connection, Way.DOWN)
        result.check("was cut" in error, f"alice does not learn that it was cut: {error!r}")
        result.got(f'alice\'s client says "{_without_address(error, pair)}"')
    return result


async def reorder(folder: Path) -> Result:
    """Two records."""
    result = Result("reorder", Target.COTERIE)
    result.mechanism = COUNTER
    async with open_pair(folder) as pair:
        await both_ways(pair, result, exchanged, "held a record back until the next one had passed")
    return result


async def replay(folder: Path) -> Result:
    """A record, and a whole connection with a login in it."""
    result = Result("replay", Target.COTERIE)
    result.mechanism = (
        f"{COUNTER}; and keys from both sides' fresh values: no connection opens another's records"
    )
    async with open_pair(folder) as pair:
        alice = await both_ways(pair, result, twice, "sent a record a second time")
        connection = await pair.log_in(alice)
        await connection.call(FetchAccount(alice.name), Account)
        await connection.close()
        await replay_connection(pair, result, pair.relay.newest)
    return result


async def both_ways(pair: Pair, result: Result, make: MakeTampers, what: str) -> Enrolled:
    """Tampers with a connection of alice's, once in each direction; what followed goes into ``result``."""
    alice = await pair.join("alice", PASSWORD)
    for way in Way:
        connection = await pair.log_in(alice)
        recording, refusals = pair.relay.newest, len(pair.refusals())
        pair.relay.tamper(way, *make())
        error = await _error_of(pair, connection, way)
        if error and way is Way.UP:
            error = await pair.refusal(refusals)
        result.did(f"{what} on its way {TO[way]}")
        result.check(TAMPERED in error, f"{TO[way]} it passed: {error!r}")
        changed = [change for change in recording.changes if change.sent != change.arrived]
        result.check(bool(changed), f"{TO[way]} nothing was changed")
        result.got(f'the end of that connection: "{_without_address(error, pair)}"')
        again = await pair.log_in(alice)
        await again.call(FetchAccount(alice.name), Account)
        await again.close()
    result.got("nothing else: alice connected again and went on")
    return alice


async def replay_connection(pair: Pair, result: Result, recording: Recording) -> None:
    """Says to the server, byte for byte, all that a client had said."""
    said, refusals = recording.stream(Way.UP), len(pair.refusals())
    address = pair.server.address
    reader, writer = await asyncio.open_connection(address.host, address.port)
    try:
        writer.write(said)
        answer = await _read_all(reader)
    finally:
        writer.close()
    reason = await pair.refusal(refusals)
    result.did(f"said all {len(said):,} bytes of a recorded connection to the server again")
    wanted = LENGTH_SIZE + MESSAGE_2_SIZE
    result.check(len(answer) == wanted, f"the server answered {len(answer)} bytes to the replay")
    result.check(TAMPERED in reason, f"the server took the replay: {reason!r}")
    result.got(
        f'{MESSAGE_2_SIZE:,} bytes of another handshake, and then "{reason}": no login, no request'
    )


async def _read_all(reader: asyncio.StreamReader) -> bytes:
    """To the end, however it comes."""
    answer = b""
    try:
        while data := await reader.read(65_536):
            answer += data
    except ConnectionError:
        pass  # a connection that is dropped ends so
    return answer


async def _error_of(pair: Pair, connection: Connection, way: Way) -> str:
    """Asks twice, a record each, and waits for the end; "" where all goes on as if nothing had been."""
    records = pair.relay.newest.records(way)
    asked = []
    for wanted in (len(records) + 1, len(records) + 2):
        asked.append(asyncio.create_task(connection.request(FetchAccount("alice"))))
        await pair.bell.until(partial(_passed, records, wanted, connection), "a record")
    outcomes = await asyncio.gather(*asked, return_exceptions=True)
    if not any(isinstance(outcome, CoterieError) for outcome in outcomes):
        return ""
    return str(connection.error)


def _passed(records: list[bytes], wanted: int, connection: Connection) -> bool | None:
    """Whether so many came by, or none will any more."""
    return len(records) >= wanted or not connection.is_open or None


def _without_address(error: str, pair: Pair) -> str:
    return error.replace(f" to {pair.relay.address}", "")
