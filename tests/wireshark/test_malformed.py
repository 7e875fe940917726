"""Captures of what nobody should send: tshark shows it as malformed or as nothing, and Lua never fails.

All of one kind go into one capture, each as a connection of its own. ``tshark`` here fails where Lua complains.
"""

import random
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from coterie.wire import frames as f
from tests.noise.pairs import events
from tests.wireshark.conversation import GROUP, Conversation
from tests.wireshark.pcap import Capture, Stream
from tests.wireshark.test_dissector import ID, MLS
from tests.wireshark.tshark import DISSECTOR, fields, needs_tshark, tshark

pytestmark = needs_tshark

Said = list[tuple[bool, bytes]]  # by the client?
CHANCE = random.Random(7)  # noqa: S311


def talk(keys: Path, *streams: bytes) -> Said:
    """What crosses when a client says hello and then these streams, which need not be frames."""
    said: Said = []
    conversation = Conversation(
        keys, lambda data: said.append((True, data)), lambda data: said.append((False, data))
    )
    conversation.ask(f.Hello((1,)))
    conversation.answer(f.HelloReply(1, b"s" * 16, b"g" * 16))
    for stream in streams:
        conversation.client.send_data(stream)
        conversation.deliver()
    conversation.client.rekey()
    conversation.renew()
    conversation.ask(f.Post(GROUP, f.Kind.MESSAGE, ID, 1, 0, MLS))
    conversation.close()
    return said


def write(path: Path, connections: list[Said], *, cut_to: int = 2**18, **segment: int) -> Path:
    capture = Capture(cut_to=cut_to)
    for number, said in enumerate(connections):
        stream = Stream(capture, server_port=7617, client_port=20_000 + number)
        for is_client, data in said:
            stream.says(data, is_client=is_client, **segment)
    return capture.save(path)


def look(capture: Path, keys: Path | None) -> str:
    """All of it, in two passes as Wireshark makes them: what was found out in the first is shown in the second."""
    return tshark(capture, "-2", "-V", key_log=keys)


def shown(capture: Path, keys: Path, name: str) -> list[str]:
    out = tshark(capture, "-T", "json", "-J", "coterie", "--no-duplicate-keys", key_log=keys)
    return fields(out, name)


def mutate(data: bytes) -> bytes:
    """One change of a kind that breaks parsers."""
    if not data:  # by an earlier change
        return data
    place = CHANCE.randrange(len(data))
    end = place + CHANCE.randrange(1, 40)
    match CHANCE.randrange(6):
        case 0:
            return (
                data[:place] + bytes([data[place] ^ 1 << CHANCE.randrange(8)]) + data[place + 1 :]
            )
        case 1:
            return data[:place]
        case 2:
            return data[:place] + data[end:]
        case 3:
            return data[:place] + CHANCE.randbytes(end - place) + data[place:]
        case 4:
            return data[:place] + data[place:end] + data[place:]
        case _:
            size = CHANCE.choice([0, 1, 15, 16, 17, 1440, 1648, 65535, 65536, 2**31, 2**32 - 1])
            return size.to_bytes(4, "big") + data[4:]


def streams() -> Iterator[bytes]:
    """Parts of a stream that are frames of a kind, or nearly."""

    def frame(encoded: bytes) -> bytes:
        return len(encoded).to_bytes(4, "big") + encoded

    post = msgspec.msgpack.encode(f.Request(1, f.Post(GROUP, f.Kind.MESSAGE, ID, 1, 0, MLS)))
    head = b"\x92\x01\x83\xa4type\xa4Post"  # a request whose map has two more values
    yield frame(b"")
    yield from (frame(post[:size]) for size in range(1, len(post)))
    yield from (
        frame(post[:k] + bytes([tag]) + post[k + 1 :]) for k in (0, 1, 2) for tag in range(256)
    )
    yield from (frame(head + b"\xa1a" + bytes([tag]) + CHANCE.randbytes(12)) for tag in range(256))
    yield from (frame(head + b"\xa1a" + bytes([tag])) for tag in range(256))
    yield frame(head + b"\xa1a" + b"\x91" * 5000)  # deep
    yield frame(head + b"\xa1a\xdd\xff\xff\xff\xff" + b"\xc0" * 9000)  # many
    yield frame(head + b"\xa1a\xdf\xff\xff\xff\xff" + b"\xa0\xc0" * 9000)
    yield frame(head + b"\xa1a\xa8\xff\xfe\x00\x1b[31m" + b"\xa0\xa0")  # no text
    yield frame(head + b"\xa1a\xcb\x7f\xf8\0\0\0\0\0\1\xa1b\xca\xff\x80\0\0")  # no number
    yield frame(b"\x92\xcf" + b"\xff" * 8 + b"\x81\xa4type\xa4Ping")
    yield frame(b"\x93\xa1r\xcc") + frame(b"\x93\xa1r") + frame(b"\x92\xa1e") + frame(b"\x92")
    for body in (MLS[:k] for k in range(0, len(MLS), 7)):
        yield frame(
            msgspec.msgpack.encode(f.Request(1, f.Post(GROUP, f.Kind.COMMIT, ID, 1, 0, body)))
        )
    for form in range(7):
        for _ in range(20):
            body = b"\0\1\0" + bytes([form]) + CHANCE.randbytes(CHANCE.randrange(80))
            yield frame(msgspec.msgpack.encode([1, {"type": "Post", "body": body}]))
    yield from (frame(mutate(post)) for _ in range(300))


