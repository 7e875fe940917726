"""Who types and who is there, between two clients of a real server."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing

from coterie.client import api
from coterie.client.profile import Profile
from coterie.client.running import Running, open_store
from coterie.client.transport import real_seams
from tests.asynchronous import asynchronous
from tests.e2e.programs import DEADLINE_S
from tests.e2e.stage import Person, Stage


class Watcher:
    """Sees what one client's screen would, in its only room."""

    def __init__(self, running: Running) -> None:
        self.whispering = running.whispering
        (group_id,) = running.rooms
        self.room_id = running.rooms.room_id(group_id)
        running.rooms.mark_read(self.room_id)  # nobody is told of who never looked in
        self._changed = asyncio.Event()
        self.whispering.on_around = lambda room_id: self._changed.set()

    async def sees(self, is_so: Callable[[api.Around], bool]) -> None:
        """Returns when it is so."""
        async with asyncio.timeout(DEADLINE_S):
            while not is_so(self.whispering.around(self.room_id)):
                self._changed.clear()
                await self._changed.wait()


@asynccontextmanager
async def online(person: Person) -> AsyncIterator[Watcher]:
    with Profile.open(person.profile) as profile, closing(open_store(profile)) as store:
        async with Running(store, person.profile, "in a test", real_seams()) as running:
            assert await running.catch_up(DEADLINE_S) == ""
            yield Watcher(running)


@asynchronous
async def test_people_see_each_other_come_type_stop_and_go(shared: Stage) -> None:
    people = shared.people
    async with online(people["bobb"]) as bobb:
        bobb.whispering.present("online")
        async with online(people["alice"]) as alice:
            alice.whispering.present("online")
            await alice.sees(lambda around: around.presence == {"bobb": "online"})
            await bobb.sees(lambda around: around.presence == {"alice": "online"})
            alice.whispering.typed(alice.room_id)
            await bobb.sees(lambda around: around.typing == ("alice",))
            alice.whispering.emptied(alice.room_id)
            await bobb.sees(lambda around: around.typing == ())
        await bobb.sees(lambda around: around.presence == {"alice": "offline"})
