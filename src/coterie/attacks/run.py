"""Runs attacks, each in a folder of its own that is gone afterwards."""

import tempfile
from collections.abc import Callable, Coroutine, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from coterie.attacks.result import Result, Target
from coterie.attacks.table import ATTACKS, PLAIN, Attack
from coterie.demo.run_to_end import run_to_end
from coterie.errors import CoterieError


def run(
    names: Sequence[str],
    target: Target,
    show: Callable[[Result], object],
    attacks: Mapping[str, Attack] = ATTACKS,
) -> list[Result]:
    """What came of them, in order; each is shown as it ends."""
    results = []
    for name in names:
        result = attack(name, attacks[name], target)
        show(result)
        results.append(result)
    return results


def attack(name: str, found: Attack, target: Target) -> Result:
    """One. Where it cannot be carried out, that is an objection."""
    module = import_module(found.module if target is Target.COTERIE else PLAIN)
    function: Callable[[Path], Coroutine[Any, Any, Result]] = getattr(module, found.function)
    with tempfile.TemporaryDirectory(prefix="coterie-attack-") as folder:
        try:
            return run_to_end(function(Path(folder)))
        except CoterieError as error:
            objection = f"it could not be carried out: {error}"
            return Result(name, target, objections=[objection])
