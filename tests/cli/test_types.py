"""What can stand on the command line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coterie.cli import types
from coterie.cli.misuse import Misuse
from tests.cli.fakes import INVITE


@pytest.mark.parametrize(
    ("typed", "seconds"), [("90s", 90), ("15m", 900), ("12h", 43_200), ("7d", 604_800)]
)
def test_durations_have_a_unit(typed: str, seconds: float) -> None:
    assert types.duration(typed) == seconds


@pytest.mark.parametrize(
    "typed", ["", "7", "d", "0s", "-1d", "1.5h", "1w", "７d", "4000d", " 7d", "7d\n"]
)
def test_what_is_no_duration_is_misuse(typed: str) -> None:
    with pytest.raises(Misuse):
        types.duration(typed)


@given(st.text())
def test_any_text_is_a_value_or_misuse(typed: str) -> None:
    for convert in (
        types.text,
        types.room,
        types.account,
        types.invite,
        types.host_port,
        types.address,
        types.pin,
        types.duration,
    ):
        try:
            convert(typed)
        except Misuse as misuse:
            str(misuse.message).encode()


def test_accounts_may_be_written_with_an_at() -> None:
    assert types.account("@bobb") == types.account("bobb") == "bobb"


def test_invites_are_decoded() -> None:
    assert types.invite(INVITE.encode()) == INVITE


def test_a_garbled_invite_is_misuse_that_does_not_repeat_it() -> None:
    garbled = INVITE.encode()[:-1] + "A"
    with pytest.raises(Misuse) as caught:
        types.invite(garbled)
    assert garbled[-20:] not in str(caught.value.message)
    assert caught.value.hint


def test_addresses_are_kept_as_typed() -> None:
    assert types.host_port("[::1]:0") == "[::1]:0"
