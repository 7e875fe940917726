"""What tshark records of a whole day tells nothing but sizes and times."""

import asyncio
import base64
import random
import zlib
from collections.abc import Iterator

import pytest

from coterie.noise.channel import MESSAGE_1_SIZE, MESSAGE_2_SIZE
from coterie.noise.records import MessageSplitter
from tests.e2e import inflating, randomness, searching
from tests.e2e.day import Day, a_day
from tests.e2e.talk import mark
from tests.wireshark.tshark import fields, tshark


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Day:
    return asyncio.run(a_day(tmp_path_factory.mktemp("day")))


def messages(stream: bytes) -> list[bytes]:
    """The Noise messages in what a side said, which ends with one."""
    splitter = MessageSplitter()
    splitter.receive_data(stream)
    found = list(iter(splitter.next_message, None))
    assert splitter.take_rest() == b""
    return found


def handshakes(day: Day) -> Iterator[tuple[bytes, bytes]]:
    for connection in day.connections.values():
        yield messages(connection.client)[0], messages(connection.server)[0]


def records(day: Day) -> list[bytes]:
    """All of the day, both ways."""
    return [
        record
        for connection in day.connections.values()
        for stream in (connection.client, connection.server)
        for record in messages(stream)[1:]
    ]


# --- there is something to see -------------------------------------------------------------------


def test_capture_has_the_whole_day(day: Day) -> None:
    """With the key log, every part of the day is found in it: the search looks at the right bytes."""
    out = tshark(
        day.capture,
        "-T",
        "json",
        "-J",
        "coterie",
        "--no-duplicate-keys",
        "-Y",
        "coterie",
        key_log=day.keys_file,
    )
    names = fields(out, "coterie.frame")
    assert {
        "RegisterFinish",
        "DeviceLogin",
        "PasswordLoginFinish",
        "PasswordLoggedIn",
        "Failed",  # the wrong password
        "Post",
        "LogGrew",
    } <= set(names)
    types = fields(out, "coterie.type")
    assert types.count("1") >= 4, "rekeys"
    assert types.count("2") >= 6, "renewals"
    assert fields(out, "coterie.unopened") == fields(out, "coterie.malformed") == []
    assert len(types) == len(records(day))
    shown = {bytes.fromhex(value.replace(":", "")) for value in fields(out, "coterie.bytes")}
    assert any(len(value) > 50_000 for value in shown), "the file, which MLS has sealed"


def test_there_are_secrets_to_look_for(day: Day) -> None:
    assert len(day.said) >= 8
    assert len(day.typed) == 3
    for part in ("noise.", "opaque.", "mls.", "server.static.private", "oprf_seed", "record key"):
        assert any(part in name for name in day.keys), part


# --- no plaintext, name, password or key ---------------------------------------------------------


def test_nothing_that_was_said_typed_or_derived_is_in_the_capture(day: Day) -> None:
    sources = [("the file", day.capture.read_bytes()), *day.streams]
    assert searching.find(day.everything, sources) == []


def test_nothing_that_was_said_or_typed_is_in_it_compressed(day: Day) -> None:
    assert inflating.find(day.said | day.typed, day.streams) == []


def test_search_finds_a_planted_control_in_every_form(day: Day) -> None:
    capture = day.capture.read_bytes()
    half = len(capture) // 2
    planted = {"a text": mark().encode(), "a key": random.Random(2).randbytes(32)}  # noqa: S311
    for name, secret in planted.items():
        for form, written in searching.plant(secret):
            sources = [("it", capture[:half] + written + capture[half:])]
            assert f"{name} in it, {form}" in searching.find(planted, sources)
    text = b"before " + planted["a text"] + b" behind"
    for compressed in (
        zlib.compress(text),
        zlib.compress(text * 9, level=1),
        zlib.compress(text, wbits=-15),
        zlib.compress(text, wbits=31),
    ):
        source = capture[half : half + 500] + compressed + capture[half : half + 500]
        assert inflating.find(planted, [("it", source)]) != []


# --- ciphertext is as random bytes ---------------------------------------------------------------


def test_each_large_record_and_all_of_them_joined_cannot_be_told_from_random_bytes(
    day: Day,
) -> None:
    """By the tests that ``randomness`` states: a false alarm in less than one of a million runs."""
    large = [record for record in records(day) if len(record) >= randomness.LEAST]
    assert len(large) >= 10
    assert [alarm for record in large for alarm in randomness.alarms(record)] == []
    assert randomness.alarms(b"".join(records(day))) == []


def test_no_two_records_share_a_keystream(day: Day) -> None:
    assert randomness.shared_keystreams(records(day)) == []


def test_score_of_random_bytes_is_normal() -> None:
    """So that the stated false-alarm rate is the true one. The generator has a seed: it always goes well."""
    chance = random.Random(3)  # noqa: S311
    scores = [randomness.z_of(chance.randbytes(randomness.LEAST)) for _ in range(2000)]
    mean = sum(scores) / len(scores)
    spread = (sum((z - mean) ** 2 for z in scores) / len(scores)) ** 0.5
    assert abs(mean) < 0.1
    assert 0.95 < spread < 1.05
    beyond = sum(abs(z) > 1.96 for z in scores) / len(scores)
    assert 0.035 < beyond < 0.065, "one in twenty"
    assert max(map(abs, scores)) < 4.5


def test_what_is_not_random_is_an_alarm() -> None:
    """The controls: text, its encodings, ciphers as they are done wrong."""
    chance = random.Random(4)  # noqa: S311
    text = "".join(chance.choice("etaoinshrdlu ") for _ in range(6000)).encode()
    pad = chance.randbytes(16)
    for name, data in {
        "text": text,
        "base64": base64.b64encode(chance.randbytes(4000)),
        "a pad of 16 bytes again and again": randomness.xor(text, pad * 400),
        "a pad of one byte": bytes(byte ^ 0x5A for byte in text),
        "all values equally often": bytes(range(256)) * 16,
        "random, with a text in it": chance.randbytes(4096) + text[:1500],
    }.items():
        assert randomness.alarms(data) != [], name
    pad = chance.randbytes(6000)
    records_ = [randomness.xor(text, pad), randomness.xor(text[::-1], pad), chance.randbytes(5000)]
    assert [randomness.alarms(record) for record in records_] == [[], [], []]
    assert len(randomness.shared_keystreams(records_)) == 1


# --- public values -------------------------------------------------------------------------------


def test_all_public_values_of_all_connections_differ(day: Day) -> None:
    values = []
    for message_1, message_2 in handshakes(day):
        assert (len(message_1), len(message_2)) == (MESSAGE_1_SIZE, MESSAGE_2_SIZE)
        values += [
            message_1[:256],  # e
            message_1[256:],  # e1
            message_2[:256],  # e
            message_2[256:1360],  # ekem1
            message_2[1360:1632],  # s, the same key each time, encrypted
            message_2[1632:],  # a tag
        ]
    assert len(values) >= 6 * 7
    assert len(set(values)) == len(values)
