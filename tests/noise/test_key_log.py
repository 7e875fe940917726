"""A channel that was asked for its keys hands out every one of them; one that was not, none."""

import re
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

import coterie
from coterie.noise.channel import Channel, RecordKey
from tests.noise.pairs import events, pair
from tests.noise.test_renewal import renew


def open_all(keys: list[RecordKey], direction: str, records: list[bytes]) -> list[bytes]:
    """What the records of a direction hold, opened by the log alone."""
    plaintexts = []
    for number, record in enumerate(records):
        key = [k for k in keys if k.direction == direction and k.first_record <= number][-1]
        nonce = (key.n + number - key.first_record).to_bytes(12, "big")
        plaintexts.append(AESGCM(key.key.expose()).decrypt(nonce, record, b""))
    return plaintexts


def split(wire: bytes) -> list[bytes]:
    """The records in it."""
    records = []
    while wire:
        end = 4 + int.from_bytes(wire[:4], "big")
        records.append(wire[4:end])
        wire = wire[end:]
    return records


def test_log_opens_every_record_of_both_directions_through_rekeys_and_renewals() -> None:
    client, server = pair(rekey_after_records=3)
    keys: list[RecordKey] = []
    client.log_keys(keys.append)
    wire = {client: b"", server: b""}
    taken = {client: client.data_to_send, server: server.data_to_send}
    for channel in (client, server):

        def data_to_send(channel: Channel = channel) -> bytes:
            data = taken[channel]()
            wire[channel] += data
            return data

        channel.data_to_send = data_to_send  # type: ignore[method-assign]
    for round_ in range(4):
        for number in range(5):
            client.send_data(b"c%d%d" % (round_, number))
            server.send_data(b"s%d%d" % (round_, number))
        events(server, client.data_to_send())
        events(client, server.data_to_send())
        renew(client, server)
    for channel, direction, who in (
        (client, "initiator-to-responder", b"c"),
        (server, "responder-to-initiator", b"s"),
    ):
        opened = open_all(keys, direction, split(wire[channel]))
        data = [plaintext[1:] for plaintext in opened if plaintext[:1] == b"\0"]
        assert data == [who + b"%d%d" % (r, n) for r in range(4) for n in range(5)]
        assert sum(k.direction == direction for k in keys) == 1 + 4 * (1 + 1)  # rekeys, renewals


def test_key_does_not_print() -> None:
    client, _ = pair()
    keys: list[RecordKey] = []
    client.log_keys(keys.append)
    assert len(keys) == 2
    for key in keys:
        assert key.key.expose().hex() not in repr(key)
        assert repr(key.key.expose())[2:-1] not in repr(key)


def test_channel_that_was_not_asked_hands_out_nothing() -> None:
    client, server = pair()
    keys: list[RecordKey] = []
    client.log_keys(keys.append)
    del keys[:]
    server.rekey()  # its own was not asked for
    assert keys == []
    events(client, server.data_to_send())
    assert [key.direction for key in keys] == ["responder-to-initiator"]


@pytest.mark.parametrize(
    ("name", "where"),
    [
        ("key_for_key_log", {"noise/channel.py", "noise/symmetric.py"}),
        ("log_keys", {"noise/channel.py", "client/connection.py"}),
    ],
)
def test_keys_have_one_way_out_and_one_who_opens_it(name: str, where: set[str]) -> None:
    package = Path(coterie.__file__).parent
    found = {
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        if re.search(rf"\b{name}\(", path.read_text(encoding="utf-8"))
    }
    assert found == where
