"""Answers what ``api`` asks, in the process that holds the profile."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from typing import assert_never

from msgspec import structs

from coterie import content, identity
from coterie.client import api
from coterie.client import log as logs
from coterie.client.intent import Change, Intent, Leave, Newcomer, Say
from coterie.client.log import REJOINS, GroupLog, Halt
from coterie.client.people import KeyChanged
from coterie.client.remedy import REASONS, remedy
from coterie.client.renewal import Renewal
from coterie.client.room_policy import leaf_identity
from coterie.client.running import Running
from coterie.client.tickets import Placed, Ticket
from coterie.client.timeline import message_of
from coterie.errors import InvalidInput, Unavailable
from coterie.wire import names
from coterie.wire.frames import Account, FetchAccount, FetchKeyPackages, KeyPackages
from coterie.wire.invite import show_fingerprint

PAGE = 200  # rows read at once for a stream
MAX_NOTICES = 100  # kept for a stream whose reader is slow
CATCH_UP_S = 10.0  # what a reader waits at most for what the server has
PLACED_S = 60.0  # what who sends waits at most; it is kept anyway
_KEPT = "it is kept on this device, and goes out as soon as it can"


class Service:
    """``api.Backend`` for this process."""

    def __init__(self, running: Running) -> None:
        self._running = running
        self._rooms, self._people = running.rooms, running.people
        self._renewal = Renewal(running)
        self._streams: set[_Stream] = set()
        running.rooms.on_row = lambda row: self._wake()
        running.on_notice = self._notice

    async def call(self, request: api.Request) -> api.Result:  # noqa: PLR0912  # one case a request
        """The one result of a request; of a stream, its end."""
        match request:
            case api.GetStatus():
                await self._running.catch_up(CATCH_UP_S)
                return self._status()
            case api.CreateRoom(name, members):
                return await self._create(name, members)
            case api.ListRooms():
                await self._running.catch_up(CATCH_UP_S)
                found = (self._room(group_id) for group_id in self._rooms.shown())
                return api.Rooms(tuple(sorted(found, key=lambda room: (room.name, room.room_id))))
            case api.ListMembers(room):
                return self._members(await self._find(room))
            case api.AddMembers(room, added):
                return await self._add(await self._find(room), added)
            case api.RemoveMember(room, name):
                return await self._remove(await self._find(room), name)
            case api.LeaveRoom(room):
                return await self._leave(await self._find(room))
            case api.SetAdmin(room, name, admin):
                return await self._set_admin(await self._find(room), name, is_admin=admin)
            case api.RenewRoom(room, instead_of):
                group_id = await self._find(room)
                return self._room(await self._renewal.renew(group_id, instead_of))
            case api.FollowRoom(room, made_by, accept):
                group_id = await self._find(room)
                return self._room(await self._renewal.follow(group_id, made_by, accept))
            case api.SendText(room, text, wait):
                return await self._send(await self._find(room), text, wait=wait)
            case api.VerifyAccount(name, compared, seen):
                return await self._verify(name, compared=compared, seen=seen)
            case api.Acknowledge(room, name):
                return await self._acknowledge(room, name)
            case api.ReadRoom():
                async for _ in self.stream(request):
                    pass
                return api.Done()
            case _:
                assert_never(request)

    # --- streams -------------------------------------------------------------------------------

    async def stream(self, request: api.ReadRoom) -> AsyncGenerator[api.Message | api.Notice, None]:
        """The results of ``ReadRoom``. Close it to end one that follows."""
        group_id = await self._find(request.room) if request.room is not None else None
        room_id = self._rooms.room_id(group_id) if group_id is not None else None
        stream = _Stream()
        self._streams.add(stream)
        try:
            if request.catch_up:
                problem = await self._running.catch_up(CATCH_UP_S)
                stream.forget(problem)
                if problem:
                    yield api.Notice(f"{problem}; this is what the device has")
            store = self._running.store
            rows = store.timeline(room_id, request.last)
            number = rows[-1].number if rows else store.timeline_end()
            while True:
                for row in rows:
                    yield message_of(row, self._rooms.name(row.room_id))
                    number = row.number
                while stream.notices:
                    yield api.Notice(stream.notices.popleft())
                if not request.follow:
                    return
                stream.wake.clear()
                rows = store.timeline_after(room_id, number, PAGE)
                if not rows and not stream.notices:
                    await stream.wake.wait()
        finally:
            self._streams.discard(stream)

    def _wake(self) -> None:
        for stream in self._streams:
            stream.wake.set()

    def _notice(self, text: str) -> None:
        for stream in self._streams:
            stream.notices.append(text)
            stream.wake.set()

    # --- rooms ---------------------------------------------------------------------------------

    async def _find(self, ref: str) -> bytes:
        """The group of a room by its name, with or without #, or by the beginning of its id.

        One that is not known here may be an invitation that was not read yet.
        """
        found = self._named(ref)
        if not found:
            await self._running.catch_up(CATCH_UP_S)
            found = self._named(ref)
        if len(found) == 1:
            return found[0]
        if not found:
            raise InvalidInput(f"there is no room {ref}", hint="`coterie room list` shows them")
        ids = ", ".join(self._rooms.room_id(g).hex()[:8] for g in found)
        raise InvalidInput(f"several rooms are called {ref}: {ids}", hint="name it by its id")

    def _named(self, ref: str) -> list[bytes]:
        wanted, shown = ref.removeprefix("#"), self._rooms.shown()
        by_name = [g for g in shown if logs.state(self._rooms.log(g)).name == wanted]
        open_ones = [g for g in by_name if self._rooms.log(g).halt is not Halt.REMOVED]
        by_id = (g for g in shown if self._rooms.room_id(g).hex().startswith(wanted))
        return open_ones or by_name or list(by_id)

    def _room(self, group_id: bytes) -> api.Room:
        group_id = self._rooms.present(group_id)
        log, state = self._rooms.log(group_id), logs.state(self._rooms.log(group_id))
        reason = self._reason(group_id)
        is_blocked = log.halt is Halt.OPEN and bool(self._rooms.strangers(group_id))
        accounts = {leaf_identity(m.leaf_node).account_key for m in log.group.members()}
        return api.Room(
            room_id=state.room_id.hex(),
            name=state.name,
            topic=state.topic,
            members=len(accounts),
            admin=self._rooms.is_admin(log),
            group=group_id.hex(),
            epoch=log.group.epoch,
            cursor=log.cursor,
            chain=log.chain.hex(),
            waiting=len(log.outbox),
            state="key-changed" if is_blocked else str(log.halt),
            reason=reason,
        )

    def _reason(self, group_id: bytes) -> str:
        """Why nothing can be sent, or what the person is asked; mostly empty."""
        log = self._rooms.log(group_id)
        remedy = self._remedy(log)
        if log.halt is not Halt.OPEN:
            return REASONS[log.halt] + (f": {remedy}" if remedy else "")
        strangers = self._rooms.strangers(group_id)
        if strangers:
            return f"the key of {strangers[0]} changed: acknowledge it to go on"
        return f"{log.successor_by} made a new group for it: {remedy}" if remedy else ""

    def _remedy(self, log: GroupLog) -> str:
        is_invited = self._rooms.has_held_welcome(log.group_id)
        return remedy(log, is_admin=self._rooms.is_admin(log), is_invited=is_invited)

    def _check_can_send(self, group_id: bytes) -> GroupLog:
        log = self._rooms.log(group_id)
        if log.halt not in (Halt.OPEN, Halt.JOINING, *REJOINS):  # it waits until we are in again
            raise InvalidInput(REASONS[log.halt], hint=self._remedy(log))
        strangers = self._rooms.strangers(group_id)
        if strangers:
            raise KeyChanged(strangers[0])
        return log

    async def _create(self, name: str, members: tuple[str, ...]) -> api.Room:
        newcomers = await self._newcomers(members)
        group_id = self._rooms.create(name)
        self._running.sync.follow(group_id)
        if newcomers:
            await self._placed(group_id, Change(adds=newcomers))
        return self._room(group_id)

    async def _add(self, group_id: bytes, added: tuple[str, ...]) -> api.Room:
        log = self._check_can_send(group_id)
        here = {leaf_identity(m.leaf_node).name for m in log.group.members()}
        for name in added:
            if name in here:
                raise InvalidInput(f"{name} is in the room already")
        if not self._rooms.is_admin(log) and not logs.state(log).settings.members_may_add:
            raise InvalidInput("only an admin may add people to this room")
        await self._placed(group_id, Change(adds=await self._newcomers(added)))
        return self._room(group_id)

    async def _remove(self, group_id: bytes, name: str) -> api.Room:
        log = self._check_can_send(group_id)
        self._check_member(log, name)
        if name == self._running.account.name:
            raise InvalidInput("that is you", hint="`coterie room leave` is how one leaves")
        if not self._rooms.is_admin(log):
            raise InvalidInput("only an admin may remove others")
        await self._placed(group_id, Change(removes=(name,)))
        return self._room(group_id)

    async def _leave(self, group_id: bytes) -> api.Room:
        log = self._check_can_send(group_id)
        accounts = {leaf_identity(m.leaf_node).account_key for m in log.group.members()}
        mine = self._running.account.account_public_key
        if accounts == {mine}:  # there is nobody to commit it
            if log.pending is not None:  # somebody may be in the room already
                raise InvalidInput(
                    "a change of the room is under way", hint="try again in a moment"
                )
            self._rooms.leave_alone(group_id)
            return self._room(group_id)
        if not (accounts - {mine}) & set(logs.state(log).admins):
            raise InvalidInput(
                "you are the only admin, and a room needs one",
                hint="make somebody else an admin first: `coterie room admin ROOM NAME`",
            )
        await self._placed(group_id, Leave())
        return self._room(group_id)

    async def _set_admin(self, group_id: bytes, name: str, *, is_admin: bool) -> api.Room:
        log = self._check_can_send(group_id)
        key, state = self._check_member(log, name), logs.state(log)
        if not self._rooms.is_admin(log):
            raise InvalidInput("only an admin may say who is one")
        admins = tuple(admin for admin in state.admins if admin != key)
        if is_admin:
            admins = (*admins, key)
        if not admins:
            raise InvalidInput("a room needs an admin")
        changed = structs.replace(state, admins=admins)
        await self._placed(group_id, Change(room_state=changed, seen=state))
        return self._room(group_id)

    def _check_member(self, log: GroupLog, name: str) -> bytes:
        """The account key of a member."""
        for member in log.group.members():
            found = leaf_identity(member.leaf_node)
            if found.name == name:
                return found.account_key
        raise InvalidInput(f"{name} is not in the room", hint="`coterie room members` shows who is")

    async def _newcomers(self, added: tuple[str, ...]) -> tuple[Newcomer, ...]:
        """All devices of these accounts, ready to be added. Needs the server."""
        found: list[Newcomer] = []
        for name in dict.fromkeys(added):
            _check_name(name)
            if name == self._running.account.name:
                raise InvalidInput("you are in your own room already")
            given = await self._running.call(FetchKeyPackages(name), KeyPackages)
            found += self._people.newcomers(name, given, self._running.suite, self._running.now())
        return tuple(found)

    # --- saying --------------------------------------------------------------------------------

    async def _send(self, group_id: bytes, text: str, *, wait: bool) -> api.Sent:
        self._check_can_send(group_id)
        if not text:
            raise InvalidInput("there is nothing to send")
        if len(text) > content.MAX_TEXT:
            raise InvalidInput(
                f"a message of {len(text)} characters, the limit is {content.MAX_TEXT}"
            )
        try:
            said = content.encode(content.Text(text, int(self._running.now() * 1000)))
        except UnicodeEncodeError as error:
            raise InvalidInput("the message has bytes in it that are no text") from error
        name = logs.state(self._rooms.log(group_id)).name
        if not wait:
            self._rooms.enqueue(group_id, Say(said)).placed.cancel()
            return api.Sent(name, 0, "")
        placed = await self._placed(group_id, Say(said))
        return api.Sent(name, placed.seq, placed.message_id.hex())

    async def _placed(self, group_id: bytes, intent: Intent) -> Placed:
        """Where it is in the log. Raises what it was refused for; Unavailable where it takes longer, and is kept."""
        ticket = self._rooms.enqueue(group_id, intent)
        try:
            return await self._running.wait_for(ticket.placed, PLACED_S)
        except Unavailable as error:
            hint = f"{_KEPT}; {error.hint}" if error.hint else _KEPT
            raise Unavailable(str(error), hint=hint, wait_s=error.wait_s) from error
        finally:
            self._forget(ticket)

    @staticmethod
    def _forget(ticket: Ticket) -> None:
        if not ticket.placed.done():
            ticket.placed.cancel()

    # --- people --------------------------------------------------------------------------------

    def _members(self, group_id: bytes) -> api.Members:
        log = self._rooms.log(group_id)
        devices: dict[str, list[str]] = {}
        keys: dict[str, bytes] = {}
        for member in log.group.members():
            found = leaf_identity(member.leaf_node)
            devices.setdefault(found.name, []).append(found.device.hex())
            keys[found.name] = found.account_key
        admins = set(logs.state(log).admins)
        return api.Members(
            tuple(
                api.Member(
                    name, keys[name] in admins, tuple(sorted(ids)), self._pin(name, keys[name])
                )
                for name, ids in sorted(devices.items())
            )
        )

    def _pin(self, name: str, key: bytes) -> api.PinWord:
        if name == self._running.account.name:
            return "self"
        known = self._people.known(name)
        if known is None:
            return "unknown"
        return known.pin.how.value if known.pin.account_key == key else "changed"

    async def _verify(self, name: str, *, compared: bool, seen: str) -> api.SafetyNumber:
        _check_name(name)
        if name == self._running.account.name:
            raise InvalidInput("that is you")
        if self._people.known(name) is None:
            account = await self._running.call(FetchAccount(name), Account)
            self._people.believe(name, account.device_list, self._running.now())
        number = self._people.safety_number(name)
        if compared and seen and seen != number:
            raise InvalidInput(
                f"{name}'s key changed while you compared", hint="compare the new number"
            )
        if compared:
            self._people.compared(name, self._running.now())
            self._wake_rooms()
        known = self._people.known(name)
        if known is None or known.changed_key is not None:
            return api.SafetyNumber(name, number, "changed")
        return api.SafetyNumber(name, number, known.pin.how.value)

    async def _acknowledge(self, room: str | None, name: str | None) -> api.Done:
        if (room is None) == (name is None):
            raise InvalidInput("name a room or an account to acknowledge")
        if name is not None:
            self._people.acknowledge(name, self._running.now())
            self._wake_rooms()
        elif room is not None and not self._rooms.acknowledge(await self._find(room)):
            raise InvalidInput(f"there is nothing to acknowledge in {room}")
        return api.Done()

    def _wake_rooms(self) -> None:
        for group_id in self._rooms:
            self._rooms.on_change(group_id)

    def _status(self) -> api.Status:
        account, rooms = (
            self._running.account,
            (self._room(group_id) for group_id in self._rooms.shown()),
        )
        digits = identity.safety_digits(account.name, account.account_public_key)
        return api.Status(
            server=str(account.address),
            fingerprint=show_fingerprint(account.fingerprint),
            connection=self._running.link.status,
            account=account.name,
            account_key=account.account_public_key.hex(),
            device=account.device.hex(),
            profile=str(self._running.folder),
            key_custody=self._running.key_custody,
            rooms=tuple(sorted(rooms, key=lambda room: (room.name, room.room_id))),
            safety_number=" ".join(digits[at : at + 5] for at in range(0, len(digits), 5)),
        )


class _Stream:
    """One reader: what it was not given yet lies in the store, so that a slow one costs no memory."""

    def __init__(self) -> None:
        self.wake = asyncio.Event()
        self.notices: deque[str] = deque(maxlen=MAX_NOTICES)

    def forget(self, notice: str) -> None:
        """It is told otherwise."""
        if notice in self.notices:
            self.notices.remove(notice)


def _check_name(name: str) -> None:
    if not names.is_allowed(name):
        raise InvalidInput(f"{name[:80]!r} is no account's name", hint=f"a name is {names.RULE}")
