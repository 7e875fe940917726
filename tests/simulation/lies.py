"""A server that lies to one member: what it alters, keeps back, invents and answers falsely.

``Lies.tell`` sees each frame before it is sealed. A lie about a log is kept up: the victim gets the same from a fetch
as from a push, and is told on connecting that its chain is right.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from itertools import pairwise
from typing import TYPE_CHECKING

from msgspec import structs
from sqlalchemy import select

from coterie.client import api
from coterie.client.happening import Event
from coterie.server import schema
from coterie.server.writing import Transaction
from coterie.wire import frames as f
from tests.simulation.beginning import GUESTS, MEMBERS
from tests.simulation.hostility import NOTICE, REFUSAL, hostile
from tests.simulation.server import Lies, TwinPeer

if TYPE_CHECKING:
    from tests.simulation.ordeal import Ordeal
    from tests.simulation.schedule import Action

AWAY_S = 4.0  # the victim, so that several entries come at once
GAP_S = 25.0
GUEST = GUESTS[0]
FORKING = (Event.FORK, Event.DEAD, Event.LIE)  # one of these is told where a log is another one
THEN = (Event.RULE_BROKEN, Event.LOST, Event.STUCK, Event.OLDER_COPY, Event.ALTERED, *FORKING)


class _Lie(Lies, ABC):
    """To one account, for as long as the weather is bad."""

    def __init__(self, world: "Ordeal", action: "Action", name: str) -> None:
        self.world, self.victim, self.name = world, action.who, name
        self.device = world.devices[action.who].account.device

    def tell(
        self, peer: TwinPeer, asked: f.RequestBody | None, frame: f.FromServer
    ) -> Iterable[f.FromServer]:
        if peer.account != self.victim:
            return (frame,)
        match frame:
            case f.Reply(number, body):
                return (f.Reply(number, self.answer(asked, body)),)
            case f.Event(body):
                told = self.push(body)
                return (f.Event(told),) if told is not None else ()

    def answer(self, asked: f.RequestBody | None, body: f.ReplyBody) -> f.ReplyBody:
        """What is said instead."""
        return body

    def push(self, body: f.EventBody) -> f.EventBody | None:
        """Likewise; None: nothing."""
        return body

    def takes_effect(self) -> None:
        """It was told."""
        self.world.took_effect(self.name)


# --- another log ---------------------------------------------------------------------------------


class _AnotherLog(_Lie):
    """Shows the victim some entries other than they are, for good."""

    def __init__(self, world: "Ordeal", action: "Action", name: str) -> None:
        super().__init__(world, action, name)
        self.shown: dict[int, f.Entry] = {}  # instead of the true ones
        self.seen = world.head  # up to which the victim may have read
        self.is_done = False

    @abstractmethod
    def choose(self, entries: tuple[f.Entry, ...]) -> dict[int, f.Entry]:
        """What to show instead of some of these, which the victim has not seen; nothing while it does not fit."""

    def answer(self, asked: f.RequestBody | None, body: f.ReplyBody) -> f.ReplyBody:
        match asked, body:
            case f.Fetch(), f.Entries(entries):
                return structs.replace(body, entries=self._altered(entries))
            case f.Subscribe(_, cursor), f.Diverged(head) if self.shown:
                return f.Subscribed(max(head, cursor), self._count())
            case _:
                return body

    def push(self, body: f.EventBody) -> f.EventBody | None:
        if isinstance(body, f.LogGrew):
            return structs.replace(body, entries=self._altered(body.entries))
        return body

    def _altered(self, entries: tuple[f.Entry, ...]) -> tuple[f.Entry, ...]:
        fresh = tuple(one for one in entries if one.seq > self.seen)
        if fresh and not self.is_done:
            self.shown = self.choose(fresh)
        if self.shown and not self.is_done:
            self.is_done = True
            first = min(self.shown)
            self.world.forked_at[self.victim] = (first, max(self.shown))
            self.takes_effect()
        if fresh:
            self.seen = max(self.seen, fresh[-1].seq)
        return tuple(self.shown.get(one.seq, one) for one in entries)

    def _count(self) -> int:
        c = schema.member.c
        mine = (c.group_id == self.world.group_id) & (c.device == self.device)
        with self.world.server.store.reading.connection() as connection:
            return connection.scalar(select(c.count).where(mine)) or 0

    def others(self, entries: tuple[f.Entry, ...]) -> list[f.Entry]:
        """Messages of others among them."""
        return [e for e in entries if e.kind is f.Kind.MESSAGE and e.device != self.device]


def _begin(world: "Ordeal", lie: _Lie) -> bool:
    if not world.forked_at:  # one fork is enough, and is kept up
        world.server.lies = lie
    return False


@hostile("server", shows=FORKING, may_show=THEN, forks=True)
def alters(world: "Ordeal", action: "Action") -> bool:
    """One bit of a message is another one for a member"""

    class Alters(_AnotherLog):
        def choose(self, entries: tuple[f.Entry, ...]) -> dict[int, f.Entry]:
            for one in self.others(entries)[:1]:
                body = one.body[:-1] + bytes([one.body[-1] ^ 1])
                return {one.seq: structs.replace(one, body=body)}
            return {}

    return _begin(world, Alters(world, action, "alters"))


@hostile("server", shows=FORKING, may_show=THEN, forks=True)
def replays(world: "Ordeal", action: "Action") -> bool:
    """A member is shown an old message again in the place of a new one"""

    class Replays(_AnotherLog):
        def choose(self, entries: tuple[f.Entry, ...]) -> dict[int, f.Entry]:
            known = self.others(self.world.server.entries(self.world.group_id))
            for one in self.others(entries)[:1]:
                old = [entry for entry in known if entry.seq < one.seq]
                return {one.seq: structs.replace(old[-1], seq=one.seq)} if old else {}
            return {}

    return _begin(world, Replays(world, action, "replays"))


@hostile("server", shows=FORKING, may_show=THEN, forks=True)
def swaps(world: "Ordeal", action: "Action") -> bool:
    """Two messages that follow each other change places for a member"""

    class Swaps(_AnotherLog):
        def choose(self, entries: tuple[f.Entry, ...]) -> dict[int, f.Entry]:
            for one, two in pairwise(entries):
                if one in self.others(entries) and two in self.others(entries):
                    return {
                        one.seq: structs.replace(two, seq=one.seq),
                        two.seq: structs.replace(one, seq=two.seq),
                    }
            return {}

    began = _begin(world, Swaps(world, action, "swaps"))
    world.network.offline_until[action.who] = world.loop.time() + AWAY_S
    world.network.cut(action.who)
    for number, name in enumerate(n for n in (*MEMBERS, *MEMBERS) if n != action.who):
        text = f"{name} {number} while {action.who} is away {world.loop.time():.3f}"
        world.later(0.5 + number / 2, lambda name=name, text=text: world.say(name, text))
    return began


# --- delay ---------------------------------------------------------------------------------------


@hostile("server", may_show=(Event.RULE_BROKEN,))
def withholds(world: "Ordeal", action: "Action") -> bool:
    """An entry in the middle is kept back for a while, and what is behind it shown"""

    class Withholds(_Lie):
        hidden = world.head + 1
        until = world.loop.time() + GAP_S
        has_hidden = False

        def _without(self, entries: tuple[f.Entry, ...]) -> tuple[f.Entry, ...]:
            if self.world.loop.time() > self.until:
                return entries
            left = tuple(one for one in entries if one.seq != self.hidden)
            if left != entries and not self.has_hidden:
                self.has_hidden = True
                self.takes_effect()
            return left

        def answer(self, asked: f.RequestBody | None, body: f.ReplyBody) -> f.ReplyBody:
            if isinstance(body, f.Entries):
                return structs.replace(body, entries=self._without(body.entries))
            return body

        def push(self, body: f.EventBody) -> f.EventBody | None:
            if isinstance(body, f.LogGrew):
                return structs.replace(body, entries=self._without(body.entries))
            return body

    world.server.lies = Withholds(world, action, "withholds")
    return False


@hostile("server")
def reorders(world: "Ordeal", action: "Action") -> bool:
    """What is pushed to a member comes in another order"""

    class Reorders(_Lie):
        held: tuple[TwinPeer, f.FromServer] | None = None

        def tell(
            self, peer: TwinPeer, asked: f.RequestBody | None, frame: f.FromServer
        ) -> Iterable[f.FromServer]:
            if peer.account != self.victim or not isinstance(frame.body, f.LogGrew):
                return (frame,)
            held, self.held = self.held, None
            if held is None or held[0] is not peer:
                self.held = (peer, frame)
                return ()
            self.takes_effect()
            return (frame, held[1])

        def end(self) -> None:
            if self.held is not None:
                peer, frame = self.held
                peer.tell(frame)

    world.server.lies = Reorders(world, action, "reorders")
    return False


@hostile("server")
def answers_twice(world: "Ordeal", action: "Action") -> bool:
    """A member's request is answered twice"""

    class AnswersTwice(_Lie):
        times = 0

        def tell(
            self, peer: TwinPeer, asked: f.RequestBody | None, frame: f.FromServer
        ) -> Iterable[f.FromServer]:
            if peer.account != self.victim or not isinstance(asked, f.Post) or self.times:
                return (frame,)
            self.times += 1
            self.takes_effect()
            return (frame, frame)

    world.server.lies = AnswersTwice(world, action, "answers_twice")
    return (
        world.say(action.who, f"{action.who} is answered twice {world.loop.time():.3f}") and False
    )


