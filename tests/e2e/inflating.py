"""Looking for texts in whatever may be compressed: each place at which deflate, zlib or gzip could begin is tried."""

import zlib
from collections.abc import Iterable, Iterator, Mapping

ENOUGH = 2**12  # bytes read from one place, and written at most
LEAST = 8  # a shorter output holds nothing that is looked for


def inflated(data: bytes) -> Iterator[bytes]:
    """What comes out at each place, where anything does: raw deflate is inside of the other two forms."""
    view = memoryview(data)
    for place in range(len(data)):
        try:
            out = zlib.decompressobj(-zlib.MAX_WBITS).decompress(
                view[place : place + ENOUGH], ENOUGH
            )
        except zlib.error:
            continue
        if len(out) >= LEAST:
            yield out


def find(secrets: Mapping[str, bytes], sources: Iterable[tuple[str, bytes]]) -> list[str]:
    """What was found where, in words."""
    return [
        f"{name} in {where}, compressed"
        for where, data in sources
        for out in inflated(data)
        for name, secret in secrets.items()
        if secret in out
    ]
