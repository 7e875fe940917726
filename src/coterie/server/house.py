"""What all connections of a server share."""

import math
from dataclasses import dataclass, field
from typing import Protocol

from coterie.opaque.server import fake_record
from coterie.server.attempts import Attempts
from coterie.server.budget import Budget
from coterie.server.bus import Bus, Listener
from coterie.server.fair import FairThreads
from coterie.server.keys import Keys
from coterie.server.limits import ANSWERS_PER_ACCOUNT, READERS, Limits
from coterie.server.outbox import Outbox
from coterie.server.quotas import Quotas
from coterie.server.seams import Clock, Threads
from coterie.server.store import Store
from coterie.server.writer import Writer


class Connected(Listener, Protocol):
    """A connection, as its session sees it."""

    def displaced(self) -> None:
        """The device has as many newer connections as it may."""


@dataclass(slots=True)
class House:
    """One server, without its sockets."""

    store: Store
    writer: Writer
    bus: Bus
    keys: Keys
    attempts: Attempts
    clock: Clock
    threads: Threads  # behind ``heavy``
    readers: Threads  # ``READERS`` of them, behind ``reads``
    limits: Limits = field(default_factory=Limits)
    heavy: FairThreads = field(init=False)  # for key exchanges and logins, by address
    reads: FairThreads = field(init=False)  # of the store, by account or address
    quotas: Quotas = field(init=False)
    budget: Budget = field(init=False)  # of requests that come in or wait for an answer
    answers: Budget = field(init=False)  # of large ones that are made, or lie unread; by account
    outbox: Outbox = field(init=False, default_factory=Outbox)
    devices: dict[bytes, list[Connected]] = field(init=False, default_factory=dict)
    """The connections of each, the oldest first."""
    registrations: Attempts = field(init=False)
    """By name; apart, so that whoever holds an invite pushes no guesses at passwords out of memory."""
    fake_record: bytes = field(init=False)  # what a name that does not exist is answered from

    def __post_init__(self) -> None:
        limits = self.limits
        self.heavy = FairThreads(self.threads, limits.key_exchanges_at_once)
        self.reads = FairThreads(self.readers, READERS)
        self.quotas = Quotas(limits)
        self.budget = Budget(limits.request_bytes, limits.request_bytes_per_account)
        self.answers = Budget(math.inf, ANSWERS_PER_ACCOUNT)
        self.registrations = Attempts(limits)
        self.fake_record = fake_record(self.keys.opaque)
