"""Sabotage: the verdict finds memory and descriptors that grow, and faults that never came."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.soak.samples import Sample
from tests.soak.verdict import judge

CALM = Sample(0, 7, 100, 0.5, 220, 150, 0.5, 2000, 50_000, 5, 20, 10, 100, 1000, "")


def hour(change: Callable[[Sample], Sample] = lambda sample: sample) -> list[Sample]:
    """A sample each ten seconds, and a new process every five minutes but in the middle."""
    samples = []
    for number in range(360):
        life = number // 30 if not 120 <= number < 240 else 4
        noise = (number * 7919 % 13) / 10
        sample = replace(CALM, at_s=number * 10.0, server_pid=life + 1, server_rss_mb=100 + noise)
        samples.append(change(sample))
    return samples


def failures(samples: list[Sample]) -> str:
    return "\n".join(judge(samples, [], {"kill": 1}, ["kill"]).failures)


def test_a_flat_hour_passes() -> None:
    assert failures(hour()) == ""


def test_a_short_run_is_not_judged_by_its_memory() -> None:
    verdict = judge(hour()[:5], [], {}, [])
    assert verdict.failures == ()
    assert any("too short" in fact for fact in verdict.facts)


@pytest.mark.parametrize(
    ("what", "change"),
    [
        (
            "within its lives",  # a leak of 2 MB a minute, healed by each restart
            lambda s: (
                replace(s, server_rss_mb=s.server_rss_mb + (s.at_s - 1200) / 30)
                if s.server_pid == 5
                else s
            ),
        ),
        ("memory over the run", lambda s: replace(s, server_rss_mb=100 + s.at_s / 60)),
        ("load's memory", lambda s: replace(s, load_rss_mb=150 + s.at_s / 30)),
        ("descriptors", lambda s: replace(s, server_fds=220 + int(s.at_s / 20))),
    ],
)
def test_growth_is_found(what: str, change: Callable[[Sample], Sample]) -> None:
    assert what in failures(hour(change))


def test_a_fault_that_never_came_is_a_failure() -> None:
    assert judge(hour(), [], {"kill": 3}, ["kill", "stop"]).failures == (
        "no stop in the whole run",
    )


def test_what_was_broken_is_a_failure() -> None:
    assert judge(hour(), ["an entry was lost"], {}, []).failures == ("an entry was lost",)
