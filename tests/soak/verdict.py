"""What a soak has shown, judged: nothing lost, every fault fired, flat memory."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from tests.soak.samples import Sample

WARM_UP_S = 60.0  # of a server's life: caches fill, everybody comes back
JUDGED_SAMPLES = 12  # of one life after that, or of a quarter of the run
GROWTH = 1.15  # what is flat within the noise of an allocator
SPARE_MB = 8.0  # a page cache that is not yet full
SPARE_FDS = 30  # connections of strangers that are about to be dropped


@dataclass(frozen=True, slots=True)
class Verdict:
    """``failures`` is empty where all is well; ``facts`` are sentences for people."""

    failures: tuple[str, ...]
    facts: tuple[str, ...]


def judge(
    samples: Sequence[Sample], broken: Sequence[str], faults: dict[str, int], wanted: Sequence[str]
) -> Verdict:
    """``broken`` is what the checks have found, ``wanted`` the faults that must have fired."""
    failures = list(broken)
    failures += [f"no {fault} in the whole run" for fault in wanted if not faults.get(fault)]
    facts = [f"faults: {', '.join(f'{n} {fault}' for fault, n in sorted(faults.items()))}"]
    for name, growth in (
        ("the server's memory within its lives", _within_lives(samples)),
        ("the server's memory over the run", _over_run([s.server_rss_mb for s in samples])),
        ("the load's memory over the run", _over_run([s.load_rss_mb for s in samples])),
        (
            "the server's descriptors over the run",
            _over_run([float(s.server_fds) for s in samples]),
        ),
    ):
        spare = SPARE_FDS if "descriptors" in name else SPARE_MB
        if growth is None:
            facts.append(f"{name}: too short a run to judge")
            continue
        before, after = growth
        facts.append(f"{name}: {before:.0f}, then {after:.0f}")
        if after > before * GROWTH + spare:
            failures.append(f"{name} grew from {before:.0f} to {after:.0f}")
    return Verdict(tuple(failures), tuple(facts))


def _within_lives(samples: Sequence[Sample]) -> tuple[float, float] | None:
    """Medians of the first and the last third of the life in which it grew most."""
    lives: dict[int, list[Sample]] = {}
    for sample in samples:
        if sample.server_pid:
            lives.setdefault(sample.server_pid, []).append(sample)
    found = []
    for life in lives.values():
        warm = [s.server_rss_mb for s in life if s.at_s - life[0].at_s >= WARM_UP_S]
        if len(warm) >= JUDGED_SAMPLES:
            third = len(warm) // 3
            found.append((median(warm[:third]), median(warm[-third:])))
    return max(found, key=lambda growth: growth[1] - growth[0], default=None)


def _over_run(values: Sequence[float]) -> tuple[float, float] | None:
    """Medians of the second and the last quarter; the first is a beginning."""
    quarter = len(values) // 4
    if quarter < JUDGED_SAMPLES:
        return None
    middle = [value for value in values[quarter : 2 * quarter] if value]
    last = [value for value in values[-quarter:] if value]
    return (median(middle), median(last)) if middle and last else None
