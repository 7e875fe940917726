"""What tshark shows of captures that were made here, without keys and with them."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from coterie.mls.framing import ContentType, PrivateMessage, encode_message
from coterie.wire import frames as f
from tests.wireshark.conversation import GROUP, Conversation
from tests.wireshark.pcap import LARGEST, Capture, Stream
from tests.wireshark.tshark import DISSECTOR, fields, needs_tshark, tshark

pytestmark = needs_tshark

ID, DEVICE = b"m" * 16, b"d" * 16
POSITION = ID + (41).to_bytes(8, "big") + b"c" * 32
MLS = encode_message(
    PrivateMessage(GROUP, 7, ContentType.APPLICATION, POSITION, b"sender data", b"sealed" * 20)
)
FRAMES = ["Hello", "HelloReply", "Post", "Ping", "Accepted", "Done", "Post", "LogGrew", "Ping"]


@dataclass(frozen=True, slots=True)
class Seen:
    """A capture with its key log."""

    capture: Path
    keys: Path

    def json(self, *, with_keys: bool = True) -> str:
        words = ("-T", "json", "-J", "coterie", "--no-duplicate-keys")
        return shown(self.capture, words, self.keys if with_keys else None)

    def text(self, *, with_keys: bool = True) -> str:
        return shown(self.capture, ("-O", "coterie"), self.keys if with_keys else None)


@cache
def shown(capture: Path, words: tuple[str, ...], key_log: Path | None) -> str:
    """tshark takes half a second, and several tests look at the same."""
    return tshark(capture, *words, key_log=key_log)


def record(folder: Path, port: int, segment: int) -> Seen:
    """A short conversation with everything in it: rekeys, a renewal, frames over records and records with frames."""
    capture = Capture()
    stream = Stream(capture, server_port=port)
    talk = Conversation(
        folder / "keys",
        lambda data: stream.says(data, is_client=True, segment=segment),
        lambda data: stream.says(data, is_client=False, segment=segment),
    )
    talk.ask(f.Hello((1,)))
    talk.answer(f.HelloReply(1, b"s" * 16, b"g" * 16))
    talk.client.rekey()
    talk.ask(f.Post(GROUP, f.Kind.MESSAGE, ID, 1, 0, MLS), f.Ping())
    talk.server.rekey()
    talk.answer(f.Accepted(ID, 1), f.Done())
    talk.renew()
    talk.ask(f.Post(GROUP, f.Kind.MESSAGE, ID, 2, 1, bytes(150_000)))
    talk.client.rekey()
    talk.tell(f.LogGrew(GROUP, (f.Entry(1, f.Kind.MESSAGE, DEVICE, ID, MLS),), 1))
    talk.renew()
    talk.ask(f.Ping())
    talk.close()
    return Seen(capture.save(folder / "capture.pcap"), folder / "keys")


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Seen:
    return record(tmp_path_factory.mktemp("seen"), 7617, 1460)


# --- without keys --------------------------------------------------------------------------------


def test_handshake_shows_each_token_with_its_size_and_meaning(seen: Seen) -> None:
    text = seen.text(with_keys=False)
    for line in (
        "Handshake message 1: e, e1, 1440 bytes",
        "Handshake message 2: e, ee, ekem1, s, es, 1648 bytes",
        "ee: no bytes; the Diffie-Hellman of both e",
        "es: no bytes; the Diffie-Hellman of the client's e and the server's s",
    ):
        assert line in text
    sizes = {
        token: [len(value.split(":")) for value in fields(seen.json(with_keys=False), token)]
        for token in ("coterie.e", "coterie.e1", "coterie.ekem1", "coterie.s")
    }
    assert sizes == {
        "coterie.e": [256, 256],
        "coterie.e1": [1184],
        "coterie.ekem1": [1104],
        "coterie.s": [272],
    }


def test_without_keys_a_record_is_ciphertext_with_a_tag_and_nothing_more(seen: Seen) -> None:
    out = seen.json(with_keys=False)
    ciphertexts = fields(out, "coterie.ciphertext")
    assert len(ciphertexts) == len(fields(out, "coterie.record")) > 15
    for name in ("type", "data", "frame", "value", "text", "bytes", "mls", "n", "handshake"):
        found = fields(out, f"coterie.{name}")
        assert found == (["1", "2"] if name == "handshake" else [])
    assert fields(out, "coterie.malformed") == fields(out, "coterie.unopened") == []


# --- with keys -----------------------------------------------------------------------------------


def test_with_keys_all_frames_show_through_every_rekey_and_renewal(seen: Seen) -> None:
    out = seen.json()
    assert fields(out, "coterie.frame") == FRAMES
    assert len(fields(out, "coterie.type")) == len(fields(out, "coterie.record"))
    types = fields(out, "coterie.type")
    assert [types.count(one) for one in "0123"] == [len(types) - 11, 3, 6, 2]
    assert fields(out, "coterie.handshake") == ["1", "2"] * 3
    assert fields(out, "coterie.malformed") == fields(out, "coterie.unopened") == []


def test_counter_goes_on_over_a_rekey_and_begins_again_with_a_renewal(seen: Seen) -> None:
    out = seen.json()
    senders, counters = fields(out, "coterie.sender"), fields(out, "coterie.n")
    of_client = [int(n) for n, who in zip(counters, senders, strict=True) if who == "client"]
    assert of_client[:5] == [0, 1, 2, 3, 4]  # hello, rekey, post, renew, its marker
    assert of_client[5:] == [0, 1, 2, 3, 4, 5, 0, 1]  # three of a large post, rekey, renew; ping


def test_inside_a_frame_the_mls_message_shows_its_clear_header_and_stays_sealed(seen: Seen) -> None:
    out = seen.json()
    assert fields(out, "coterie.mls") == ["2", "2"]
    assert fields(out, "coterie.mls.epoch") == ["7", "7"]
    assert fields(out, "coterie.mls.group_id") == [GROUP.hex(":")] * 2
    assert fields(out, "coterie.mls.content_type") == ["1", "1"]
    assert fields(out, "coterie.mls.seq") == ["41", "41"]
    assert fields(out, "coterie.mls.chain") == [(b"c" * 32).hex(":")] * 2
    assert fields(out, "coterie.mls.ciphertext") == [(b"sealed" * 20).hex(":")] * 2


def test_values_of_a_frame_show_by_name(seen: Seen) -> None:
    text = seen.text()
    for line in (
        "Frame: request Post, ",
        "type: Post",
        "kind: 1",
        f"message_id: {ID.hex()} (16 bytes)",
        "list_change: nil",
        "versions (1)",
        "bytes of a frame that goes on",
    ):
        assert line in text


def test_tag_is_not_part_of_what_is_shown_as_stream(seen: Seen) -> None:
    stream = fields(seen.json(), "coterie.data")[0]
    assert bytes.fromhex(stream.replace(":", ""))[4:] == bytes.fromhex(
        "920182a474797065a548656c6c6fa876657273696f6e739101"
    )


# --- other ways to see it ------------------------------------------------------------------------


def test_protocol_is_known_by_its_content_on_any_port_and_in_large_segments(tmp_path: Path) -> None:
    seen = record(tmp_path, 40_123, LARGEST)
    assert fields(seen.json(), "coterie.frame") == FRAMES


def test_segments_of_a_single_byte_show_the_same(tmp_path: Path) -> None:
    capture = Capture()
    stream = Stream(capture, server_port=7617)
    talk = Conversation(
        tmp_path / "keys",
        lambda data: stream.says(data, is_client=True, segment=1),
        lambda data: stream.says(data, is_client=False, segment=1),
    )
    talk.ask(f.Hello((1,)))
    talk.close()
    seen = Seen(capture.save(tmp_path / "capture.pcap"), tmp_path / "keys")
    assert fields(seen.json(), "coterie.frame") == ["Hello"]


def test_two_connections_at_once_are_told_apart(tmp_path: Path) -> None:
    capture = Capture()
    streams = [Stream(capture, server_port=7617, client_port=port) for port in (50_001, 50_002)]
    talks = [
        Conversation(
            tmp_path / "keys",
            lambda data, stream=stream: stream.says(data, is_client=True),  # type: ignore[misc]
            lambda data, stream=stream: stream.says(data, is_client=False),  # type: ignore[misc]
        )
        for stream in streams
    ]
    for _ in range(2):
        for number, talk in enumerate(talks):
            talk.ask(f.FetchAccount(f"account{number}"))
    for talk in talks:
        talk.close()
    seen = Seen(capture.save(tmp_path / "capture.pcap"), tmp_path / "keys")
    found = [text for text in fields(seen.json(), "coterie.text") if text.startswith("account")]
    assert found == ["account0", "account1"] * 2


def test_second_pass_shows_what_was_found_out_in_the_first(seen: Seen) -> None:
    words = ("-2", "-T", "json", "-J", "coterie", "--no-duplicate-keys")
    assert fields(shown(seen.capture, words, seen.keys), "coterie.frame") == FRAMES


def test_connection_with_the_ports_of_an_earlier_one_is_another(tmp_path: Path) -> None:
    capture = Capture()
    for first, name in ((1000, "first"), (90_000, "second")):
        stream = Stream(capture, server_port=7617, first=first)
        talk = Conversation(
            tmp_path / "keys",
            lambda data, stream=stream: stream.says(data, is_client=True),  # type: ignore[misc]
            lambda data, stream=stream: stream.says(data, is_client=False),  # type: ignore[misc]
        )
        talk.ask(f.FetchAccount(name))
        talk.close()
    seen = Seen(capture.save(tmp_path / "capture.pcap"), tmp_path / "keys")
    assert fields(seen.json(), "coterie.frame") == ["FetchAccount"] * 2


def test_capture_that_begins_later_says_that_its_keys_cannot_be_found(seen: Seen) -> None:
    words = ("-Y", "frame.number > 6", "-w", str(seen.capture.with_name("late.pcap")))
    tshark(seen.capture, *words, dissector=None)
    late = Seen(seen.capture.with_name("late.pcap"), seen.keys)
    out = late.json()
    assert fields(out, "coterie.frame") == fields(out, "coterie.handshake") == []
    assert len(fields(out, "coterie.record")) > 10
    assert "the capture began after the handshake" in late.text()


def test_key_log_without_the_last_keys_opens_what_it_can(seen: Seen, tmp_path: Path) -> None:
    lines = seen.keys.read_text().splitlines(keepends=True)
    (tmp_path / "keys").write_text("".join(lines[:4]) + lines[4][:-10])
    some = Seen(seen.capture, tmp_path / "keys")
    assert fields(some.json(), "coterie.frame") == FRAMES[:6]
    assert "its key is not in the log" in some.text()


@pytest.mark.parametrize("n", [0, 2**32 - 1, 2**40 + 3])
def test_records_of_all_sizes_and_counters_open_as_they_were_sealed(tmp_path: Path, n: int) -> None:
    """The dissector's AES in counter mode against pyca's, whose own is tested against NIST's vectors."""
    capture = Capture()
    stream = Stream(capture, server_port=7617)
    talk = Conversation(
        tmp_path / "keys",
        lambda data: stream.says(data, is_client=True),
        lambda data: stream.says(data, is_client=False),
    )
    for channel, cipher in ((talk.client, "_send"), (talk.server, "_receive")):
        getattr(channel, cipher).n = n
    talk.client._sent_before = -n  # so many records were not made
    talk.client._log_send_key()
    for size in range(1, 40):
        talk.client.send_data(bytes(range(size)))
        talk.deliver()
    seen = Seen(capture.save(tmp_path / "capture.pcap"), tmp_path / "keys")
    found = fields(seen.json(), "coterie.data")
    assert found == [bytes(range(size)).hex(":") for size in range(1, 40)]
    assert fields(seen.json(), "coterie.n") == [str((n + k) % 2**32) for k in range(39)]


def test_other_protocols_on_other_ports_are_left_alone(tmp_path: Path) -> None:
    capture = Capture()
    stream = Stream(capture, server_port=40_123)
    stream.says(b"GET / HTTP/1.1\r\n\r\n", is_client=True)
    stream.says((1440).to_bytes(4, "big") + b"\xff" * 1440, is_client=False)
    path = capture.save(tmp_path / "capture.pcap")
    assert tshark(path, "-Y", "coterie") == ""
    assert DISSECTOR.is_file()
