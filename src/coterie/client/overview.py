"""How rooms, their members and this profile are shown, as they are now."""

from coterie import identity
from coterie.client import api, direct
from coterie.client import log as logs
from coterie.client.log import GroupLog, Halt
from coterie.client.placing import remedy_in
from coterie.client.remedy import REASONS
from coterie.client.room_policy import leaf_identity
from coterie.client.running import Running
from coterie.wire.invite import show_fingerprint


class Overview:
    """Asks nobody: all of it is here."""

    def __init__(self, running: Running) -> None:
        self._running = running
        self._rooms, self._people = running.rooms, running.people
        self._sizes: dict[bytes, tuple[int, int]] = {}  # of groups: in which epoch, and how many
        self._changes: dict[bytes, tuple[tuple[int, int], int]] = {}  # of groups

    def rooms(self) -> tuple[api.Room, ...]:
        """All, by name."""
        found = (self.room(group_id) for group_id in self._rooms.shown())
        return tuple(sorted(found, key=lambda room: (room.name, room.room_id)))

    def room(self, group_id: bytes) -> api.Room:
        """The room that lives in a group, or lived there a moment ago."""
        group_id = self._rooms.present(group_id)
        log, state = self._rooms.log(group_id), logs.state(self._rooms.log(group_id))
        view, partner = self._running.store.view(state.room_id), direct.partner(log)
        is_blocked = log.halt is Halt.OPEN and bool(self._rooms.strangers(group_id))
        return api.Room(
            room_id=state.room_id.hex(),
            name=partner or state.name,
            topic=state.topic,
            members=self._size(log),
            admin=self._rooms.is_admin(log),
            group=group_id.hex(),
            epoch=log.group.epoch,
            cursor=log.cursor,
            chain=log.chain.hex(),
            waiting=len(log.outbox),
            state="key-changed" if is_blocked else str(log.halt),
            reason=self._reason(log),
            direct=partner,
            unread=view.reading.unread,
            # With one person, all that is said is said to this one.
            mentions=view.reading.unread if partner else view.reading.mentions,
            attention=view.attention.value,
            newest=self._running.store.newest(state.room_id),
            read_to=view.reading.read_to,
            has_draft=view.has_draft,
            people=self._change(log),
        )

    def _size(self, log: GroupLog) -> int:
        """How many accounts are in it: counted once an epoch, for a room is shown after each message."""
        epoch, size = self._sizes.get(log.group_id, (-1, 0))
        if epoch != log.group.epoch:
            keys = {leaf_identity(member.leaf_node).account_key for member in log.group.members()}
            size = len(keys)
            self._sizes[log.group_id] = log.group.epoch, size
        return size

    def _change(self, log: GroupLog) -> int:
        """When somebody in it came to be known otherwise: looked for once after each such change."""
        of = (log.group.epoch, self._people.version)
        known = self._changes.get(log.group_id)
        if known is None or known[0] != of:
            known = self._changes[log.group_id] = (of, self._people.changed_in(log.group))
        return known[1]

    def _reason(self, log: GroupLog) -> str:
        """Why nothing can be sent, or what the person is asked; mostly empty."""
        remedy = remedy_in(self._rooms, log)
        if log.halt is not Halt.OPEN:
            return REASONS[log.halt] + (f": {remedy}" if remedy else "")
        strangers = self._rooms.strangers(log.group_id)
        if strangers:
            return f"the key of {strangers[0]} changed: acknowledge it to go on"
        return f"{log.successor_by} made a new group for it: {remedy}" if remedy else ""

    def members(self, group_id: bytes) -> api.Members:
        """Of a room, by name."""
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

    def connection(self) -> api.Connection:
        """In a word for programs, and in a sentence."""
        running = self._running
        if running.link.connection is None:
            refusal = running.refusal
            if refusal is None:
                return api.Connection("connecting", running.link.status)
            hint = f": {refusal.hint}" if refusal.hint else ""
            return api.Connection("refused", f"{refusal}{hint}")
        if not running.sync.caught_up.is_set():
            return api.Connection("catching-up", "reading what was said meanwhile")
        return api.Connection("connected", "connected")

    def status(self) -> api.Status:
        """All that is to be known about this profile."""
        account = self._running.account
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
            rooms=self.rooms(),
            safety_number=" ".join(digits[at : at + 5] for at in range(0, len(digits), 5)),
        )
