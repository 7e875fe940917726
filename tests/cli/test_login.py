"""Before the screen that makes an account."""

from pathlib import Path

import pytest

from coterie.cli.invocation import Invocation
from coterie.cli.login import needs_account
from coterie.errors import StorageError
from tests.cli.fakes import FakeEngine


def with_profile(path: Path) -> Invocation:
    invocation = Invocation(FakeEngine())
    invocation.profile_option = str(path)
    return invocation


def test_where_there_is_nothing_yet_an_account_is_needed(tmp_path: Path) -> None:
    assert needs_account(with_profile(tmp_path / "new"))
    assert needs_account(with_profile(tmp_path))


def test_a_place_that_can_hold_no_profile_is_told_before_anything_is_filled_in(
    tmp_path: Path,
) -> None:
    (tmp_path / "letter").write_text("dear")
    with pytest.raises(StorageError, match="letter is no folder"):
        needs_account(with_profile(tmp_path / "letter"))
    with pytest.raises(StorageError, match="holds something else: letter"):
        needs_account(with_profile(tmp_path))
