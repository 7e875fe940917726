"""What something costs, counted: a clock says another thing on a busy machine."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, FunctionType
from typing import Any


@contextmanager
def at_most(calls: int, of: FunctionType | None = None) -> Iterator[None]:
    """The block may call so many functions, Python's and C's, or one so often; it fails as soon as it calls more."""
    made = 0

    def count(frame: FrameType, event: str, _arg: Any) -> None:
        nonlocal made
        is_counted = event in ("call", "c_call")
        if is_counted if of is None else event == "call" and frame.f_code is of.__code__:
            made += 1
            if made > calls:
                sys.setprofile(None)
                raise AssertionError(f"more than {calls} calls")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        yield
    finally:
        sys.setprofile(before)


class CountedInt(int):
    """A number that counts how often one of its kind was compared or hashed: what looking for it costs."""

    looked_at = 0

    def __eq__(self, other: object) -> bool:
        CountedInt.looked_at += 1
        return int(self) == other

    def __hash__(self) -> int:
        CountedInt.looked_at += 1
        return int.__hash__(self)
