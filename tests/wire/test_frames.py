"""Frames: what is sent comes back the same, and what is not a frame is refused."""

import contextlib
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coterie.errors import RemoteProtocolError
from coterie.wire import frames, limits
from coterie.wire.frames import (
    DeviceLogin,
    Event,
    Fetch,
    FromServer,
    Hello,
    Kind,
    ListChange,
    LogGrew,
    Ping,
    Post,
    Reply,
    Request,
)
from coterie.wire.stream import encode_frame, from_server, requests
from tests.wire.made import values

GROUP, MESSAGE = b"g" * 16, b"m" * 16
POST = Post(GROUP, Kind.MESSAGE, MESSAGE, 1, 0, b"body")


def as_request(request: object) -> Request:
    """What a server makes of any MessagePack value."""
    encoded = msgspec.msgpack.encode(request)
    decoder = requests()
    decoder.receive_data(len(encoded).to_bytes(4, "big") + encoded)
    frame = decoder.next_frame()
    assert frame is not None
    return frame


def plain(frame: object) -> Any:
    """A frame as maps and lists."""
    return msgspec.msgpack.decode(msgspec.msgpack.encode(frame))


@given(values(Request))
def test_request_of_every_type_comes_back_the_same(request: Request) -> None:
    decoder = requests()
    decoder.receive_data(encode_frame(request))
    assert decoder.next_frame() == request
    assert decoder.is_empty


@given(values(FromServer))
def test_reply_and_event_of_every_type_come_back_the_same(frame: FromServer) -> None:
    decoder = from_server()
    decoder.receive_data(encode_frame(frame))
    assert decoder.next_frame() == frame


@given(st.binary(max_size=300))
def test_any_bytes_are_a_frame_or_a_remote_protocol_error(data: bytes) -> None:
    for decoder in (requests(), from_server()):
        decoder.receive_data(len(data).to_bytes(4, "big") + data)
        with contextlib.suppress(RemoteProtocolError):
            assert decoder.next_frame() is not None


@given(values(Request), st.data())
def test_request_with_a_changed_byte_is_a_frame_or_a_remote_protocol_error(
    request: Request, data: st.DataObject
) -> None:
    encoded = bytearray(encode_frame(request))
    place = data.draw(st.integers(4, len(encoded) - 1))
    encoded[place] = data.draw(st.integers(0, 255))
    decoder = requests()
    decoder.receive_data(bytes(encoded))
    with contextlib.suppress(RemoteProtocolError):
        assert decoder.next_frame() is not None


def test_unknown_field_is_refused() -> None:
    number, body = plain(Request(1, POST))
    with pytest.raises(RemoteProtocolError, match="unreadable frame"):
        as_request([number, {**body, "more": 1}])


def test_unknown_field_behind_the_body_is_refused() -> None:
    number, body = plain(Request(1, POST))
    with pytest.raises(RemoteProtocolError, match="unreadable frame"):
        as_request([number, body, 1])


def test_missing_field_is_refused_and_named() -> None:
    number, body = plain(Request(1, POST))
    del body["after"]
    with pytest.raises(RemoteProtocolError, match="missing required field `after`"):
        as_request([number, body])


def test_unknown_type_is_refused() -> None:
    with pytest.raises(RemoteProtocolError, match="unreadable frame"):
        as_request([1, {"type": "Gossip"}])


def test_reply_is_no_request() -> None:
    with pytest.raises(RemoteProtocolError, match="unreadable frame"):
        as_request(Reply(1, frames.Done()))


def test_what_the_peer_sent_is_not_repeated_in_the_error() -> None:
    """A field name or a tag is the peer's to choose, and the error is logged."""
    number, body = plain(Request(1, POST))
    for request in ([number, {**body, "secret-word": 1}], [1, {"type": "secret-word"}]):
        with pytest.raises(RemoteProtocolError) as raised:
            as_request(request)
        assert "secret-word" not in str(raised.value)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("group", b"g" * 15),
        ("group", b"g" * 17),
        ("group", "g" * 16),
        ("message_id", b""),
        ("kind", 0),
        ("kind", 5),
        ("count", -1),
        ("count", 2**63),
        ("after", 1.5),
        ("body", bytes(limits.MAX_BODY + 1)),
        ("body", None),
        ("list_change", {"add": [b"d"]}),
        ("list_change", {"add": [b"d" * 16] * (limits.MAX_ADDS + 1)}),
        ("welcome", {"welcome": b"", "devices": [b"d" * 15]}),
    ],
    ids=range(14),
)
def test_field_of_another_size_or_type_is_refused(field: str, value: object) -> None:
    number, body = plain(Request(1, POST))
    with pytest.raises(RemoteProtocolError, match="unreadable frame"):
        as_request([number, {**body, field: value}])


