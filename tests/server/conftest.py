"""A store, and a group in it."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from coterie.server.store import Store
from tests.server.people import Person, Writer, group_of


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(Store.open(tmp_path)) as opened:
        yield opened


@pytest.fixture
def anna(store: Store) -> Writer:
    """The keeper of a group, and the only one in it."""
    return group_of(store, Person("anna").register(store).first)
