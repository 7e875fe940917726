"""Schedules in which two people begin direct messages at once, talk there and renew them, while all else breaks.

Both must end in one group, and each message that a client has promised to keep is shown once on either side.
"""

from collections.abc import Iterator
from random import Random
from typing import TYPE_CHECKING

from coterie.client.direct import partner
from coterie.client.directs import Directs
from coterie.client.group_log import Halt
from coterie.client.placing import Placing
from coterie.errors import CoterieError
from tests.simulation import oracle
from tests.simulation.beginning import Beginning
from tests.simulation.device import FOLLOWING, Device, Wish
from tests.simulation.faults import act, by
from tests.simulation.schedule import Action, Schedule, schedule_of
from tests.simulation.world import Outcome, World, play

if TYPE_CHECKING:
    from tests.simulation.faults import Do

PAIR = ("alice", "dave")  # dave has met nobody
KEPT = ("sent", "kept")  # outcomes of which a client has said that the message is not lost


class Pairs(World):
    """Judged by what both of the pair end with; and by what an honest schedule promises of the room of all."""

    def __init__(self, seed: int, beginning: Beginning) -> None:
        super().__init__(seed, beginning)
        self.direct_wishes: list[Wish] = []
        self.have_begun = False

    @property
    def pair(self) -> list[Device]:
        return [self.devices[name] for name in PAIR]

    def begin(self, device: Device) -> None:
        """The person opens the direct messages with the other."""
        if device.is_up:
            self.have_begun = True
            device.start_task(self._open(device), "ask")

    async def _open(self, device: Device) -> None:
        assert device.running is not None
        directs = Directs(device.running, Placing(device.running))
        try:
            await directs.open(other_than(device))
        except CoterieError as error:
            device.trace(f"opens no direct messages: {type(error).__name__}")

    def renew(self, device: Device) -> bool:
        """The person has them go on in a new group."""
        group_id = direct_group(device)
        if group_id is None:
            return False
        device.start_task(self._renew(device, group_id), "ask")
        return True

    async def _renew(self, device: Device, group_id: bytes) -> None:
        assert device.running is not None
        try:
            await Directs(device.running, Placing(device.running)).renew(group_id)
        except CoterieError as error:
            device.trace(f"renews no direct messages: {type(error).__name__}")

    def say_directly(self, device: Device, text: str) -> bool:
        """One message to the other."""
        if direct_group(device) is None:
            return False
        wish = Wish(device.name, text)
        self.direct_wishes.append(wish)
        device.start_task(device.say(wish, f"@{other_than(device)}"), "say")
        return True

    def unsettled(self) -> str:
        """Direct messages too are read and posted to the end."""
        what = super().unsettled()
        for device in self.pair if not what else ():
            group_id = direct_group(device)
            if group_id is None:
                continue
            log = device.log(group_id)
            head = self.server.head(group_id)
            if log.halt in FOLLOWING and (log.outbox or log.cursor != head):
                what = f"{len(log.outbox)} direct posts wait, and {log.cursor} of {head} is read"
        return what

    def last_words(self) -> None:
        """Both open them once more: whoever died while he began goes on."""
        super().last_words()
        if self.have_begun:
            for device in self.pair:
                device.start_task(self._last_word(device), "ask")

    async def _last_word(self, device: Device) -> None:
        await self._open(device)
        self.say_directly(device, f"{device.name}'s last direct words")

    def judge(self, unsettled: str) -> str:
        """What is wrong; empty if nothing. The bounds of what a client keeps are those of one room."""
        if self.watch.violation or self.loop.failures or unsettled:
            return oracle.judge(self, unsettled)
        checks = [check for check in oracle.CHECKS if check is not oracle.grown_rooms]
        checks += [apart, unread]  # type: ignore[list-item]  # of these worlds alone
        return next((wrong for check in checks for wrong in check(self)), "")


def other_than(device: Device) -> str:
    """Of the pair."""
    return PAIR[1 - PAIR.index(device.name)]


