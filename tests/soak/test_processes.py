"""What the system is asked about processes."""

import os
from pathlib import Path

from tests.soak.processes import on_core, size_of, usage


def test_a_core_is_taken_inside_of_another_and_given_back() -> None:
    before = os.sched_getaffinity(0)
    first, last = min(before), max(before)
    with on_core(first):
        with on_core(last):
            assert os.sched_getaffinity(0) == {last}
        assert os.sched_getaffinity(0) == {first}
    assert os.sched_getaffinity(0) == before


def test_a_core_that_is_not_there_changes_nothing() -> None:
    before = os.sched_getaffinity(0)
    with on_core(1000):
        assert os.sched_getaffinity(0) == before


def test_a_process_has_memory_time_and_descriptors_and_none_once_it_is_gone() -> None:
    own = usage(os.getpid())
    assert own is not None
    assert own.rss_bytes > 2**20
    assert own.cpu_s > 0
    assert own.descriptors >= 3
    assert usage(2**22 + 1) is None  # above what Linux gives


def test_a_folder_has_the_size_of_its_files(tmp_path: Path) -> None:
    (tmp_path / "one").write_bytes(bytes(10))
    (tmp_path / "two").write_bytes(bytes(5))
    assert size_of(tmp_path) == 15
