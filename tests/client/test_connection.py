"""One connection, against a small server in memory."""

import asyncio
from typing import Any, cast

import pytest

from coterie.client.connection import (
    HANDSHAKE_TIMEOUT_S,
    MAX_WHISPERS,
    PING_AFTER_S,
    PONG_WITHIN_S,
    TICK_S,
    Connection,
)
from coterie.client.refusal import MAX_WAIT_S, bounded_wait, error_of, stranger
from coterie.client.rotation import RENEW_AFTER_S
from coterie.errors import (
    LocalProtocolError,
    NotAuthenticated,
    Refused,
    RemoteProtocolError,
    ServerNotTrusted,
    Unavailable,
)
from coterie.noise.channel import fingerprint
from coterie.noise.dh import FFDHE2048
from coterie.wire import limits
from coterie.wire.frames import (
    Account,
    Closing,
    Code,
    DeviceLogin,
    Done,
    Failed,
    FetchAccount,
    Hello,
    InboxGrew,
    KeyPackageCount,
    Kind,
    Ping,
    Post,
    Request,
    RequestBody,
    Whisper,
)
from coterie.wire.invite import Address
from coterie.wire.signed import device_login_input, verify_signature
from tests.asynchronous import asynchronous
from tests.client.world import COUNT, COUNTED, DEVICE, PUBLIC_KEY, SEED, Scripted, World, counting
from tests.fakes import (
    ADDRESS,
    FINGERPRINT,
    GENERATION,
    SERVER_ID,
    FakeClock,
    FakeNetwork,
    FakeServer,
    fake_seams,
    nobody_listens,
    settle,
)

WHISPER = Whisper(bytes(limits.GROUP_ID_SIZE), bytes(limits.WHISPER_SIZE))

# --- opening ---------------------------------------------------------------------------------------


@asynchronous
async def test_connection_opens_with_hello_and_knows_the_server() -> None:
    world = World()
    connection = await world.connect()
    assert world.server.received == [Hello(versions=(limits.VERSION,))]
    assert (connection.hello.server_id, connection.hello.generation) == (SERVER_ID, GENERATION)
    assert world.server.handshake_hashes == [connection.handshake_hash]
    assert await connection.request(COUNT) == COUNTED
    await connection.close()


@asynchronous
async def test_two_connections_have_other_handshake_hashes() -> None:
    world = World()
    first, second = await world.connect(), await world.connect()
    assert first.handshake_hash != second.handshake_hash
    await first.close()
    await second.close()


@asynchronous
async def test_server_with_another_static_key_gets_nothing_but_message_1() -> None:
    world = World()
    other = FFDHE2048.generate()
    network = FakeNetwork(world.listen)

    def listen() -> FakeServer:
        server = world.listen()
        server.static = other
        return server

    network.listen = listen
    with pytest.raises(ServerNotTrusted, match="nothing was sent") as caught:
        await Connection.open(ADDRESS, FINGERPRINT, fake_seams(network))
    assert "operator" in caught.value.hint
    assert fingerprint(other.public).hex()[:4] in caught.value.hint
    assert world.server.received == []
    assert [len(data) for data in network.pipes[0].written] == [4 + 1440]
    await settle()
    assert world.server.is_lost


@asynchronous
async def test_address_where_nothing_listens_is_unavailable() -> None:
    with pytest.raises(Unavailable, match="nothing listens"):
        await Connection.open(ADDRESS, FINGERPRINT, fake_seams(FakeNetwork(nobody_listens)))


@pytest.mark.parametrize(
    ("says", "who"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "it is an HTTP server"),
        (b"<!DOCTYPE HTML>\n<html>", "it is an HTTP server"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "it is an SSH server"),
        (b"\x15\x03\x01\x00\x02\x02F", "it is a TLS server"),
        (b"220 mail ESMTP\r\n", "it is a mail or FTP server"),
        (bytes(64), "does not speak Coterie$"),
        ((1647).to_bytes(4, "big") + bytes(1647), "does not speak Coterie$"),
    ],
    ids=["http", "http-0.9", "ssh", "tls", "smtp", "zeros", "nearly"],
)
def test_address_that_speaks_something_else_is_named(says: bytes, who: str) -> None:
    @asynchronous
    async def run() -> None:
        with pytest.raises(RemoteProtocolError, match=who) as caught:
            await Connection.open(
                ADDRESS, FINGERPRINT, fake_seams(FakeNetwork(lambda: Scripted(says)))
            )
        assert str(caught.value).startswith("server.test:7617 does not speak Coterie")
        assert caught.value.hint
        await settle()

    run()