def direct_group(device: Device) -> bytes | None:
    """Where the direct messages live for that device."""
    if device.running is None:
        return None
    shown = device.running.rooms.shown()
    return next((g for g in shown if partner(device.log(g)) == other_than(device)), None)


# --- what must hold ------------------------------------------------------------------------------


def apart(world: Pairs) -> Iterator[str]:
    """Both live in one group, in one state."""
    if not world.have_begun:
        return
    ends = []
    for device in world.pair:
        group_id = direct_group(device)
        if group_id is None:
            yield f"{device.name} has no direct messages"
            return
        log = device.log(group_id)
        if log.halt is not Halt.OPEN:
            yield f"{device.name} ends {log.halt} in direct messages"
        ends.append((group_id, log.cursor, log.chain, log.group.epoch_authenticator))
    if ends[0] != ends[1]:
        yield f"{PAIR[0]} and {PAIR[1]} end apart in their direct messages"


def unread(world: Pairs) -> Iterator[str]:
    """Each message that was kept is shown once to both, and nothing that nobody said."""
    said = {wish.text: wish for wish in world.direct_wishes}
    for device in world.pair:
        group_id = direct_group(device)
        if group_id is None or device.running is None:
            continue
        rows = device.store.timeline(device.running.rooms.room_id(group_id), 100_000)
        shown = [row.message for row in rows if not row.is_line]
        texts = [message.text for message in shown]
        if len(texts) != len(set(texts)):
            yield f"{device.name} reads something twice in direct messages: {texts}"
        for message in shown:
            wish = said.get(message.text)
            if wish is None or wish.name != message.author.name:
                yield f"{device.name} reads what {message.author.name} never said directly"
        for wish in world.direct_wishes:
            if wish.outcome in KEPT and wish.text not in texts:
                yield f"{device.name} does not read {wish.text!r}, which was {wish.outcome}"


# --- what happens --------------------------------------------------------------------------------


def _register(does: "Do") -> None:
    act(0, by(*PAIR), is_fault=False)(does)


def begin_at_once(world: Pairs, action: Action) -> bool:
    """Both open their direct messages in one moment."""
    for device in world.pair:
        world.begin(device)
    return world.have_begun


def begin_alone(world: Pairs, action: Action) -> bool:
    """One of them does."""
    world.begin(world.devices[action.who])
    return world.have_begun


def say_directly(world: Pairs, action: Action) -> bool:
    """A message to the other."""
    text = f"{action.who} to the other, {len(world.direct_wishes)}"
    return world.say_directly(world.devices[action.who], text)


def renew_at_once(world: Pairs, action: Action) -> bool:
    """Both have them go on in a new group."""
    return sum(world.renew(device) for device in world.pair) > 1


for _does in (begin_at_once, begin_alone, say_directly, renew_at_once):
    _register(_does)  # type: ignore[arg-type]  # schedules that hold them are played in ``Pairs``


def pairs_of(seed: int) -> Schedule:
    """The seed's schedule, with two who begin, talk and sometimes renew in between."""
    rng = Random(f"pairs {seed}")  # noqa: S311
    actions = list(schedule_of(seed).actions)
    begins = rng.choices(("begin_at_once", "begin_alone"), (3, 1), k=2)
    talks = ["say_directly"] * rng.randrange(3, 9) + ["renew_at_once"] * rng.randrange(2)
    at = rng.randrange(len(actions) // 2)
    for name in (*begins, *talks):
        at = min(len(actions), at + rng.randrange(3))
        pause_s = rng.choice((0.0, 0.01, 0.1, rng.expovariate(1.0), rng.uniform(2, 20)))
        actions.insert(at, Action(name, rng.choice(PAIR), 0.0, round(pause_s, 4)))
    return Schedule(seed, tuple(actions))


def play_pair(seed: int) -> Outcome:
    """The seed's."""
    return play(pairs_of(seed), Pairs)
