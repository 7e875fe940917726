"""Which passwords are turned away for a new account, and what becomes of those that are taken."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coterie.errors import InvalidInput
from coterie.passwords import check_password, encode_password

REFUSED = [
    "123",
    "short-one",
    "aaaaaaaaaaaaaaaa",
    "abababababab",
    "abcabcabcabc1",
    "xkqzxkqzxkqz",
    "1234567890",
    "0987654321",
    "4915112345678",
    "19841225123456",
    "qwertyuiop",
    "QWERTYUIOP123",
    "asdfghjkl;'",
    "poiuytrewq!",
    "1q2w3e4r5t6y",
    "1qaz2wsx3edc",
    "abcdefghijklm",
    "zyxwvutsrqponm",
    "!@#$%^&*()",
    "password123",
    "Password2024!",
    "P@ssw0rd2024!",
    "passwordpassword",
    "!!iloveyou!!",
    "I L0ve Y0u 1999",
    "coterie2026!",
    "Administrator1",
    "letmein-letmein",
    "welcome to 2026",
    "alice.smith1",
    "Alice-2026-Smith",
    "4l1c3smith!!",
    "smithsmith99",
    "Sommer2024!!",
    "december2024",
    "liverpool123",
    "Sunday-Monday1",
]
TAKEN = [
    "correct horse battery staple",
    "Tr0ub4dor&3x",
    "gqzfkwmbpt",
    "пароль из слов",
    "mein Vater kocht montags",
    "8274019365518274",
    "the password of my uncle's boat",
    "asdfgh is how I begin",
]


@pytest.mark.parametrize("password", REFUSED)
def test_weak_password_is_refused_in_a_sentence_that_does_not_repeat_it(password: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        check_password(password, "alice.smith")
    assert password.casefold() not in f"{caught.value} {caught.value.hint}".casefold()
    assert caught.value.hint


@pytest.mark.parametrize("password", TAKEN)
def test_other_password_is_taken(password: str) -> None:
    check_password(password, "alice.smith")


def test_short_name_is_not_looked_for_inside() -> None:
    check_password("gqzfkalwmb", "al")


def test_password_is_the_same_whatever_keyboard_composed_it() -> None:
    composed, decomposed, wide = "Zo\u00eb 1 2", "Zoe\u0308 1 2", "Ｚｏë　１ ２"
    assert encode_password(composed).expose() == "Zo\u00eb 1 2".encode()
    assert encode_password(decomposed) == encode_password(wide) == encode_password(composed)


def test_case_and_spaces_count() -> None:
    assert encode_password("Open Sesame") != encode_password("open sesame")
    assert encode_password(" open") != encode_password("open")


@pytest.mark.parametrize(
    "password",
    ["", "two\nlines", "nul\0inside", "\udcff not utf-8", "x" * 1025, "ﷺ" * 40],
    ids=ascii,
)
def test_what_is_no_password_is_refused(password: str) -> None:
    with pytest.raises(InvalidInput):
        encode_password(password)
    with pytest.raises(InvalidInput):
        check_password(password, "alice")


@given(st.text(max_size=40), st.text(max_size=40))
def test_any_text_is_taken_or_refused(password: str, name: str) -> None:
    try:
        check_password(password, name)
    except InvalidInput:
        return
    assert len(encode_password(password)) >= 10
