"""The running hash of a log: PROTOCOL.md section 2, "Chain"."""

import hashlib

from coterie.wire.frames import Entry, Kind

_LABEL = b"coterie/1 log"


def first(group_id: bytes) -> bytes:
    """chain(0) of a group."""
    return hashlib.sha256(_LABEL + group_id).digest()


def following(chain: bytes, entry: Entry) -> bytes:
    """chain(n) from chain(n-1) and the entry n."""
    return link(chain, entry.seq, entry.kind, entry.device, entry.message_id, entry.body)


def link(
    chain: bytes, seq: int, kind: Kind, device: bytes, message_id: bytes, body: bytes
) -> bytes:
    """The same from an entry's parts. All have fixed sizes but the body, which is hashed by itself."""
    return hashlib.sha256(
        _LABEL
        + chain
        + seq.to_bytes(8, "big")
        + kind.to_bytes(1, "big")
        + device
        + message_id
        + hashlib.sha256(body).digest()
    ).digest()
