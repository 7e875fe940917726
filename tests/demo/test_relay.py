"""The relay passes on every byte, records it, and does to a record what it is asked to."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coterie.demo.bell import Bell, NotSeen
from coterie.demo.relay import Arrival, Records, Relay, Way, bit_distance, flip_bit
from coterie.noise.records import frame_message
from coterie.wire.invite import Address
from tests.asynchronous import asynchronous

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(2**16):
        writer.write(data)
    writer.close()


@asynccontextmanager
async def relayed(
    serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]] = echo,
) -> AsyncIterator[tuple[Relay, Streams]]:
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    relay = Relay("alice", Address("127.0.0.1", server.sockets[0].getsockname()[1]), Bell(5.0))
    await relay.start()
    reader, writer = await asyncio.open_connection(relay.address.host, relay.address.port)
    try:
        yield relay, (reader, writer)
    finally:
        writer.close()
        await relay.close()
        server.close()


@asynchronous
async def test_records_pass_and_are_recorded_in_both_directions() -> None:
    async with relayed() as (relay, (reader, writer)):
        sent = [frame_message(b"first"), frame_message(b"second, longer")]
        writer.write(b"".join(sent))
        assert await reader.readexactly(len(b"".join(sent))) == b"".join(sent)
        assert relay.newest.up == relay.newest.down == sent
        assert relay.newest.sizes(Way.UP) == (5, 14)
        assert relay.newest.changes == []


@asynchronous
async def test_record_that_comes_in_pieces_is_one_record() -> None:
    async with relayed() as (relay, (reader, writer)):
        record = frame_message(bytes(range(200)))
        for at in range(0, len(record), 50):
            writer.write(record[at : at + 50])
            await writer.drain()
        assert await reader.readexactly(len(record)) == record
        assert relay.newest.up == [record]


@pytest.mark.parametrize("way", Way)
def test_exactly_one_bit_of_one_record_is_flipped(way: Way) -> None:
    @asynchronous
    async def run() -> None:
        async with relayed() as (relay, (reader, writer)):
            record = frame_message(b"something that is sealed")
            relay.tamper(way, flip_bit)
            writer.write(record)
            arrived = await reader.readexactly(len(record))
            assert bit_distance(record, arrived) == 1
            assert arrived[:4] == record[:4]
            (flip,) = relay.newest.changes
            assert (flip.way, flip.sent, flip.arrived, flip.bits) == (way, record, arrived, 1)
            assert relay.newest.up == [record]  # as its sender sent it
            writer.write(record)
            assert await reader.readexactly(len(record)) == record

    run()


@asynchronous
async def test_records_arrive_as_they_were_tampered_with_one_by_one() -> None:
    async with relayed() as (relay, (reader, writer)):
        first, second, third = (frame_message(text) for text in (b"first", b"second", b"third"))
        held: list[bytes] = []

        def hold(record: bytes) -> Arrival:
            held.append(record)
            return Arrival(b"")

        relay.tamper(Way.UP, hold, lambda record: Arrival(record + held.pop()))
        writer.write(first + second + third)
        assert await reader.readexactly(len(first + second + third)) == second + first + third
        assert [change.sent for change in relay.newest.changes] == [first, second]


@asynchronous
async def test_connection_can_be_cut_within_a_record() -> None:
    async with relayed() as (relay, (reader, writer)):
        relay.tamper(Way.DOWN, lambda record: Arrival(record[:6], is_last=True))
        writer.write(frame_message(b"never whole"))
        assert await reader.read() == frame_message(b"never whole")[:6]


@asynchronous
async def test_what_is_no_record_passes_and_is_recorded() -> None:
    async with relayed() as (relay, (reader, writer)):
        writer.write(b"GET / HTTP/1.1\r\n")
        assert await reader.readexactly(16) == b"GET / HTTP/1.1\r\n"
        writer.write(b"\x00\x00")  # the beginning of a length
        writer.write_eof()
        assert await reader.read() == b"\x00\x00"
        assert relay.newest.stream(Way.UP) == b"GET / HTTP/1.1\r\n\x00\x00"


@asynchronous
async def test_what_a_server_says_after_the_clients_end_is_recorded() -> None:
    async def answer_at_the_end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.write(frame_message(b"bye"))
        writer.close()

    async with relayed(answer_at_the_end) as (relay, (reader, writer)):
        writer.write_eof()
        assert await reader.read() == frame_message(b"bye")
        assert relay.newest.down == [frame_message(b"bye")]


@asynchronous
async def test_connections_to_come_go_to_the_new_target() -> None:
    async def shout(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write((await reader.read(100)).upper())
        writer.close()

    other = await asyncio.start_server(shout, "127.0.0.1", 0)
    async with relayed() as (relay, (reader, writer)):
        relay.target = Address("127.0.0.1", other.sockets[0].getsockname()[1])
        second_reader, second = await asyncio.open_connection(
            relay.address.host, relay.address.port
        )
        for each in (writer, second):
            each.write(b"\xffhello")
        assert await second_reader.readexactly(6) == b"\xffHELLO"
        assert await reader.readexactly(6) == b"\xffhello"
        second.close()
        assert [recording.number for recording in relay.recordings] == [1, 2]
        assert relay.newest.target == relay.target
    other.close()


@asynchronous
async def test_client_is_cut_off_where_nothing_listens() -> None:
    async with relayed() as (relay, _):
        relay.target = Address("127.0.0.1", 1)
        reader, writer = await asyncio.open_connection(relay.address.host, relay.address.port)
        assert await reader.read() == b""
        writer.close()


@asynchronous
async def test_waiting_for_what_never_comes_says_for_what() -> None:
    bell = Bell(0.01)
    with pytest.raises(NotSeen, match=r"the heron: not seen within 0\.01 s"):
        await bell.until(lambda: None, "the heron")


@given(
    records=st.lists(st.binary(min_size=1, max_size=70).map(frame_message)),
    cuts=st.lists(st.integers(1, 40)),
)
def test_records_are_the_same_however_the_stream_is_cut(
    records: list[bytes], cuts: list[int]
) -> None:
    stream, found, splitter = b"".join(records), [], Records()
    for size in [*cuts, len(stream)]:
        found += splitter.take(stream[:size])
        stream = stream[size:]
    assert found == records
    assert splitter.rest() == b""
