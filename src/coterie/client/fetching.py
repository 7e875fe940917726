"""A page of a log, as the server must give it."""

from coterie.client.connection import Connection
from coterie.errors import RemoteProtocolError
from coterie.wire.frames import Entries, Fetch


async def fetch(connection: Connection, group_id: bytes, after: int) -> Entries:
    """Entries in order, without gaps, and some where there are some. Raises RemoteProtocolError."""
    reply = await connection.call(Fetch(group_id, after), Entries)
    for expected, entry in enumerate(reply.entries, start=after + 1):
        if entry.seq != expected:
            raise RemoteProtocolError(f"entry {entry.seq} where {expected} must be")
    last = after + len(reply.entries)
    if reply.head < last or (not reply.entries and reply.head > after):
        raise RemoteProtocolError(
            f"{len(reply.entries)} entries after {after}, the head is {reply.head}"
        )
    return reply