@pytest.mark.parametrize(
    "body",
    [
        plain(Hello((1,))) | {"versions": []},
        plain(Hello((1,))) | {"versions": list(range(17))},
        plain(DeviceLogin("alice", b"d" * 16, b"s" * 64)) | {"name": ""},
        plain(DeviceLogin("alice", b"d" * 16, b"s" * 64)) | {"name": "a" * 64},
        plain(DeviceLogin("alice", b"d" * 16, b"s" * 64)) | {"signature": b"s" * 63},
        plain(Fetch(GROUP, 0)) | {"most": 0},
        plain(Fetch(GROUP, 0)) | {"most": limits.MAX_FETCH_ENTRIES + 1},
        plain(ListChange()),
    ],
    ids=["no version", "17 versions", "no name", "long name", "signature", "0", "1001", "untagged"],
)
def test_body_outside_its_limits_is_refused(body: dict[str, Any]) -> None:
    with pytest.raises(RemoteProtocolError, match="unreadable frame"):
        as_request([1, body])


@pytest.mark.parametrize("depth", [1, 200, 100_000])
def test_nesting_of_any_depth_is_refused(depth: int) -> None:
    data = b"\x91" * depth + b"\x90"
    decoder = requests()
    decoder.receive_data(len(data).to_bytes(4, "big") + data)
    with pytest.raises(RemoteProtocolError):
        decoder.next_frame()


def test_frames_are_immutable() -> None:
    with pytest.raises(AttributeError):
        POST.count = 2  # type: ignore[misc]


def test_longest_name_fits_what_a_device_signs() -> None:
    """Its length is one byte: a name of 64 characters of four bytes each would not fit."""
    from coterie.wire.signed import device_login_input  # noqa: PLC0415

    name = "\U0001f600" * limits.MAX_NAME
    request = as_request(Request(1, DeviceLogin(name, b"d" * 16, b"s" * 64)))
    assert isinstance(request.body, DeviceLogin)
    assert len(device_login_input(name, b"d" * 16, b"h" * 32)) == 22 + 1 + 4 * 63 + 16 + 32


def test_largest_entry_and_largest_welcome_fit_a_frame() -> None:
    welcome = frames.WelcomeFor(bytes(limits.MAX_WELCOME), (b"d" * 16,) * limits.MAX_ADDS)
    change = ListChange(add=(b"d" * 16,) * limits.MAX_ADDS)
    post = Post(GROUP, Kind.COMMIT, MESSAGE, 1, 0, bytes(limits.MAX_BODY), change, welcome)
    assert len(encode_frame(Request(1, post))) <= limits.MAX_FRAME
    item = frames.InboxItem(1, GROUP, b"d" * 16, bytes(limits.MAX_WELCOME))
    most = [Reply(1, frames.Inbox((item,)))]
    entry = frames.Entry(1, Kind.COMMIT, b"d" * 16, MESSAGE, bytes(limits.MAX_BODY))
    most.append(Reply(1, frames.Entries((entry,), 1)))
    for reply in most:
        assert len(encode_frame(reply)) <= limits.MAX_FRAME


def test_event_has_no_id_and_ping_no_fields() -> None:
    assert plain(Event(LogGrew(GROUP, (), 3)))[0] == "e"
    assert plain(Request(7, Ping())) == [7, {"type": "Ping"}]


def test_welcome_for_nobody_is_refused() -> None:
    """It was stored, and nobody's inbox would ever let it go."""
    for_nobody = Post(
        GROUP, Kind.COMMIT, MESSAGE, 1, 0, b"c", ListChange(), frames.WelcomeFor(b"w", ())
    )
    with pytest.raises(RemoteProtocolError, match="devices"):
        as_request(Request(1, for_nobody))
