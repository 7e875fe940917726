"""Connections that have something to send."""

from dataclasses import dataclass, field

from coterie.server.outbox import Outbox
from tests.asynchronous import asynchronous
from tests.fakes import settle


@dataclass
class Sending:
    name: str
    sent: list[str]
    outbox: Outbox
    then: list["Sending"] = field(default_factory=list)

    def flush(self) -> None:
        self.sent.append(self.name)
        for other in self.then:
            self.outbox.add(other)


@asynchronous
async def test_all_send_at_the_end_of_the_turn_in_the_order_in_which_they_came() -> None:
    outbox, sent = Outbox(), list[str]()
    for name in ("anna", "ben"):
        outbox.add(Sending(name, sent, outbox))
    assert sent == []
    await settle()
    assert sent == ["anna", "ben"]


@asynchronous
async def test_what_a_flush_adds_goes_out_in_the_next() -> None:
    outbox, sent = Outbox(), list[str]()
    last = Sending("carl", sent, outbox)
    outbox.add(Sending("anna", sent, outbox, [last]))
    outbox.add(Sending("ben", sent, outbox))
    await settle()
    assert sent == ["anna", "ben", "carl"]