class _FalseAnswer(_Lie):
    """Posts of the victim are not done, and answered all the same."""

    times = 2

    def instead(self, peer: TwinPeer, asked: f.RequestBody) -> f.ReplyBody | None:
        is_his = peer.account == self.victim and isinstance(asked, f.Post)
        if not is_his or not self.times:
            return None
        assert isinstance(asked, f.Post)
        self.times -= 1
        self.takes_effect()
        return self.false(asked)

    def false(self, post: f.Post) -> f.ReplyBody:
        """The answer."""
        return f.Stale(self.world.head)


@hostile("server", shows=(Event.RULE_BROKEN,))
def false_stale(world: "Ordeal", action: "Action") -> bool:
    """A member is told that a commit came before its post, and none did"""
    world.server.lies = _FalseAnswer(world, action, "false_stale")
    world.say(action.who, f"{action.who} is refused {world.loop.time():.3f}")
    return False


@hostile("server", shows=(Event.RULE_BROKEN,))
def false_accepted(world: "Ordeal", action: "Action") -> bool:
    """A member is told that its post has a place in the log, and it has none"""

    class FalseAccepted(_FalseAnswer):
        def false(self, post: f.Post) -> f.ReplyBody:
            return f.Accepted(post.message_id, self.world.head + 1)

    world.server.lies = FalseAccepted(world, action, "false_accepted")
    world.say(action.who, f"{action.who} is lost {world.loop.time():.3f}")
    return False


