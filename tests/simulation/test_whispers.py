"""Typing and presence all the time, lost, doubled, old and altered: all that must hold does as without them."""

from collections import Counter
from collections.abc import Iterable
from random import Random

import pytest

from coterie.client.running import Running
from coterie.wire import frames as f
from coterie.wire.stream import encode_frame, from_server
from tests.simulation.beginning import Beginning
from tests.simulation.device import Device
from tests.simulation.schedule import schedule_of
from tests.simulation.server import Lies
from tests.simulation.world import World, play

SEEDS = range(4)  # a second and a half
HEARD: Counter[int] = Counter()  # by seed: changes of what screens were told
LIES: Counter[str] = Counter()


class _Whisperer(Lies):
    """A server that passes on what it likes."""

    def __init__(self, seed: int) -> None:
        self._chance = Random(f"whispers {seed}")  # noqa: S311
        self._past: list[bytes] = []

    def whisper(self, frame: bytes) -> Iterable[bytes]:
        self._past.append(frame)
        lie = self._chance.choice(["truth", "lost", "doubled", "old", "altered"])
        LIES[lie] += 1
        match lie:
            case "lost":
                return ()
            case "doubled":
                return (frame, frame)
            case "old":
                return (self._chance.choice(self._past), frame)
            case "altered":
                return (self._altered(frame), frame)
            case _:
                return (frame,)

    def _altered(self, frame: bytes) -> bytes:
        decoder = from_server()
        decoder.receive_data(frame)
        told = decoder.next_frame()
        assert told is not None
        assert isinstance(told.body, f.Whispered)
        sealed = bytearray(told.body.sealed)
        sealed[self._chance.randrange(len(sealed))] ^= 1 << self._chance.randrange(8)
        return encode_frame(f.Event(f.Whispered(told.body.group, bytes(sealed))))


class _Loud(World):
    """All are there, and type whenever anything happens."""

    def __init__(self, seed: int, beginning: Beginning) -> None:
        super().__init__(seed, beginning)
        self.seed = seed
        self.server.lies = _Whisperer(seed)

    def _device(self, name: str) -> Device:
        device = super()._device(name)
        stepped = device._on_step

        def types(device: Device) -> None:
            stepped(device)
            if device.running is not None and self.group_id in device.running.rooms:
                device.running.whispering.typed(self.beginning.room_id)

        device._on_step = types
        device.on_live = self._comes
        return device

    def _comes(self, running: Running) -> None:
        running.whispering.on_around = self._heard
        running.whispering.present("online")

    def _heard(self, room_id: bytes) -> None:
        HEARD[self.seed] += 1


@pytest.mark.parametrize("seed", SEEDS)
def test_whispers_change_nothing_whatever_becomes_of_them(seed: int) -> None:
    assert play(schedule_of(seed), _Loud).violation == ""
    assert HEARD[seed] > 0


def test_every_kind_of_lie_was_told() -> None:
    assert set(LIES) == {"truth", "lost", "doubled", "old", "altered"}
