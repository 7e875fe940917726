"""Stages: one of a test's own, and one that the tests of a module share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.programs import Programs
from tests.e2e.stage import Stage
from tests.e2e.talk import Evidence, Talk, Watcher


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """Empty: the server starts when it is first asked for."""
    with Programs() as programs:
        yield Stage(programs, tmp_path)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """With alice and bobb, who are in the room ``ops``. Tests leave it so that the next one can use it."""
    with Programs() as programs:
        stage = Stage(programs, tmp_path_factory.mktemp("stage"))
        alice, _ = stage.join("alice", "bobb")
        alice.does("room", "new", "ops", "bobb")
        yield stage


@pytest.fixture(scope="session")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Evidence]:
    """Of a whole conversation."""
    with Programs() as programs:
        talk = Talk(programs, tmp_path_factory.mktemp("talk"))
        with Watcher(talk.evidence.arguments):
            talk.hold()
        yield talk.evidence
