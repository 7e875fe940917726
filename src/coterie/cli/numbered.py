"""A message by its number, as `read --numbers` and `/last` say it."""

from typing import TYPE_CHECKING

from coterie.cli.calling import answer
from coterie.errors import InvalidInput

if TYPE_CHECKING:
    from coterie.client.api import Backend, Message


async def numbered(backend: "Backend", room: str, number: int) -> "Message":
    """That of a room. Raises InvalidInput where there is none, or nobody said it."""
    from coterie.client.api import GetPage, Page

    page = await answer(backend, GetPage(room, 1, around=number), Page)
    found = next((one for one in page.messages if one.number == number), None)
    if found is None:
        raise InvalidInput(
            f"there is no message {number} in this room",
            hint="the latest stand with their numbers in `coterie read ROOM --numbers`, or /last",
        )
    return check_said(found)


def check_said(message: "Message") -> "Message":
    """The same. Raises InvalidInput for a line of the system."""
    if message.kind == "line":
        raise InvalidInput(f"{message.number} is a line of the system, which nobody said")
    return message