def altered(keys: Path, talks: int) -> list[Said]:
    """Conversations with one or two changes each."""
    connections = []
    for _ in range(talks):
        whole = talk(keys)
        for _ in range(6):
            said = list(whole)
            for _ in range(CHANCE.randrange(1, 3)):
                place = CHANCE.randrange(len(said))
                is_client, data = said[place]
                said[place] = is_client, mutate(data)
            connections.append(said)
    return connections


def test_altered_bytes_of_whole_conversations_never_fail_in_lua(tmp_path: Path) -> None:
    capture = write(tmp_path / "capture.pcap", altered(tmp_path / "keys", 10))
    look(capture, tmp_path / "keys")
    look(capture, None)


@pytest.mark.slow
def test_many_more_altered_bytes_never_fail_in_lua(tmp_path: Path) -> None:
    for number in range(8):
        keys = tmp_path / f"keys{number}"
        look(write(tmp_path / "capture.pcap", altered(keys, 100)), keys)


def test_lost_doubled_and_swapped_writes_never_fail_in_lua(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    whole = talk(keys)
    connections = [whole[:k] + whole[k + 1 :] for k in range(len(whole))]
    connections += [whole[: k + 1] + whole[k:] for k in range(len(whole))]
    connections += [
        [*whole[:k], whole[k + 1], whole[k], *whole[k + 2 :]] for k in range(len(whole) - 1)
    ]
    connections += [whole[k:] for k in range(len(whole))]
    connections += [[(not is_client, data) for is_client, data in whole], whole * 2]
    look(write(tmp_path / "capture.pcap", connections), keys)


@pytest.mark.parametrize("cut_to", [41, 44, 1000])
def test_packets_that_the_capture_cut_off_never_fail_in_lua(tmp_path: Path, cut_to: int) -> None:
    keys = tmp_path / "keys"
    capture = write(tmp_path / "capture.pcap", [talk(keys)], cut_to=cut_to, segment=60_000)
    look(capture, keys)


def test_streams_that_are_no_frames_are_said_to_be_malformed_and_never_fail_in_lua(
    tmp_path: Path,
) -> None:
    """Each in a connection that the keys open."""
    keys = tmp_path / "keys"
    capture = write(tmp_path / "capture.pcap", [talk(keys, *streams())])
    out = look(capture, keys)
    assert out.count("no request, reply or event") > 400
    assert out.count("a frame that is no MessagePack of ours") > 200
    assert out.count("an MLS message that is cut off") > 20
    assert "and more" in out
    assert "\x1b" not in out, "a terminal would obey"
    names = shown(capture, keys, "coterie.frame")
    assert (names[0], names[-1]) == ("Hello", "Post"), "what comes behind it is shown"


def test_frame_of_an_impossible_length_ends_the_frames_of_that_direction(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    capture = write(tmp_path / "capture.pcap", [talk(keys, b"\xff\xff\xff\xff" + bytes(100))])
    assert shown(capture, keys, "coterie.frame") == ["Hello", "HelloReply"]
    assert "frames cannot be told apart" in look(capture, keys)


def test_records_of_unknown_types_and_sizes_are_not_taken_for_frames(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    said: Said = []
    for plaintext in (b"\x04x", b"\x01x", b"\x03x", b"\x02xyz", b"\x02", b"\x00", b"\xff", b""):
        conversation = Conversation(
            keys, lambda data: said.append((True, data)), lambda data: said.append((False, data))
        )
        conversation.client._seal(plaintext)
        said.append((True, conversation.client.data_to_send()))
        events(conversation.client, b"")
    connections = [said[k : k + 3] for k in range(0, len(said), 3)]
    capture = write(tmp_path / "capture.pcap", connections)
    out = look(capture, keys)
    assert out.count("Decryption): it does not open with the key in the log") == 4
    assert out.count("Malformed): a renewal of another size") == 1
    assert out.count("Malformed): it is shorter than any record") == 1
    assert shown(capture, keys, "coterie.frame") == []


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n\nno key log\nCOTERIE_RECORD_KEY\n",
        b"COTERIE_RECORD_KEY 00 client 0 0 00\n",
        b"COTERIE_RECORD_KEY " + b"0" * 64 + b" client 99999999999999999999 0 " + b"0" * 64 + b"\n",
        b"\xff" * 100_000,
    ],
    ids=["empty", "text", "sizes", "numbers", "bytes"],
)
def test_file_that_is_no_key_log_opens_nothing(tmp_path: Path, content: bytes) -> None:
    capture = write(tmp_path / "capture.pcap", [talk(tmp_path / "keys")])
    (tmp_path / "other").write_bytes(content)
    assert "its key is not in the log" in tshark(capture, "-V", key_log=tmp_path / "other")


def test_key_log_that_is_a_folder_or_is_not_there_is_as_none(tmp_path: Path) -> None:
    capture = write(tmp_path / "capture.pcap", [talk(tmp_path / "keys")])
    for path in (tmp_path, tmp_path / "missing"):
        assert "coterie.frame" not in tshark(capture, "-T", "json", key_log=path)


def test_failure_in_lua_would_be_seen(tmp_path: Path) -> None:
    """The control."""
    planted = tmp_path / "coterie.lua"
    text = DISSECTOR.read_text(encoding="utf-8")
    mark = "local function show_renewal(tree, plain)\n"
    assert mark in text
    planted.write_text(text.replace(mark, f'{mark}    error("planted")\n'), encoding="utf-8")
    keys = tmp_path / "keys"
    capture = write(tmp_path / "capture.pcap", [talk(keys)])
    with pytest.raises(AssertionError, match="planted"):
        tshark(capture, "-V", key_log=keys, dissector=planted)
