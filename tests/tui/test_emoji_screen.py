"""Choosing an emoji."""

from coterie.tui.emoji_screen import EmojiScreen
from tests.asynchronous import asynchronous
from tests.tui.dialog import LOOKS, SMALLEST, showing


@LOOKS
@asynchronous
async def test_a_few_letters_find_one_and_enter_takes_it(look: str) -> None:
    async with showing(EmojiScreen(), size=SMALLEST, look=look) as seen:
        await seen.until_shown("Emoji", "👍 thumbs_up")
        await seen.type("tad")
        await seen.until_shown("🎉 tada")
        await seen.press("enter")
        await seen.until(lambda: seen.result == "🎉")


@asynchronous
async def test_the_recent_ones_stand_first_and_once() -> None:
    async with showing(EmojiScreen(["🚀", "👀", "🚀"])) as seen:
        await seen.until_shown("🚀 rocket")
        lines = [line for line in seen.lines if "🚀" in line or "👀" in line]
        assert [("🚀" in line, "👀" in line) for line in lines] == [(True, False), (False, True)]
        await seen.press("enter")
        await seen.until(lambda: seen.result == "🚀")


@asynchronous
async def test_escape_takes_none() -> None:
    async with showing(EmojiScreen()) as seen:
        await seen.press("escape")
        await seen.until(lambda: seen.result is None)
