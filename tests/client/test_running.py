"""People with whole clients, talking through a real server."""

from pathlib import Path

from tests.asynchronous import asynchronous
from tests.client.house import house_in


@asynchronous
async def test_two_people_read_the_same_in_the_same_order(tmp_path: Path) -> None:
    async with house_in(tmp_path) as house:
        alice, bobb = house.person("alice"), house.person("bobb")
        async with bobb.online(), alice.online():
            assert bobb.running is not None
            await bobb.running.catch_up(5)
            await alice.create("bobb")
            await alice.say("hello")
            await bobb.in_step()
            await bobb.say("hi")
            await alice.in_step()
            assert await alice.texts() == await bobb.texts() == ["hello", "hi"]
