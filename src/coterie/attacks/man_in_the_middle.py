"""Somebody between client and server with keys of his own: a handshake with each, and all that is said in his hands."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from coterie.noise.channel import (
    Channel,
    ClientHandshake,
    CloseReceived,
    DataReceived,
    ServerHandshake,
    fingerprint,
    frame_message,
)
from coterie.noise.dh import FFDHE2048
from coterie.noise.records import LENGTH_SIZE
from coterie.wire.invite import Address

CHUNK = 65_536  # bytes of one read
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class ManInTheMiddle:
    """Listens on loopback for clients of ``target``."""

    def __init__(self, target: Address) -> None:
        self._target = target
        self._static = FFDHE2048.generate()
        self.fingerprint = fingerprint(self._static.public)
        self.read = bytearray()  # the plaintext of all records, in both directions
        self.records: list[int] = []  # sizes of what clients sent before there was a channel
        self._tasks: set[asyncio.Task[None]] = set()  # one for each client
        self._writers: set[asyncio.StreamWriter] = set()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[Address]:
        """Where he listens; at the end nobody is there."""
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        try:
            yield Address("127.0.0.1", server.sockets[0].getsockname()[1])
        finally:
            server.close()
            for writer in self._writers:
                writer.close()
            if self._tasks:
                await asyncio.wait(self._tasks)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        client = reader, writer
        server = await asyncio.open_connection(self._target.host, self._target.port)
        self._writers |= {writer, server[1]}
        try:
            message_1 = await _read_message(reader)
            self.records.append(len(message_1))
            message_2, established = ServerHandshake(self._static).respond(message_1)
            writer.write(frame_message(message_2))
            to_client = Channel(established, is_initiator=False)

            handshake = ClientHandshake()
            server[1].write(frame_message(handshake.write()))
            answer = handshake.read(await _read_message(server[0]), lambda any_key: True)
            to_server = Channel(answer, is_initiator=True)
            async with asyncio.TaskGroup() as ways:
                ways.create_task(self._pass_on(client, to_client, server, to_server))
                ways.create_task(self._pass_on(server, to_server, client, to_client))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # one of them hung up
        finally:
            for each in (writer, server[1]):
                self._writers.discard(each)
                each.close()

    async def _pass_on(
        self, source: Streams, opened: Channel, target: Streams, sealed: Channel
    ) -> None:
        """Opens each record with one key, looks, and seals it with the other. Until one side has ended."""
        try:
            await self._open_and_seal(source[0], opened, target[1], sealed)
        except ConnectionError:
            pass  # cut, which ends the other side too
        finally:
            target[1].close()

    async def _open_and_seal(
        self,
        source: asyncio.StreamReader,
        opened: Channel,
        target: asyncio.StreamWriter,
        sealed: Channel,
    ) -> None:
        while data := await source.read(CHUNK):
            opened.receive_data(data)
            while (event := opened.next_event()) is not None:
                if isinstance(event, DataReceived):
                    self.read += event.data
                    sealed.send_data(event.data)
                elif isinstance(event, CloseReceived):
                    sealed.close()
                    break
            target.write(sealed.data_to_send())


async def _read_message(reader: asyncio.StreamReader) -> bytes:
    size = int.from_bytes(await reader.readexactly(LENGTH_SIZE), "big")
    return await reader.readexactly(size)
