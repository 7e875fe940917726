"""What the curious are told of a message."""

from msgspec import structs

from coterie.client import api
from coterie.tui.message_info import MessageInfo, info
from tests.asynchronous import asynchronous
from tests.cli.fakes import message
from tests.tui.dialog import LOOKS, SMALLEST, showing

SAID = structs.replace(message("hi", seq=7), number=41)


def test_who_whence_when_and_where() -> None:
    told = info(SAID, "believed").splitlines()
    assert told == [
        "from        bobb",
        "key         ! unverified: bobb has the key that the",
        "            server named, which nobody compared",
        f"device      {'bb' * 16}",
        "room        #ops",
        "sent        2026-11-24 10:12:30 CET (their clock)",
        "number      41, of all that this client has",
        "entry       7, of the group's log",
        f"id          {7:032x}",
        f"reference   {'bb' * 16}{0:010}",
        f"            {7:022x}",
    ]


def test_what_became_of_it() -> None:
    changed = structs.replace(
        SAID,
        edited="2026-11-24T09:13:00+00:00",
        deleted_by="alice",
        reactions=(api.Reactions("👍", ("alice", "carol")),),
        state="failed",
        reason="no room",
    )
    told = info(changed, "compared")
    for line in (
        "edited      2026-11-24 10:13:00 CET (their clock)",
        "deleted by  alice",
        "reactions   👍 alice carol",
        "state       failed no room",
    ):
        assert line in told


def test_what_others_chose_draws_nothing() -> None:
    hostile = structs.replace(SAID, room="o\x1b[2Jps\n", sender="bo\u202ebb")
    assert all(line.isprintable() or "\ufffd" in line for line in info(hostile, "met").splitlines())
    assert "\x1b" not in info(hostile, "met")


@LOOKS
@asynchronous
async def test_it_is_shown_until_a_key_is_pressed(look: str) -> None:
    async with showing(MessageInfo(SAID, "believed"), size=SMALLEST, look=look) as seen:
        await seen.until_shown("Message", "from        bobb", "! unverified")
        await seen.press("escape")
        await seen.until(lambda: seen.result is None)


def test_a_clock_beyond_all_years_fails_nothing() -> None:
    """East of Greenwich the program ended at such a message, and anybody in the room could write one."""
    told = info(structs.replace(SAID, time="9999-12-31T23:59:59.000Z"), "met")
    assert "(their clock)" in told
