"""A bot that repeats what others say, in every room that it is in: ``python echo_bot.py PROFILE``.

Make its account first: ``coterie --profile PROFILE join INVITE echo``. It runs until Ctrl+C or SIGTERM.
"""

import asyncio
import signal
import sys
from contextlib import suppress

from coterie import Client
from coterie.errors import CoterieError


async def echo(profile: str) -> None:
    """Answers each text of others once."""
    async with Client.open(profile) as client:
        print(f"{client.name} listens", flush=True)
        async for message in client.messages():
            if message.kind != "text" or message.sender == client.name:
                continue
            try:
                await client.rooms[message.room_id].send(message.text)
            except CoterieError as error:  # it was removed from the room, the server is away, …
                print(f"{error}; {error.hint}", file=sys.stderr)


async def main() -> None:
    """With the profile's folder as its argument."""
    if len(sys.argv) != 2:  # noqa: PLR2004
        sys.exit(f"usage: {sys.argv[0]} PROFILE")
    echoing = asyncio.create_task(echo(sys.argv[1]))
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, echoing.cancel)
    try:
        with suppress(asyncio.CancelledError):
            await echoing
    except CoterieError as error:
        sys.exit(f"echo_bot: {error}")


if __name__ == "__main__":
    asyncio.run(main())