@asynchronous
async def test_message_2_of_noise_is_refused_as_altered() -> None:
    says = (1648).to_bytes(4, "big") + b"\x07" * 1648
    with pytest.raises(RemoteProtocolError, match=r"handshake with server\.test:7617 failed"):
        await Connection.open(ADDRESS, FINGERPRINT, fake_seams(FakeNetwork(lambda: Scripted(says))))
    await settle()


@asynchronous
async def test_server_that_hangs_up_during_the_handshake_is_unavailable() -> None:
    network = FakeNetwork(lambda: Scripted(b"", hangs_up=True))
    with pytest.raises(Unavailable, match="before the handshake was done"):
        await Connection.open(ADDRESS, FINGERPRINT, fake_seams(network))


@asynchronous
async def test_server_that_floods_before_the_handshake_is_dropped() -> None:
    network = FakeNetwork(lambda: Scripted((1648).to_bytes(4, "big") + bytes(300_000)))
    with pytest.raises(RemoteProtocolError, match="before it is asked"):
        await Connection.open(ADDRESS, FINGERPRINT, fake_seams(network))
    await settle()


@asynchronous
async def test_silent_server_is_given_up_after_the_handshake_timeout() -> None:
    clock = FakeClock()
    network = FakeNetwork(lambda: Scripted(b""))
    opening = asyncio.create_task(Connection.open(ADDRESS, FINGERPRINT, fake_seams(network, clock)))
    await clock.advance(HANDSHAKE_TIMEOUT_S - 0.1)
    assert not opening.done()
    await clock.advance(0.2)
    with pytest.raises(Unavailable, match="takes connections but does not answer within 10 s"):
        await opening
    assert network.pipes[0].is_closed


@asynchronous
async def test_version_refused_is_said_with_what_to_do() -> None:
    class Newer(FakeServer):
        def take(self, request) -> None:  # type: ignore[no-untyped-def]
            self.reply(request.id, Failed(Code.VERSION, "this server speaks 2 to 3"))

    with pytest.raises(Refused, match="speaks 2 to 3") as caught:
        await Connection.open(ADDRESS, FINGERPRINT, fake_seams(FakeNetwork(Newer)))
    assert caught.value.code == Code.VERSION
    assert "update" in caught.value.hint
    await settle()


@asynchronous
async def test_opening_cancelled_leaves_no_stream_open() -> None:
    network = FakeNetwork(lambda: Scripted(b""))
    opening = asyncio.create_task(Connection.open(ADDRESS, FINGERPRINT, fake_seams(network)))
    await settle()
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    assert network.pipes[0].is_closed
    await settle()


# --- requests --------------------------------------------------------------------------------------


@asynchronous
async def test_answers_out_of_order_find_their_requests() -> None:
    world = World()
    connection = await world.connect()
    asked: list[int] = []
    world.server.take = lambda request: asked.append(request.id)  # type: ignore[method-assign]
    waiting = [asyncio.create_task(connection.request(COUNT)) for _ in range(3)]
    await settle()
    for number in reversed(asked):
        world.server.reply(number, KeyPackageCount(number, has_last_resort=False))
    answers = [await task for task in waiting]
    assert [a.one_time for a in answers if isinstance(a, KeyPackageCount)] == asked
    await connection.close()


@asynchronous
async def test_requests_of_one_turn_go_in_one_record_and_one_write() -> None:
    world = World()
    connection = await world.connect()
    before = len(world.network.pipes[0].written)
    await asyncio.gather(*(connection.request(COUNT) for _ in range(20)))
    assert len(world.network.pipes[0].written) == before + 1
    data = world.network.pipes[0].written[-1]
    assert len(data) == 4 + int.from_bytes(data[:4], "big")
    await connection.close()


