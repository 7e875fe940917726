"""What others put on the screen is text and nothing else, wherever it stands."""

import re

from msgspec import structs

from coterie.client import api
from tests.asynchronous import asynchronous
from tests.cli.fakes import ALICE, BOBB, OPS, WAR
from tests.tui.look import Seen, looking
from tests.tui.memory import Memory

EVIL = "evil\x1b]0;title\x07\x1b[31m\x9b2J\x85\u202ered\u2028\u2066line\x00"
OBEYED = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def hostile() -> Memory:
    """Everything that others choose, chosen to do harm."""
    about = {"name": f"o {EVIL}", "topic": EVIL, "reason": EVIL, "direct": ""}
    backend = Memory(
        structs.replace(OPS, state="stuck", admin=True, **about),
        structs.replace(WAR, direct=EVIL),
    )
    backend.members[OPS.room_id] = (ALICE, structs.replace(BOBB, name=EVIL, pin="changed"))
    one = backend.say(f"http://host/{EVIL} http://other/{EVIL} {EVIL}\n> {EVIL}\n```\n{EVIL}", EVIL)
    backend.react(one, EVIL, EVIL)
    backend.say(EVIL, EVIL, deleted_by=f"by {EVIL}")
    backend.say(EVIL, EVIL, kind=EVIL)
    backend.say(EVIL, EVIL, kind="line")
    backend.say(EVIL, EVIL, is_action=True, thread=one.ref)
    quote = api.Quote(one.ref, one.number, EVIL, EVIL)
    backend.say(EVIL, EVIL, reply_to=quote, device=EVIL, edited="2026-11-24T10:00:00Z")
    return backend


def check(seen: Seen) -> None:
    for line in seen.lines:
        assert not OBEYED.search(line), ascii(line)


async def over(seen: Seen, *keys: str, shown: str = "evil") -> None:
    """What these keys open has it, and nothing in it is obeyed."""
    await seen.press(*keys)
    await seen.until_shown(shown)
    check(seen)


@asynchronous
async def test_the_main_screen_obeys_nothing() -> None:
    backend = hostile()
    async with looking(backend, OPS.room_id[:8], size=(200, 40)) as seen:
        await seen.until_shown("> message #o evil")
        backend.around(OPS, EVIL, EVIL)
        backend.notice(EVIL)
        backend.connect("away", EVIL)
        await seen.until_shown("are typing…", "evil\ufffd]0;title")
        check(seen)


@asynchronous
async def test_what_is_quoted_or_answered_is_obeyed_nowhere() -> None:
    """A key put the words of others where one writes, and the terminal did what they said."""
    backend = hostile()
    async with looking(backend, OPS.room_id[:8]) as seen:
        await over(seen, "shift+tab", "greater_than_sign", shown="> evil")
        assert all(line.startswith("> ") for line in seen.composed.splitlines()), seen.composed
        await over(seen, "shift+tab", "r", shown="replying to evil")
        seen.main.composer.replace_text(EVIL)
        await over(seen, shown="evil\ufffd]0;title")


@asynchronous
async def test_no_dialog_obeys_anything() -> None:
    backend = hostile()
    async with looking(backend, OPS.room_id[:8]) as seen:
        await seen.until_shown("> message #o evil")
        await over(seen, "shift+tab", "i", shown="device")
        await over(seen, "escape", "d", shown="Delete what evil")
        await over(seen, "n", "escape", "ctrl+k", shown="Go to")
        await over(seen, "escape", "ctrl+p", shown="Do")
        await seen.press("escape")
        await seen.type("/members")
        await over(seen, shown="Members of")
        await seen.press("escape")
        await seen.type("/search evil")
        await over(seen, shown="found")
        await over(seen, "escape", "f2", shown="new group")
        await seen.press("n")
        await seen.type("/kick evil")
        await over(seen, shown="Take evil out")
        await seen.press("n")
        await seen.type("/topic")
        await over(seen, shown="the topic is")
