"""What a QR code says of a safety number."""

import pytest

from coterie.errors import InvalidInput
from coterie.ui import safety_code
from coterie.ui.safety_code import SafetyCode

NUMBER = " ".join(["01234", "56789"] * 6)
CODE = "COTERIE:VERIFY/ALICE/" + "0123456789" * 6


def test_it_holds_whose_screen_it_is_on_and_the_number() -> None:
    assert safety_code.encode("alice", NUMBER) == CODE
    assert safety_code.decode(CODE) == SafetyCode("alice", NUMBER)


def test_small_letters_and_line_breaks_change_nothing() -> None:
    assert safety_code.decode(f" {CODE.lower()[:30]}\n{CODE.lower()[30:]}\n").number == NUMBER


@pytest.mark.parametrize(
    "text",
    ["", "coterie://chat.example.org/#AX", CODE[:-1], CODE + "0", CODE.replace("ALICE", "A%20B")],
)
def test_what_is_no_code_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="not the code of a safety number"):
        safety_code.decode(text)


def test_the_same_number_on_the_others_screen_is_a_comparison() -> None:
    safety_code.check(CODE, "alice", NUMBER)


def test_another_number_is_none() -> None:
    with pytest.raises(InvalidInput, match="alice sees another number: nothing was recorded"):
        safety_code.check(CODE, "alice", NUMBER.replace("01234", "01235", 1))


def test_the_screen_of_somebody_else_is_none() -> None:
    with pytest.raises(InvalidInput, match="that code is of alice's screen, not of bobb's"):
        safety_code.check(CODE, "bobb", NUMBER)
