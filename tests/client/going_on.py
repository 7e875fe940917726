"""Rooms on their way to other groups: people online, and what tests wait for."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path

from msgspec import structs

from coterie.client import api
from coterie.client.happening import Event
from coterie.client.intent import Change, Newcomer
from coterie.client.log import Halt
from coterie.client.room_state import RoomState
from coterie.secret import Secret
from coterie.wire import frames as f
from tests.client.house import PARTS, House, Person, house_in, passing, until
from tests.client.people import Device, Reader, Room
from tests.client.restoring import restore


@asynccontextmanager
async def room_in(folder: Path, *names: str) -> AsyncIterator[tuple[House, list[Person]]]:
    """People online in #ops, the first an admin, and nothing under way."""
    async with house_in(folder) as house, AsyncExitStack() as stack:
        people = [house.person(name) for name in names]
        for person in people:
            await stack.enter_async_context(person.online())
        await until(lambda: len(house.asked(f.UploadKeyPackages)) == len(people) * PARTS)
        await people[0].create(*names[1:])
        await settled(house, people)
        yield house, people


async def settled(house: House, people: list[Person]) -> None:
    """Everybody has read the log of the only room he has to its head, and has healed."""
    for person in people:
        await until(lambda p=person: len(list(p.rooms)) == 1)  # type: ignore[misc]
    for _ in range(120):
        await house.clock.advance(1.0)
        if all(_is_quiet(house, person) for person in people):
            return
    raise AssertionError([(p.name, p.log.cursor, p.log.halt, p.log.outbox) for p in people])


def _is_quiet(house: House, person: Person) -> bool:
    if len(list(person.rooms)) != 1 or person.log.outbox or person.log.heal_first:
        return False
    return person.log.cursor == len(house.entries(person.log.group_id, person.account.device))


async def waited(house: House, is_so: Callable[[], bool], most_s: int = 120) -> None:
    """Lets time pass until it is so."""
    for _ in range(most_s):
        if is_so():
            return
        await house.clock.advance(1.0)
    raise AssertionError("it did not become so")


async def all_lost(house: House, people: list[Person]) -> None:
    await waited(house, lambda: all(person.log.halt is Halt.LOST for person in people))


async def lost(house: House, people: list[Person], copy: Path) -> None:
    """The server is as it was before the last word."""
    await people[0].say("lost by the server")
    await settled(house, people)
    await restore(house, copy)
    await all_lost(house, people)


async def all_moved(house: House, people: list[Person], old: bytes) -> None:
    """Everybody is in one other group, and nothing is left of the old one."""
    await waited(house, lambda: all(old not in person.rooms for person in people))
    await settled(house, people)
    assert len({person.log.group_id for person in people}) == 1


def asking(person: Person, request: api.Request) -> "asyncio.Task[api.Result]":
    return asyncio.create_task(person.ask(request))


async def renewed(house: House, admin: Person) -> None:
    await passing(house.clock, asking(admin, api.RenewRoom("ops")))


async def say_in_turn(house: House, people: list[Person]) -> None:
    """Each says a word, and all read all of them in one order."""
    for person in people:
        await person.say(f"{person.name} is here")
        await settled(house, people)
    words = [(await person.texts())[-len(people) :] for person in people]
    assert words == [[f"{person.name} is here" for person in people]] * len(people)


async def story(person: Person) -> list[str]:
    """What the room's lines say of its going on."""
    kinds = (Event.LOST, Event.FOUND, Event.STUCK, Event.SUCCESSOR, Event.MOVED)
    return [event for event in await person.events() if event in kinds]


async def last_line(person: Person) -> str:
    return [message.text for message in await person.read() if message.kind == "line"][-1]


async def renew_with(admin: Person, names: list[str]) -> None:
    """By a client that does not ask who is in the room."""
    running = admin.running
    assert running is not None
    newcomers: list[Newcomer] = []
    for name in names:
        given = await running.call(f.FetchKeyPackages(name), f.KeyPackages)
        newcomers += running.people.newcomers(name, given, running.suite, running.now())
    running.sync.follow(running.sync.succession.prepare(admin.log.group_id, newcomers))


def invite_into_a_fake(
    house: House, person: Person, maker: Device, state: RoomState, group_id: bytes
) -> None:
    """Into a group that the maker, its only admin, made under that id."""
    fake = Room(group_id=group_id)
    invite_by(
        fake.create(maker, structs.replace(state, admins=(maker.account_key,))), house, person
    )


def invite_by(reader: Reader, house: House, person: Person) -> None:
    """Into the group of somebody who has read all of it; its log is elsewhere, its Welcome in the server's inbox."""
    given = house.shared.store.do(
        lambda t: t.directory.take_key_packages(person.name), house.clock.now()
    )
    package = given.key_packages[0]
    reader.want(Change(adds=(Newcomer(person.name, package.device, package.key_package),)))
    reader.seal()
    sealed = reader.log.outbox[0].sealed
    assert sealed is not None
    assert sealed.welcome is not None
    group_id, welcome = reader.room.group_id, sealed.welcome
    sender, device = reader.device.id, person.account.device
    house.shared.store.do(
        lambda t: t.inboxes.put_welcome(group_id, sender, welcome, {device}), house.clock.now()
    )
    house.connection(person.name).tell(f.InboxGrew())


def break_keys(person: Person) -> None:
    """From now on no path opens for it: stands for a committer that sealed it something else."""
    log = person.log
    keys = {x: Secret(bytes([x + 1]) * 32) for x in log.group.private_keys}
    broken = replace(log, group=replace(log.group, private_keys=keys))
    person.rooms._logs[log.group_id] = broken  # a broken committer is not at hand
