"""A schedule with somebody hostile in it: the world, in which people now also do what their clients ask them to.

They acknowledge a fork, have a room renewed whose log is lost or whose members are stuck, and follow an admin.
"""

from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING

from coterie.client import api, group_log
from coterie.client.group_log import Halt
from coterie.client.happening import Event
from coterie.client.room_policy import leaf_identity
from tests.simulation import trial
from tests.simulation.beginning import MEMBERS, Beginning
from tests.simulation.device import SOON_S, Device
from tests.simulation.hostility import HOSTILITIES, Hostility
from tests.simulation.server import Lies
from tests.simulation.world import World

if TYPE_CHECKING:
    from coterie.client.recording import Changed
    from coterie.client.running import Running
    from coterie.wire.frames import DeviceKeyPackage
    from tests.simulation.cheats import Cheat

LOOKS_EVERY_S = 4.0  # a person, at what the client says
DAY_S = 120.0  # stands for one, since what it brings may come at any time
STUCK_FOR_S = 25.0  # before an admin gives up waiting to be let in


class Ordeal(World):
    """Played like any schedule, and judged by ``trial``."""

    def __init__(self, seed: int, beginning: Beginning) -> None:
        # Account: text: when it was read there first, also in a life of which a put-back copy knows nothing.
        self.read_at: dict[str, dict[str, float]] = {}
        super().__init__(seed, beginning)
        self.attacks: list[Hostility] = []  # that took effect
        self.signs: Counter[str] = Counter()  # by which each was found out
        self.said: dict[str, float] = {}  # text: when its sender wanted it
        self.traitors: set[str] = set()  # whose clients a program has in its hands now
        self.cheats: set[str] = set()  # who were that at some time
        self.patience_s = trial.STOPPED_AT_MOST_S
        self.gaps: set[str] = (
            set()
        )  # who was outside, or put back, and lacks what was said meanwhile
        # account: the first and the last place of which it was shown another entry
        self.forked_at: dict[str, tuple[int, int]] = {}
        self.crossed: dict[str, int] = {}  # account: where an entry of the other log is in its own
        self.at_calm: list[Callable[[], object]] = []  # what ends an attack
        self.programs: dict[str, Cheat] = {}  # that have a member's keys
        self.spent_key_package: tuple[DeviceKeyPackage, ...] = ()  # that a lying server gives again
        self.rolled_back = False  # the server, once a schedule
        self.replayed: set[bytes] = set()  # Welcomes, by a lying server
        self._stuck_since: dict[str, float] = {}
        self._asked: set[tuple[str, str]] = set()
        self.later(LOOKS_EVERY_S, self._look)
        self.later(DAY_S, self._day)

    def _device(self, name: str) -> Device:
        device = super()._device(name)
        self.read_at[name] = {}
        device.on_live = lambda running: self._watch(device, running)
        return device

    def _watch(self, device: Device, running: "Running") -> None:
        read_at, shown = self.read_at[device.name], running.rooms.on_changed

        def on_changed(changed: "Changed") -> None:
            for row in running.store.rows(changed.rows):
                read_at.setdefault(row.message.text, self.loop.time())
            shown(changed)

        running.rooms.on_changed = on_changed

    # --- attacks -------------------------------------------------------------------------------

    @property
    def is_forked(self) -> bool:
        """Whether members may end apart."""
        return any(attack.forks for attack in self.attacks)

    @property
    def has_moved(self) -> bool:
        """Whether the room may go on in another group."""
        return any(attack.moves for attack in self.attacks)

    def took_effect(self, name: str) -> None:
        """An attack did what it is for: what it shows is right from now on."""
        self.fired[name] += 1
        self.trace("hostile", f"{name} takes effect")
        attack = HOSTILITIES[name]
        self.attacks.append(attack)
        for sign in attack.shows | attack.may_show:
            if isinstance(sign, Event):
                self.expected |= {(account, sign) for account in self._who_may_see(sign, attack)}
        self.expected |= {(account, Event.REJOINED) for account in self.devices}

    def _who_may_see(self, sign: Event, attack: Hostility) -> set[str]:
        """Of whom it is true: only whose keys were used elsewhere can be an older copy, but for a server's lies."""
        if sign is Event.OLDER_COPY and not (attack.who == "server" or attack.moves):
            return self.gaps
        return set(self.devices)

    def found_out(self, name: str, sign: str) -> None:
        """Somebody was told."""
        self.signs[f"{name}: {sign}"] += 1

    def group_of(self, device: Device) -> bytes | None:
        """Where the room lives for that device."""
        return device.running.rooms.group_of(self.beginning.room_id) if device.running else None

    # --- people --------------------------------------------------------------------------------

    def _look(self) -> None:
        self.later(LOOKS_EVERY_S, self._look)
        for device in self.devices.values():
            group_id = self.group_of(device)
            if device.is_up and group_id is not None and device.name not in self.traitors:
                self._put_right(device, group_id)

    def _day(self) -> None:
        """What a day brings in calm weather: who is still outside connects anew, and somebody heals.

        The server takes one standing proposal of an account until the next commit, and on connecting a device asks
        which groups list it: both end by themselves, some time.
        """
        self.later(DAY_S, self._day)
        if self.calm_since is None or not self.unsettled():
            return
        for device in self.devices.values():
            group_id = self.group_of(device)
            if group_id is None or not device.log(group_id).can_send:
                self.network.cut(device.name)
            else:
                device.start_task(device.heal(group_id), "heal")

    def _put_right(self, device: Device, group_id: bytes) -> None:
        log = device.log(group_id)
        if log.halt is not Halt.STUCK:
            self._stuck_since.pop(device.name, None)
        if log.halt is Halt.FORKED:
            self._ask(device, api.Acknowledge(self.room))
        elif log.successor and not log.goes_on and log.halt is Halt.OPEN:
            self._ask(device, api.FollowRoom(self.room))
        elif log.halt is Halt.LOST and self.renews == device.name:
            self._ask(device, api.RenewRoom(self.room))
        elif (
            log.halt is Halt.STUCK
            and device.account.account_public_key in group_log.state(log).admins
        ):
            since = self._stuck_since.setdefault(device.name, self.loop.time())
            if self.loop.time() - since > STUCK_FOR_S and self.are_all_stuck():
                self._ask(device, api.RenewRoom(self.room))

    @property
    def renews(self) -> str:
        """The admin who does what an admin must."""
        return next((name for name in MEMBERS[:2] if name not in self.traitors), "")

    def are_all_stuck(self) -> bool:
        """Whether nobody is left who could let anybody in."""
        honest = [d for d in self.devices.values() if d.name not in self.traitors and d.is_up]
        found = [d.log(g).halt for d in honest if (g := self.group_of(d)) is not None]
        return all(halt in (Halt.STUCK, Halt.REMOVED) for halt in found)

    def _ask(self, device: Device, request: api.Request) -> None:
        key = (device.name, type(request).__name__)
        if key in self._asked:
            return
        self._asked.add(key)

        async def ask() -> None:
            try:
                await device.ask(request)
            finally:
                self._asked.discard(key)

        device.start_task(ask(), "ask")

    # --- as the world does it, where a room has moved -------------------------------------------

    def say(self, name: str, text: str) -> bool:
        device = self.devices[name]
        if not device.is_up or self.group_of(device) is None or name in self.traitors:
            return False
        self.said[text] = self.loop.time()
        self.start_wish(device, text)
        return True

    def calm(self) -> None:
        self.server.lies.end()
        for end in self.at_calm:
            end()
        self.at_calm.clear()
        self.server.lies = Lies()
        super().calm()
        self.traitors.clear()

    def unsettled(self) -> str:
        if self.is_forked:
            return ""
        for device in self.devices.values():
            what = self._unsettled(device)
            if what:
                return f"{device.name}: {what}"
        return ""

    def _unsettled(self, device: Device) -> str:
        if device.running is None or not device.running.sync.caught_up.is_set():
            return "not connected and caught up"
        inbox, _ = self.server.store.reading.inbox(device.account.device, 0)
        if inbox.items:
            return f"{len(inbox.items)} items in the inbox"
        group_id = self.group_of(device)
        if self.is_left_out(device):
            return ""
        if group_id is None or device.log(group_id).halt is Halt.REMOVED:
            return "was added, and is not in" if device.name in self.members() else ""
        log = device.log(group_id)
        if not log.can_send:
            return f"is {log.halt}"
        if log.cursor != self.server.head(group_id):
            return f"has read {log.cursor} of {self.server.head(group_id)}"
        if log.outbox:
            return f"{len(log.outbox)} posts wait"
        return "owes a commit" if device.owes_commit(log, SOON_S) else ""

    def members(self) -> set[str]:
        """Of the room, as somebody knows it who is in it."""
        for device in self.devices.values():
            group_id = self.group_of(device)
            if group_id is not None and device.log(group_id).can_send:
                group = device.log(group_id).group
                return {leaf_identity(m.leaf_node).name for m in group.members()}
        return set()

    def is_left_out(self, device: Device) -> bool:
        """ "He leaves out the author of the bad entry": who made the room move does not come along."""
        return self.has_moved and device.name in self.cheats

    def last_words(self) -> None:
        for device in self.devices.values():
            group_id = self.group_of(device)
            if group_id is not None and device.log(group_id).can_send:
                self.say(device.name, f"{device.name}'s last words")

    def judge(self, unsettled: str) -> str:
        return trial.judge(self, unsettled)

    def remember(self, delay_s: float, what: Callable[[], object]) -> None:
        """Calls it then, unless the weather is calm by that time."""
        self.later(delay_s, lambda: what() if self.calm_since is None else None)
