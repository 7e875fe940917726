"""Attacks that do not turn out as promised, for the test of who runs them."""

from pathlib import Path

from coterie.attacks.result import Result, Target
from coterie.errors import Unavailable


async def won(folder: Path) -> Result:
    """The attacker gets what he wants."""
    result = Result("won", Target.COTERIE, mechanism="nothing")
    result.did("asked")
    result.got("everything")
    result.check(False, "he got everything")
    return result


async def failed(folder: Path) -> Result:
    """Could not even begin."""
    raise Unavailable("nothing listens")
