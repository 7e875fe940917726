"""Runs of the program on a fake client."""

import time
from collections.abc import Iterator

import pytest

from tests.cli.fakes import Runs


@pytest.fixture
def run(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
    berlin: None,
) -> Runs:
    """``run("send", "ops", "hello")``. The profile is a folder of this test's own."""
    monkeypatch.setenv("COTERIE_PROFILE", str(tmp_path_factory.mktemp("profile")))
    return Runs(capsys, monkeypatch)


@pytest.fixture
def berlin() -> Iterator[None]:
    """The clock on the wall is an hour before UTC's, as in Berlin in winter."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "CET-1")
        time.tzset()
        yield
    time.tzset()