@asynchronous
async def test_no_more_requests_are_in_flight_than_the_server_takes() -> None:
    world = World()
    connection = await world.connect()
    asked: list[int] = []
    world.server.take = lambda request: asked.append(request.id)  # type: ignore[method-assign]
    waiting = [asyncio.create_task(connection.request(COUNT)) for _ in range(70)]
    await settle()
    assert len(asked) == limits.MAX_IN_FLIGHT
    waiting[0].cancel()  # its answer is still to come, so its place is not free
    await settle()
    assert len(asked) == limits.MAX_IN_FLIGHT
    world.server.reply(asked[0], Done())
    await settle()
    assert len(asked) == limits.MAX_IN_FLIGHT + 1
    await connection.close()
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert isinstance(results[0], asyncio.CancelledError)
    assert all(isinstance(r, Unavailable) for r in results[1:])


@asynchronous
async def test_requests_go_out_in_the_order_asked_also_when_they_had_to_wait() -> None:
    world = World()
    connection = await world.connect()
    asked: list[RequestBody] = []
    world.server.take = lambda request: asked.append(request.body)  # type: ignore[method-assign]
    connection.pause_writing()
    waiting = [
        asyncio.create_task(connection.request(FetchAccount(name=str(n)))) for n in range(10)
    ]
    await settle()
    connection.resume_writing()
    waiting.append(asyncio.create_task(connection.request(FetchAccount(name="last"))))
    await settle()
    assert [body.name for body in asked if isinstance(body, FetchAccount)] == [
        *"0123456789",
        "last",
    ]
    await connection.close()
    await asyncio.gather(*waiting, return_exceptions=True)


@asynchronous
async def test_request_without_an_answer_in_time_is_unavailable_and_the_late_answer_does_no_harm() -> (
    None
):
    world = World(lambda body: None)
    connection = await world.connect()
    waiting = asyncio.create_task(connection.request(COUNT, timeout_s=3))
    await world.clock.advance(3)
    with pytest.raises(Unavailable, match="did not answer CountKeyPackages within 3 s"):
        await waiting
    world.server.reply(2, Done())
    world.server.answer = counting
    assert await connection.request(COUNT) == COUNTED
    await connection.close()


@pytest.mark.parametrize("code", list(Code))
def test_each_refusal_becomes_an_error_of_its_family(code: Code) -> None:
    error = error_of(Failed(code, "no,\x1b[31m not so", wait_s=2.5))
    assert str(error) == "no,?[31m not so"
    match code:
        case Code.NOT_AUTHENTICATED:
            assert isinstance(error, NotAuthenticated)
        case Code.WAIT | Code.CLOSING:
            assert isinstance(error, Unavailable)
            assert error.wait_s == 2.5
        case _:
            assert isinstance(error, Refused)
            assert error.code == code


def test_wait_is_bounded_whatever_the_server_says() -> None:
    waits = [bounded_wait(w) for w in (-1.0, 0.0, 3.0, 1e300, float("inf"), float("nan"))]
    assert waits == [0.0, 0.0, 3.0, MAX_WAIT_S, MAX_WAIT_S, 0.0]


def test_stranger_that_nobody_knows_is_still_no_coterie_server() -> None:
    assert str(stranger(Address("h", 1), b"")) == "h:1 does not speak Coterie"


@asynchronous
async def test_refusal_is_raised_and_the_connection_goes_on() -> None:
    world = World(lambda body: Failed(Code.NOT_FOUND, "no such account"))
    connection = await world.connect()
    with pytest.raises(Refused, match="no such account"):
        await connection.call(FetchAccount(name="nobody"), Account)
    world.server.answer = counting
    with pytest.raises(RemoteProtocolError, match="KeyPackageCount in answer to FetchAccount"):
        await connection.call(FetchAccount(name="nobody"), Account)
    assert connection.is_open
    await connection.close()


@asynchronous
async def test_request_too_large_for_a_frame_is_our_error_and_sends_nothing() -> None:
    world = World()
    connection = await world.connect()
    body = Post(b"g" * 16, Kind.MESSAGE, b"m" * 16, 1, 0, bytes(limits.MAX_FRAME))
    with pytest.raises(LocalProtocolError, match="limit"):
        await connection.request(body)
    assert await connection.request(COUNT) == COUNTED
    await connection.close()


