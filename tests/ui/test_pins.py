"""How a client came to a key, in words."""

from typing import get_args, get_type_hints

from coterie.client.api import Member
from coterie.ui.pins import PINS, words_of


def test_every_pin_has_its_words_and_one_from_a_newer_version_too() -> None:
    assert words_of("blockchain").word == "blockchain"
    of_messages = {"earlier"}  # no member has one
    assert PINS.keys() == set(get_args(get_type_hints(Member)["pin"])) | of_messages
