"""A person with a whole client, as a process: ``python -m tests.soak.member PROFILE ROOM FIRST EVERY_S``.

Says numbered texts in a room and writes, a JSON line each, what it begins to say, what was acknowledged, and what it
reads. It runs until it is killed, or its input ends.
"""

import asyncio
import json
import sys

from coterie import Client
from coterie.errors import Unavailable


def tell(**facts: object) -> None:
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


async def read(client: Client, room: str) -> None:
    async for message in client.rooms[room].messages(last=20, follow=True):
        if message.kind == "text":
            tell(seq=message.seq, id=message.message_id, text=message.text)
        else:
            tell(line=message.event)


async def say(client: Client, room: str, number: int, every_s: float) -> None:
    while True:
        text = f"{client.name} says {number}"
        tell(saying=number)
        try:
            await client.rooms[room].send(text)
        except Unavailable:  # it is kept and goes out later
            tell(kept=text)
        else:
            tell(said=text)
        number += 1
        await asyncio.sleep(every_s)  # the pace of a conversation


async def main(profile: str, room: str, first: str, every_s: str) -> None:
    loop = asyncio.get_running_loop()
    async with Client.open(profile) as client:
        tell(ready=client.name)
        tasks = [
            asyncio.create_task(read(client, room)),
            asyncio.create_task(say(client, room, int(first), float(every_s))),
        ]
        closed = loop.run_in_executor(None, sys.stdin.read)
        done, _ = await asyncio.wait([*tasks, closed], return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        for ended in done & set(tasks):
            ended.result()  # raises why


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
