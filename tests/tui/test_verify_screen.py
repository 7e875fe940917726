"""Comparing a safety number on the screen."""

import pytest

from coterie.client import api
from coterie.tui.qr import half_blocks
from coterie.tui.verify_screen import VerifyScreen
from coterie.ui import safety_code
from tests.asynchronous import asynchronous
from tests.cli.fakes import NUMBER
from tests.tui.dialog import LOOKS, NOTHING, SMALLEST, showing

LONG = "a_" * 16


def verify(account: str = "alice", pin: str = "believed", name: str = "bobb") -> VerifyScreen:
    return VerifyScreen(api.SafetyNumber(name, NUMBER, pin), account)


@pytest.mark.parametrize("account", ["alice", LONG])
@pytest.mark.parametrize("size", [(80, 30), (100, 30), (300, 80)], ids=str)
@asynchronous
async def test_the_code_stands_beside_the_number_where_there_is_room(
    size: tuple[int, int], account: str
) -> None:
    async with showing(verify(account), size=size) as seen:
        await seen.until_shown("Verify bobb", "! unverified", "01234 56789 01234 56789")
        assert seen.text.count("01234 56789 01234 56789") == 3
        for line in half_blocks(safety_code.encode(account, NUMBER)):
            assert line in seen.text
        await seen.until_shown("verify", "--qr", "y they are the same · n not now")


@pytest.mark.parametrize("size", [SMALLEST, (79, 40), (100, 29)], ids=str)
@asynchronous
async def test_without_room_the_number_stands_alone(size: tuple[int, int]) -> None:
    async with showing(verify(), size=size) as seen:
        await seen.until_shown("01234 56789 01234 56789", "y they are the same · n not now")
        assert seen.text.count("01234 56789 01234 56789") == 3
        await seen.until_shown("bobb sees a number for you, too")
        assert "▀" not in seen.text
        assert "--qr" not in seen.text


@asynchronous
async def test_the_code_comes_and_goes_with_the_size() -> None:
    async with showing(verify(), size=SMALLEST) as seen:
        await seen.pilot.resize_terminal(100, 30)
        await seen.until_shown("▀")
        await seen.pilot.resize_terminal(*SMALLEST)
        await seen.until_gone("▀")


@pytest.mark.parametrize(("key", "compared"), [("y", True), ("n", False), ("escape", False)])
@asynchronous
async def test_only_a_yes_is_one(key: str, compared: bool) -> None:
    async with showing(verify()) as seen:
        await seen.press("enter", "space")
        assert seen.result is NOTHING
        await seen.press(key)
        await seen.until(lambda: seen.result is compared)


@LOOKS
@asynchronous
async def test_the_state_is_in_words_and_the_code_light_on_dark_in_all_colours(look: str) -> None:
    async with showing(verify(pin="changed"), look=look) as seen:
        await seen.until_shown("⚠ key changed", "came with another key")
        blocks = [one for strip in seen.strips for one in strip if "█▀" in one.text]
        assert blocks
        for one in blocks:
            style = one.style
            if look != "no colour":
                assert style is not None
                assert style.color is not None
                assert style.bgcolor is not None
                light, dark = style.color.get_truecolor(), style.bgcolor.get_truecolor()
                assert sum(light) > sum(dark) + 500


@asynchronous
async def test_a_name_cannot_draw_on_the_screen() -> None:
    async with showing(verify(name="bo\x1b[2Jbb[red]")) as seen:
        await seen.until_shown("Verify bo\ufffd[2Jbb[red]")