@asynchronous
async def test_large_request_spans_records_and_arrives_whole() -> None:
    world = World()
    connection = await world.connect()
    body = Post(b"g" * 16, Kind.COMMIT, b"m" * 16, 1, 0, bytes(300_000))
    await connection.request(body)
    assert world.server.received[-1] == body
    await connection.close()


@asynchronous
async def test_requests_wait_while_the_transport_is_full() -> None:
    world = World()
    connection = await world.connect()
    connection.pause_writing()
    waiting = asyncio.create_task(connection.request(COUNT))
    await settle()
    assert len(world.server.received) == 1
    connection.resume_writing()
    assert await waiting == COUNTED
    await connection.close()


# --- whispers --------------------------------------------------------------------------------------


@asynchronous
async def test_whispers_take_no_place_of_a_request_and_are_bounded_too() -> None:
    world = World()
    connection = await world.connect()
    asked: list[Request] = []
    world.server.take = lambda request: asked.append(request)  # type: ignore[method-assign]  # noqa: PLW0108
    for _ in range(2 * MAX_WHISPERS):
        connection.whisper(WHISPER)
    waiting = asyncio.create_task(connection.request(COUNT))
    await settle()
    assert [request.body for request in asked] == [WHISPER] * MAX_WHISPERS + [COUNT]
    refused = Failed(Code.WAIT, "too many whispers", wait_s=1.0)  # which nobody is told
    world.server.reply(asked[0].id, refused)
    await settle()
    for _ in range(2):
        connection.whisper(WHISPER)
    await settle()
    assert len(asked) == MAX_WHISPERS + 2
    world.server.reply(asked[MAX_WHISPERS].id, COUNTED)
    assert await waiting == COUNTED
    await connection.close()


@asynchronous
async def test_whisper_is_dropped_where_anything_waits_to_be_written_and_after_the_end() -> None:
    world = World()
    connection = await world.connect()
    connection.pause_writing()
    connection.whisper(WHISPER)
    connection.resume_writing()
    await connection.request(COUNT)
    await connection.close()
    connection.whisper(WHISPER)
    await settle()
    assert WHISPER not in world.server.received


# --- events and the end ----------------------------------------------------------------------------


@asynchronous
async def test_events_come_in_order_between_answers() -> None:
    world = World()
    connection = await world.connect()
    world.server.tell(InboxGrew())
    world.server.tell(Closing(reconnect_after_s=4.0))
    await settle()
    assert world.events == [InboxGrew(), Closing(reconnect_after_s=4.0)]
    world.server.close()
    error = await connection.wait_ended()
    assert isinstance(error, Unavailable)
    assert error.wait_s == 4.0
    await connection.close()


@asynchronous
async def test_close_says_goodbye_and_fails_what_waits() -> None:
    world = World(lambda body: None)
    connection = await world.connect()
    waiting = asyncio.create_task(connection.request(COUNT))
    await settle()
    await connection.close()
    with pytest.raises(Unavailable, match="is closed"):
        await waiting
    with pytest.raises(Unavailable, match="is closed"):
        await connection.request(COUNT)
    await settle()
    assert world.server.is_closed_in_order
    assert world.server.is_lost
    assert await connection.wait_ended() is None
    assert world.clock.delays() == []
    await connection.close()


@asynchronous
async def test_cut_connection_fails_what_waits_as_unavailable() -> None:
    world = World(lambda body: None)
    connection = await world.connect()
    waiting = asyncio.create_task(connection.request(COUNT))
    await settle()
    world.server.cut()
    with pytest.raises(Unavailable, match="was cut"):
        await waiting
    assert isinstance(connection.error, Unavailable)
    assert not connection.is_open
    await connection.close()


@asynchronous
async def test_flipped_bit_in_a_record_ends_the_connection_with_a_clear_error() -> None:
    world = World()
    connection = await world.connect()
    far = world.network.pipes[0].other
    assert far is not None
    far.tamper = lambda data: data[:20] + bytes([data[20] ^ 1]) + data[21:]
    with pytest.raises(Unavailable, match="altered"):
        await connection.request(COUNT)
    error = await connection.wait_ended()
    assert isinstance(error, RemoteProtocolError)
    assert "altered, replayed or out of order" in str(error)
    await connection.close()


