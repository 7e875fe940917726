"""Asking to be let in anew, by a device that cannot read a group any more: PROTOCOL.md section 2, "Stuck".

``Rejoin`` is a value and knows the group from outside alone: the clear headers of its entries tell in which epoch the
others are, the kinds tell when a proposal lapses. ``rejoiner`` brings entries and posts.
"""

from dataclasses import dataclass, replace
from typing import Self

import msgspec
from msgspec import structs

from coterie.errors import LocalProtocolError, RemoteProtocolError
from coterie.mls import KeyPackage, propose_own_add
from coterie.mls.codec import Reader
from coterie.mls.framing import WireFormat
from coterie.mls.leaf_node import MLS10
from coterie.secret import Secret
from coterie.wire.frames import Entry, Kind

SETTLE_S = (
    3.0  # after a commit, until another entry tells whether it counts; doubled for each attempt
)
MOST_SETTLE_S = 6 * 3600.0  # of a group whose commits keep not taking it, or that lists us falsely
MAX_HEARD = 32  # devices whose last word is remembered
MAX_EPOCH = 2**63 - 1  # no group gets there, and each can claim it

_HANDSHAKES = (Kind.COMMIT, Kind.SUCCESSOR)
_NOBODY = b""  # stands for what was known before a commit that told nothing


class Asked(msgspec.Struct, frozen=True, array_like=True):
    """The proposal that was made: kept before a byte of it leaves, so that a retry is the same post."""

    message_id: bytes
    count: int
    after: int
    body: bytes
    seq: int = 0  # its place in the log; 0: not known to be there


@dataclass(frozen=True, slots=True)
class Rejoin:
    """What a device knows of a group that it is outside of. ``asked`` and ``attempts`` outlive a connection."""

    group_id: bytes
    device: bytes  # our own
    asked: Asked | None = None
    attempts: int = 0  # proposals that a commit passed over
    cursor: int = 0  # the newest entry that was looked at
    # devices and the epochs that they named since the last commit or successor, newest last
    heard: tuple[tuple[bytes, int], ...] = ()
    # The epoch up to which somebody bore out the commits, and who made those since, of which nobody has.
    sure: int | None = None
    leading: frozenset[bytes] = frozenset()

    @property
    def epoch(self) -> int | None:
        """The epoch that most devices have named since the last commit, of equals the newest; None: none has.

        One device that names a false one is outvoted once two others have spoken.
        """
        votes = self._votes
        return max(reversed(votes), key=votes.__getitem__, default=None)

    @property
    def _votes(self) -> dict[int, int]:
        """How many devices named each epoch, the one named last at the end."""
        votes: dict[int, int] = {}
        for _, epoch in self.heard:
            votes[epoch] = votes.pop(epoch, 0) + 1
        return votes

    @property
    def settle_s(self) -> float:
        """How long to wait before asking, from when the last proposal lapsed or the group was first looked at."""
        if self.attempts == 0 and max(self._votes.values(), default=0) > 1:  # two agree
            return 0.0
        return float(min(MOST_SETTLE_S, SETTLE_S * 2 ** min(self.attempts, 20)))

    def read(self, entry: Entry) -> Self:
        """After one more entry."""
        after = replace(self._after(entry), cursor=entry.seq)
        if self.asked is None:
            return after
        if entry.kind in _HANDSHAKES and entry.seq > self.asked.after:
            # "What is not in the log before it can never land any more"; what is, it took or passed over.
            return after.refused()
        if (entry.device, entry.message_id) == (self.device, self.asked.message_id):
            return after.accepted(entry.seq)
        return after

    def ask(
        self, message_id: bytes, count: int, key_package: KeyPackage, signature_private: Secret
    ) -> Self:
        """With a proposal, made for the epoch in which the others seem to be."""
        if self.epoch is None:
            raise LocalProtocolError("a rejoin, and nobody has named an epoch")
        body = propose_own_add(
            self.group_id,
            self.epoch,
            key_package,
            signature_private,
            authenticated_data=message_id,
        )
        return replace(self, asked=Asked(message_id, count, self.cursor, body))

    def accepted(self, seq: int) -> Self:
        """The server says that the proposal is in the log."""
        if self.asked is None:
            return self
        return replace(self, asked=structs.replace(self.asked, seq=seq))

    def counted(self, count: int) -> Self:
        """The server has so many posts of this device: the proposal is the next. Its bytes stay the same."""
        if self.asked is None:
            return self
        return replace(self, asked=structs.replace(self.asked, count=count + 1))

    def refused(self) -> Self:
        """Without the proposal: a commit has come, or the server will not take it."""
        return replace(self, asked=None, attempts=self.attempts + 1)

    def _after(self, entry: Entry) -> Self:
        """With what an entry tells about the epoch."""
        named = epoch_of_sender(self.group_id, entry.body)
        if entry.kind not in _HANDSHAKES:
            if named is None or entry.device == self.device:
                return self
            others = [heard for heard in self.heard if heard[0] != entry.device]
            heard = (*others, (entry.device, named))[-MAX_HEARD:]
            return replace(self, heard=heard)._borne_out(entry.device)
        before = self.epoch
        if entry.kind is Kind.COMMIT and named is not None and self._may_count(named):
            here = self if before == named else replace(self, heard=((_NOBODY, named),))
            here = here._borne_out(entry.device)
            leading = here.leading | {entry.device}
            return replace(here, heard=((entry.device, named + 1),), leading=leading)
        # Of another epoch than the others are in, so dead, or we are wrong: the next message tells.
        return replace(self, heard=() if before is None else ((_NOBODY, before),))

    def _may_count(self, named: int) -> bool:
        """Whether a commit can be of the epoch in which the others are.

        Where nobody but their authors has spoken since some commits, each of them may have been dead: so one by who
        was led astray, and is this very device, does not hide the epoch in which all others stayed.
        """
        if self.epoch is None or self.epoch == named:
            return True
        return len(self.heard) == 1 and self.sure is not None and self.sure <= named <= self.epoch

    def _borne_out(self, speaker: bytes) -> Self:
        """Where the speaker made none of the commits that are in doubt: it says which of them counted."""
        if speaker in self.leading or speaker == self.device:
            return replace(self, sure=self.epoch if self.sure is None else self.sure)
        return replace(self, sure=self.epoch, leading=frozenset())


def epoch_named(group_id: bytes, body: bytes) -> int | None:
    """The epoch in the clear header of a group's message (RFC 9420 section 6); None for what is no such message."""
    header = _header(group_id, body)
    return None if header is None else header[1]


def epoch_of_sender(group_id: bytes, body: bytes) -> int | None:
    """The epoch that a member says it is in; None also for a rejoin, whose author is outside and names a guess."""
    header = _header(group_id, body)
    return header[1] if header is not None and header[0] == WireFormat.PRIVATE_MESSAGE else None


def _header(group_id: bytes, body: bytes) -> tuple[int, int] | None:
    reader = Reader(body)
    try:
        version, wire_format = reader.uint16(), reader.uint16()
        group, epoch = reader.opaque(), reader.uint64()
    except RemoteProtocolError:
        return None
    is_of_group = version == MLS10 and group == group_id and epoch < MAX_EPOCH
    is_framed = wire_format in (WireFormat.PUBLIC_MESSAGE, WireFormat.PRIVATE_MESSAGE)
    return (wire_format, epoch) if is_of_group and is_framed else None
