"""What a person decides about people and warnings: the members, the safety number, the banner."""

from typing import TYPE_CHECKING

from coterie.client.api import (
    Acknowledge,
    Done,
    FollowRoom,
    RenewRoom,
    Room,
    SafetyNumber,
    VerifyAccount,
)
from coterie.errors import InvalidInput
from coterie.tui import words
from coterie.tui.dialogs import Confirm, Pick, Picker
from coterie.tui.message_actions import opened
from coterie.ui.clean import clean_line

if TYPE_CHECKING:
    from coterie.tui.chat_screen import ChatScreen


async def show_members(screen: "ChatScreen") -> None:
    """Who is in the room; the picked one is verified."""
    room = opened(screen)
    picks = [
        Pick(member, words.account(member.name), words.member_hint(member))
        for member in screen.session.members
    ]
    title = f"Members of {words.room_mark(room)} · Enter verifies"
    picked = await screen.app.push_screen_wait(Picker(title, picks))
    if picked is not None and picked.pin != "self":
        await verify(screen, picked.name)


async def verify(screen: "ChatScreen", name: str) -> None:
    """Shows the safety number, and records that both saw the same one."""
    from coterie.tui.verify_screen import VerifyScreen  # noqa: PLC0415  # the start waits for none of it

    session = screen.session
    number = await session.ask(VerifyAccount(name), SafetyNumber)
    if await screen.app.push_screen_wait(VerifyScreen(number, session.account)):
        compared = VerifyAccount(name, compared=True, number=number.number)
        await session.ask(compared, SafetyNumber)
        await session.refresh()


async def heed(screen: "ChatScreen") -> None:
    """Does what the banner says, after a question."""
    room, warning = opened(screen), screen.banner
    match warning.way if warning else "wait":
        case "key":
            await _acknowledge_keys(screen)
        case "fork":
            text = f"{clean_line(room.reason)}. Compare with the others what you read before you go on."
            if await screen.app.push_screen_wait(Confirm("Two logs", text, "go on", "wait")):
                await screen.session.ask(Acknowledge(room=room.room_id), Done)
        case "renew":
            text = (
                "You make a new group for this room, and the others are asked to follow you there."
            )
            if await screen.app.push_screen_wait(Confirm("Renew", text, "go on", "wait")):
                await screen.session.ask(RenewRoom(room.room_id), Room)
        case "follow":
            text = f"{clean_line(room.reason)}. Ask the others whether this is meant before you go there."
            if await screen.app.push_screen_wait(Confirm("Go there", text, "go there", "wait")):
                await screen.session.ask(FollowRoom(room.room_id), Room)
        case _:
            raise InvalidInput("there is no warning to heed")
    await screen.session.refresh()


async def _acknowledge_keys(screen: "ChatScreen") -> None:
    for member in screen.session.members:
        if member.pin != "changed":
            continue
        text = (
            f"{words.account(member.name)} came with another key. It may be a new account of the same person, or"
            " somebody else. Ask them another way before you go on; then verify them again."
        )
        if await screen.app.push_screen_wait(Confirm("Key changed", text, "go on", "wait")):
            await screen.session.ask(Acknowledge(name=member.name), Done)