@asynchronous
@pytest.mark.parametrize("frame", [b"\x00\x00\x00\x01\xc1", b"\xff" * 4], ids=["no frame", "long"])
async def test_frame_that_makes_no_sense_ends_the_connection(frame: bytes) -> None:
    world = World()
    connection = await world.connect()
    world.server.send_frame(frame)
    assert isinstance(await connection.wait_ended(), RemoteProtocolError)
    await connection.close()


@asynchronous
async def test_answer_to_what_was_never_asked_ends_the_connection() -> None:
    world = World()
    connection = await world.connect()
    world.server.reply(99, Done())
    error = await connection.wait_ended()
    assert "answer to request 99" in str(error)
    await connection.close()


# --- time ------------------------------------------------------------------------------------------


@asynchronous
async def test_quiet_connection_is_pinged_and_lives() -> None:
    world = World()
    connection = await world.connect()
    await world.clock.advance(10 * PING_AFTER_S)
    pings = [body for body in world.server.received if isinstance(body, Ping)]
    assert 8 <= len(pings) <= 10
    assert connection.is_open
    await connection.close()


@asynchronous
async def test_server_that_no_longer_answers_is_given_up() -> None:
    world = World()
    connection = await world.connect()
    world.network.pipes[0].tamper = lambda data: b""  # the line is dead, and nobody says so
    await world.clock.advance(PING_AFTER_S + PONG_WITHIN_S + 2 * TICK_S)
    error = await connection.wait_ended()
    assert isinstance(error, Unavailable)
    assert "has not answered for" in str(error)
    await connection.close()


@asynchronous
async def test_renewal_after_an_hour_changes_the_hash_and_signs_it_before_anything_else() -> None:
    world = World()
    connection = await world.connect()
    await connection.log_in(DEVICE)
    await world.clock.advance(RENEW_AFTER_S + TICK_S)
    assert world.server.handshake_hashes[-1] == connection.handshake_hash
    assert len(set(world.server.handshake_hashes)) == 2
    logins = [body for body in world.server.received if isinstance(body, DeviceLogin)]
    assert len(logins) == 2
    for login, hash_ in zip(logins, world.server.handshake_hashes, strict=True):
        verify_signature(PUBLIC_KEY, device_login_input("alice", b"d" * 16, hash_), login.signature)
    renewing = asyncio.create_task(connection.renew())
    await asyncio.gather(*(connection.request(COUNT) for _ in range(5)))
    await renewing
    assert len(world.server.handshake_hashes) == 3
    assert await connection.request(COUNT) == COUNTED
    await connection.close()


@asynchronous
async def test_device_refused_at_a_renewal_ends_the_connection() -> None:
    world = World()
    connection = await world.connect()
    await connection.log_in(DEVICE)
    world.server.answer = lambda body: Failed(Code.NOT_AUTHENTICATED, "login failed")
    with pytest.raises(Unavailable):
        await connection.renew()
    assert isinstance(connection.error, NotAuthenticated)
    await connection.close()


@asynchronous
async def test_debug_log_tells_types_and_sizes_and_never_content(
    caplog: pytest.LogCaptureFixture,
) -> None:
    world = World()
    with caplog.at_level("DEBUG", "coterie"):
        connection = await world.connect()
        await connection.log_in(DEVICE)
        body = Post(b"g" * 16, Kind.MESSAGE, b"m" * 16, 1, 0, b"MARKED-CIPHERTEXT")
        await connection.request(body)
        await connection.close()
    told = [
        cast("dict[str, Any]", record.msg) for record in caplog.records if record.name == "coterie"
    ]
    events = [line["event"] for line in told]
    assert events[:5] == [
        "connecting",
        "handshake-sent",
        "handshake-received",
        "handshake-done",
        "request",
    ]
    assert {"message": 2, "size": 1648}.items() <= told[2].items()
    post = next(line for line in told if line.get("request") == "Post")
    assert post["size"] > 17
    text = repr(told)
    assert "MARKED" not in text
    assert SEED.expose().hex() not in text