# --- the directory -------------------------------------------------------------------------------


class _Directory(_Lie):
    """Somebody who adds the guest gets other key packages than the guest's."""

    def answer(self, asked: f.RequestBody | None, body: f.ReplyBody) -> f.ReplyBody:
        if isinstance(asked, f.FetchKeyPackages) and isinstance(body, f.KeyPackages):
            given = self.given(body)
            if given != body:
                self.takes_effect()
            return given
        return body

    @abstractmethod
    def given(self, true: f.KeyPackages) -> f.KeyPackages:
        """Instead of the true ones."""

    def packages_of(self, name: str, *, is_last_resort: bool) -> list[bytes]:
        """Of an account, as they lie in the store."""
        c = schema.key_package.c
        mine = c.device == self.world.devices[name].account.device
        query = select(c.key_package).where(mine, c.is_last_resort.is_(is_last_resort))
        with self.world.server.store.reading.connection() as connection:
            return [bytes(found) for found in connection.scalars(query.order_by(c.id))]


def _add_guest(world: "Ordeal", action: "Action", lie: _Lie, times: int = 1) -> bool:
    """Has the guest added by the victim, who asks the directory for that; removed first, where he is in."""
    world.server.lies = lie

    def ask(name: str, request: api.Request) -> None:
        device = world.devices[name]
        if device.is_up and device.has(world.group_id):
            device.start_task(device.ask(request), "ask")

    def remove() -> None:
        ask(MEMBERS[0], api.RemoveMember(world.room, GUEST))

    def add() -> None:
        ask(action.who, api.AddMembers(world.room, (GUEST,)))

    remove()

    for number in range(times):
        world.remember(8.0 + number * 16.0, add)
        world.remember(16.0 + number * 16.0, remove if number < times - 1 else lambda: None)
    return False


