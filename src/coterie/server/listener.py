"""Sockets: accepts connections, counts them, and ends them in order when the server stops."""

import asyncio
from collections import Counter
from typing import TYPE_CHECKING

from coterie.server import limits
from coterie.server.attempts import network_of
from coterie.server.house import House
from coterie.server.peer import Peer
from coterie.server.tls import TlsLayer

if TYPE_CHECKING:
    from coterie.server.certificate import Certificate


class Listener:
    """All connections of a server, within TLS where there is a certificate."""

    def __init__(self, house: House, certificate: "Certificate | None" = None) -> None:
        self.house = house
        self._certificate = certificate
        self.peers: set[Peer] = set()
        self.max_per_network = house.limits.connections_per_address
        self._per_network: Counter[str] = Counter()
        self._server: asyncio.Server | None = None

    async def listen(self, host: str, port: int) -> int:
        """Accepts from now on; the port, chosen where 0 was given. Raises OSError."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._protocol, host, port)
        return int(self._server.sockets[0].getsockname()[1])

    def _protocol(self) -> Peer | TlsLayer:
        peer = self.accept()
        return peer if self._certificate is None else TlsLayer(self._certificate.context(), peer)

    def accept(self) -> Peer:
        """The protocol of one connection."""
        return Peer(self.house, on_made=self._made, on_lost=self._lost)

    async def close(self) -> None:
        """Accepts no more, answers what was asked, tells all to reconnect, and waits a moment for them to take it."""
        if self._server is not None:
            self._server.close()
        for peer in tuple(self.peers):
            peer.finish()
        await self._wait_gone(limits.CLOSE_TIMEOUT_S)
        for peer in tuple(self.peers):
            peer.drop("the server stops")
        await self._wait_gone(limits.DROP_TIMEOUT_S)

    async def _wait_gone(self, timeout_s: float) -> None:
        if self.peers:
            await asyncio.wait([peer.gone for peer in self.peers], timeout=timeout_s)

    def _made(self, peer: Peer) -> None:
        network = network_of(peer.address)
        self.peers.add(peer)
        self._per_network[network] += 1
        if (
            len(self.peers) > self.house.limits.connections
            or self._per_network[network] > self.max_per_network
        ):
            peer.drop("too many connections")
            return
        handshakes, now = self.house.quotas.handshakes, self.house.clock.monotonic()
        wait_s = handshakes.wait_s(network, now=now)
        if wait_s >= self.house.limits.handshake_timeout_s:
            peer.drop("too many handshakes")  # taken, it would lengthen a wait that nobody survives
            return
        handshakes.take(network, now=now)
        if wait_s:
            peer.hold(wait_s)  # dropped at once, it would come again at once

    def _lost(self, peer: Peer) -> None:
        network = network_of(peer.address)
        self.peers.discard(peer)
        self._per_network[network] -= 1
        if not self._per_network[network]:
            del self._per_network[network]
