"""Stages: an empty one of a test's own, and one with people that the tests of a module share.

The copies of the furnished one have its port, which profiles know: one of them at a time has a server that runs.
"""

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


@pytest.fixture(scope="session")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """With alice, bobb and carol, of whom the first two are in the room ``ops``. Only to be copied."""
    with Programs() as programs:
        stage = Stage(programs, tmp_path_factory.mktemp("furnished"))
        alice, *_ = stage.join("alice", "bobb", "carol")
        alice.does("room", "new", "ops", "bobb")
        stage.server.stop().check()
    return stage


@pytest.fixture(scope="module")
def shared(furnished: Stage, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """The furnished one, for all tests of a module: each leaves it so that the next one can use it."""
    with Programs() as programs:
        stage = Stage(programs, tmp_path_factory.mktemp("stage"))
        stage.take_over(furnished)
        stage.start_server()
        yield stage


@pytest.fixture(scope="session")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Evidence]:
    """Of a whole conversation."""
    with Programs() as programs:
        talk = Talk(programs, tmp_path_factory.mktemp("talk"))
        with Watcher(talk.evidence.arguments):
            talk.hold()
        yield talk.evidence
