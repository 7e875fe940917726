"""Which passwords are refused for a new account, and what becomes of those that are taken."""

import pytest

from coterie.client import passwords
from coterie.errors import InvalidInput

REFUSED = [
    "123",
    "short-one",
    "1234567890",
    "0987654321",
    "aaaaaaaaaaaaaaaa",
    "abababababab",
    "qwertyuiop",
    "QWERTYUIOP123",
    "1q2w3e4r5t6y",
    "1qaz2wsx3edc",
    "password123",
    "P@ssw0rd2024!",
    "!!iloveyou!!",
    "coterie2026!",
    "Administrator1",
    "alice.smith1",
]
TAKEN = [
    "correct horse battery staple",
    "Tr0ub4dor&3",
    "gqzfkwmbpt",
    "пароль из слов",
    "mein Vater kocht montags",
    "asdfgh is how I begin",
]


@pytest.mark.parametrize("text", REFUSED)
def test_short_or_common_password_is_refused_and_never_repeated(text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        passwords.check(text, "alice.smith")
    assert text not in str(caught.value)
    assert text not in caught.value.hint


@pytest.mark.parametrize("text", TAKEN)
def test_others_are_taken(text: str) -> None:
    passwords.check(text, "alice.smith")


def test_password_is_the_same_whatever_keyboard_composed_it() -> None:
    assert passwords.encode("Zo\u00eb!") == passwords.encode("Zoe\u0308!")
    assert passwords.encode("Zo\u00eb!").expose() == "Zo\u00eb!".encode()


@pytest.mark.parametrize("text", ["", "two\nlines", "tab\tbed", "\ud800", "x" * 1025], ids=repr)
def test_password_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        passwords.encode(text)