@hostile("server", shows=(REFUSAL,))
def adds_device(world: "Ordeal", action: "Action") -> bool:
    """The directory gives a device that is on no list of its account"""

    class AddsDevice(_Directory):
        def given(self, true: f.KeyPackages) -> f.KeyPackages:
            strange = f.DeviceKeyPackage(b"S" * 16, true.key_packages[0].key_package, False)
            return structs.replace(true, key_packages=(*true.key_packages, strange))

    return _add_guest(world, action, AddsDevice(world, action, "adds_device"))


@hostile("server", shows=(REFUSAL,))
def anothers_key_package(world: "Ordeal", action: "Action") -> bool:
    """The directory gives another account's key package"""

    class AnothersKeyPackage(_Directory):
        def given(self, true: f.KeyPackages) -> f.KeyPackages:
            other = next(n for n in MEMBERS if n != action.who)
            (package, *_) = self.packages_of(other, is_last_resort=False)
            given = tuple(structs.replace(p, key_package=package) for p in true.key_packages)
            return structs.replace(true, key_packages=given)

    return _add_guest(world, action, AnothersKeyPackage(world, action, "anothers_key_package"))


@hostile("server", may_show=(NOTICE, Event.UNLISTED))
def old_key_package(world: "Ordeal", action: "Action") -> bool:
    """The directory gives a key package a second time"""

    class OldKeyPackage(_Directory):
        def given(self, true: f.KeyPackages) -> f.KeyPackages:
            old = self.world.spent_key_package
            self.world.spent_key_package = old or true.key_packages
            return structs.replace(true, key_packages=old or true.key_packages)

    return _add_guest(world, action, OldKeyPackage(world, action, "old_key_package"), times=2)


@hostile("server")
def last_resort(world: "Ordeal", action: "Action") -> bool:
    """The directory always gives the key package of last resort"""

    class LastResort(_Directory):
        def given(self, true: f.KeyPackages) -> f.KeyPackages:
            (package, *_) = self.packages_of(GUEST, is_last_resort=True)
            given = tuple(
                structs.replace(p, key_package=package, last_resort=True) for p in true.key_packages
            )
            return structs.replace(true, key_packages=given)

    return _add_guest(world, action, LastResort(world, action, "last_resort"))


@hostile("server", shows=(NOTICE,))
def replays_welcome(world: "Ordeal", action: "Action") -> bool:
    """A Welcome is put into the guest's inbox a second time"""

    class ReplaysWelcome(_Lie):
        def tell(
            self, peer: TwinPeer, asked: f.RequestBody | None, frame: f.FromServer
        ) -> Iterable[f.FromServer]:
            if peer.account == GUEST and isinstance(frame.body, f.Inbox) and frame.body.items:
                (item, *_) = frame.body.items
                if item.welcome not in self.world.replayed:
                    self.world.replayed.add(item.welcome)
                    self.world.remember(3.0, lambda: self._again(item))
            return (frame,)

        def _again(self, item: f.InboxItem) -> None:
            server, device = self.world.server, self.world.devices[GUEST].account.device

            def put(transaction: Transaction) -> None:
                transaction.inboxes.put_welcome(item.group, item.sender, item.welcome, {device})
                transaction.news.inboxes.add(device)

            if server.is_up:
                server.party.context.run(server.writer.submit, put, lambda result: None)
                self.takes_effect()

    return _add_guest(world, action, ReplaysWelcome(world, action, "replays_welcome"))


@hostile("server")
def lists_falsely(world: "Ordeal", action: "Action") -> bool:
    """A member is told that a group lists it of which it has never heard"""

    class ListsFalsely(_Lie):
        def answer(self, asked: f.RequestBody | None, body: f.ReplyBody) -> f.ReplyBody:
            if isinstance(body, f.Groups):
                self.takes_effect()
                return f.Groups((*body.groups, f.GroupInfoLine(b"N" * 16, 7)))
            return body

    world.server.lies = ListsFalsely(world, action, "lists_falsely")
    world.network.cut(action.who)
    return False
