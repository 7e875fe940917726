"""A conversation with a server at --debug: its log tells the story, and nothing that is nobody's business."""

import base64
import json
from contextlib import suppress
from pathlib import Path
from secrets import token_bytes, token_hex

import msgspec

from coterie.client import enrolment
from coterie.client.connection import Connection
from coterie.client.device import Enrolled
from coterie.client.seams import LoopClock, PoolThreads, Seams
from coterie.client.transport import TCP
from coterie.errors import NotAuthenticated
from coterie.opaque.stretch import IDENTITY
from coterie.secret import Secret
from coterie.wire import chain
from coterie.wire import frames as f
from tests.asynchronous import asynchronous
from tests.server.process import running
from tests.server.world import post

GROUP = token_bytes(16)


def shapes(mark: bytes) -> list[bytes]:
    """How bytes can look in a text."""
    encoded = base64.b64encode(mark)
    return [
        mark,
        mark.hex().encode(),
        encoded.rstrip(b"=")[:-1],
        encoded.translate(bytes.maketrans(b"+/", b"-_")).rstrip(b"=")[:-1],
        repr(mark)[2:-1].encode(),
    ]


@asynchronous
async def test_debug_log_tells_sizes_and_times_and_no_name_key_token_or_text(
    tmp_path: Path,
) -> None:
    name, password = f"m{token_hex(8)}", Secret(token_hex(16).encode())
    body, welcome = token_bytes(32), token_bytes(32)
    seams = Seams(TCP(), PoolThreads(), LoopClock())

    async def save(enrolled: Enrolled) -> None:
        """A test keeps it in memory."""

    async with running(tmp_path, "--debug") as server:
        invite = server.invite
        enrolled = await enrolment.join(
            invite, name, password, seams, before_finish=save, stretch=IDENTITY
        )
        connection = await Connection.open(invite.address, invite.fingerprint, seams)
        await connection.log_in(enrolled.identity)
        await connection.call(f.CreateGroup(GROUP), f.Done)
        await connection.call(f.Subscribe(GROUP, 0, chain.first(GROUP)), f.Subscribed)
        change = f.ListChange(add=(enrolled.device,))
        to_self = f.WelcomeFor(welcome, (enrolled.device,))
        commit = post(GROUP, 1, kind=f.Kind.COMMIT, body=body, change=change, welcome=to_self)
        await connection.call(commit, f.Accepted)
        await connection.call(f.FetchInbox(0), f.Inbox)
        await connection.call(f.FetchAccount(name), f.Account)
        await connection.call(f.UploadKeyPackages((body,), welcome), f.KeyPackageCount)
        await connection.call(f.FetchKeyPackages(name), f.KeyPackages)
        await connection.request(f.Post(GROUP, f.Kind.MESSAGE, token_bytes(16), 9, 9, body))
        await connection.renew()
        for tried in (Secret(b"wrong"), password):
            with suppress(NotAuthenticated):
                await enrolment.password_login(
                    invite.address, invite.fingerprint, name, tried, seams, stretch=IDENTITY
                )
        handshake_hash = connection.handshake_hash
        await connection.close()
        server.terminate()
        _, told = await server.ended()
    seams.threads.close()
    kept = msgspec.msgpack.decode((tmp_path / "secrets").read_bytes())
    private = {
        "name": name.encode(),
        "password": password.expose(),
        "body": body,
        "welcome": welcome,
        "token": invite.token,
        "device key": enrolled.device_key.expose(),
        "device": enrolled.device,
        "group": GROUP,
        "message id": commit.message_id,
        "handshake hash": handshake_hash,
        "server's key": kept["noise_static"],
        "OPRF seed": kept["opaque"][:64],
        "OPAQUE key": kept["opaque"][64:],
    }
    log = told.encode()
    for what, mark in private.items():
        for shape in shapes(mark):
            assert shape not in log, what
    lines = [json.loads(line) for line in told.splitlines()]
    events = {line["event"] for line in lines}
    assert events >= {
        "serving",
        "handshake",
        "key-derived",
        "account-made",
        "device-logged-in",
        "request",
        "posted",
        "flushed",
        "renewed",
        "stopping",
        "stopped",
    }
    posted = [line for line in lines if line["event"] == "posted"]
    assert [(p["answer"], p["seq"], p["kind"]) for p in posted] == [
        ("Accepted", 1, "COMMIT"),
        ("OutOfOrder", None, "MESSAGE"),
    ]
    assert posted[0]["group"] == GROUP.hex()[:8]
    handshake = next(line for line in lines if line["event"] == "handshake")
    assert (handshake["received"], handshake["sent"]) == (1440, 1648)
    assert all(line["duration_ms"] >= 0 for line in lines if "duration_ms" in line)
    keys = [line for line in lines if line["event"] == "key-derived"]
    assert any(str(key["name"]).startswith("noise.") for key in keys)
    assert any(str(key["name"]).startswith("opaque.") for key in keys)
