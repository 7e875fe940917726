"""When a client's keys turn over, as the environment may say."""

import pytest

from coterie.client.rotation import VARIABLE, Rotation
from coterie.errors import InvalidInput


def test_unset_or_empty_means_as_usual() -> None:
    usual = Rotation()
    assert Rotation.from_environment({}) == Rotation.from_environment({VARIABLE: ""}) == usual
    assert (usual.rekey_after_records, usual.renew_after_s) == (65_536, 3600)


def test_each_number_can_be_made_smaller() -> None:
    given = "rekey_after_records=10 rekey_after_bytes=5000 rekey_after_s=1.5  renew_after_s=60"
    assert Rotation.from_environment({VARIABLE: given}) == Rotation(10, 5000, 1.5, 60.0)


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ("renew_after_s=3601", "a number from 1 to 3600"),
        ("renew_after_s=0.5", "a number from 1 to 3600"),
        ("renew_after_s=nan", "a number from 1 to 3600"),
        ("rekey_after_records=-1", "a number from 1 to 65536"),
        ("rekey_after_records=1.5", "a number from 1 to 65536"),
        ("renew_after_s", "a number from 1 to 3600"),
        ("renew=60", "there is no 'renew'"),
    ],
)
def test_what_makes_no_sense_or_would_be_weaker_is_refused(given: str, why: str) -> None:
    with pytest.raises(InvalidInput, match=why):
        Rotation.from_environment({VARIABLE: given})
