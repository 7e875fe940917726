"""tshark looks on while a client and a server talk over loopback, and reads along in the key log as it grows."""

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from coterie.client.key_log import KeyLogFile
from coterie.client.rotation import Rotation
from coterie.wire import frames as f
from tests.asynchronous import asynchronous
from tests.e2e.day import until
from tests.server.world import Server, serving
from tests.wireshark.tshark import DISSECTOR, TSHARK, environment, needs_tshark

pytestmark = needs_tshark

REQUESTS = 20


class Looking:
    """tshark on loopback; ``frames`` are the names of those that it has shown so far, in order."""

    def __init__(self, port: int, key_log: Path) -> None:
        assert TSHARK is not None
        shown = ("-l", "-T", "fields", "-e", "coterie.frame", "-Y", "coterie.frame")
        self._process = subprocess.Popen(  # noqa: S603
            [
                TSHARK, "-n", "-i", "lo", "-f", f"tcp port {port}",
                "-X", f"lua_script:{DISSECTOR}", "-o", f"coterie.keylog:{key_log}", *shown,
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(key_log.parent),
        )  # fmt: skip
        self.frames: list[str] = []
        self.said = ""
        self._readers = [threading.Thread(target=one) for one in (self._read_out, self._read_err)]
        for reader in self._readers:
            reader.start()

    @property
    def has_ended(self) -> bool:
        return self._process.poll() is not None

    def close(self) -> None:
        self._process.terminate()
        for reader in self._readers:
            reader.join()
        self._process.wait()

    def _read_out(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as out:
            for line in out:
                self.frames += line.decode().strip().split(",")

    def _read_err(self) -> None:
        assert self._process.stderr is not None
        with self._process.stderr as err:
            for line in err:
                self.said += line.decode()


@contextmanager
def looking(port: int, key_log: Path) -> Iterator[Looking]:
    one = Looking(port, key_log)
    try:
        yield one
    finally:
        one.close()


async def begin(server: Server, looking: Looking) -> None:
    """Connects until tshark has seen a whole connection: then it looks. Skips where it may not."""
    for _ in range(20):
        connection = await server.connect()
        await connection.close()
        try:
            await until(lambda: looking.frames[:1] == ["Hello"] or looking.has_ended, 1.0)
        except TimeoutError:
            continue
        if looking.has_ended:
            pytest.skip(f"tshark may not look at loopback: {looking.said[-300:]}")
        return
    raise AssertionError(f"tshark shows nothing: {looking.said}")


@asynchronous
async def test_live_capture_shows_the_frames_while_keys_turn_over(tmp_path: Path) -> None:
    key_log = KeyLogFile(tmp_path / "keys")
    async with serving(tmp_path / "server") as server:
        rotation = Rotation(rekey_after_records=3)
        server.seams = replace(server.seams, key_log=key_log, rotation=rotation)
        with looking(server.address.port, key_log.path) as tshark:
            await begin(server, tshark)
            who = await server.join("anna")
            connection = await server.log_in(who)
            for number in range(REQUESTS):
                await connection.call(f.FetchAccount("anna"), f.Account)
                if number == REQUESTS // 2:
                    await connection.renew()
            await until(lambda: tshark.frames.count("FetchAccount") == REQUESTS)
            await until(lambda: tshark.frames.count("Account") == REQUESTS)
            assert tshark.frames.count("DeviceLogin") == 3, "join, login, and after the renewal"
            assert "error" not in tshark.said.lower()
    key_log.close()
