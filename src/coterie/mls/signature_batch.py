"""Many signatures at once, spread over threads: verifying one lets go of the interpreter's lock.

For the tree that a newcomer is given and for a commit that adds many: there the signatures are nearly all of the time.
"""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from coterie.mls.suites import CipherSuite

_WORTH_A_THREAD = 8  # signatures; to start a thread costs about as much as verifying one
_MAX_THREADS = 8


@dataclass(frozen=True, slots=True)
class Signed:
    """What ``VerifyWithLabel`` takes."""

    public: bytes
    label: bytes
    content: bytes
    signature: bytes

    def holds(self, suite: CipherSuite) -> bool:
        """Whether the signature does."""
        return suite.verify_with_label(self.public, self.label, self.content, self.signature)


def first_invalid(suite: CipherSuite, signed: Sequence[Signed]) -> int | None:
    """The place of the first signature that does not hold: the same one, however the threads run."""
    threads = max(1, min(os.cpu_count() or 1, _MAX_THREADS, len(signed) // _WORTH_A_THREAD))

    def search(start: int) -> int | None:
        for place in range(start, len(signed), threads):
            if not signed[place].holds(suite):
                return place
        return None

    if threads == 1:
        return search(0)
    with ThreadPoolExecutor(threads - 1) as pool:
        others = pool.map(search, range(1, threads))
        found = [search(0), *others]
    return min((place for place in found if place is not None), default=None)
