"""mls-rs through its Python binding, behind JSON lines: run by ``mls.py`` in an environment that has it.

A request is ``{"do": name, ...}``, bytes are in hex. The answer has ``seconds``: the library's time alone, from bytes
to bytes, what the binding costs included.
"""

import json
import sys
import time
from collections.abc import Callable
from typing import Any

import mls_rs_uniffi as mls


class Peer:
    """One client and its group."""

    def __init__(self) -> None:
        suite = mls.CipherSuite.CURVE25519_AES128
        keys = mls.generate_signature_keypair(suite)
        self._client = mls.Client(b"mls-rs", keys, mls.client_config_default())
        self._group: Any = None

    def key_package(self) -> dict[str, Any]:
        return {"message": self._client.generate_key_package_message().to_bytes().hex()}

    def create(self, key_packages: list[str]) -> dict[str, Any]:
        self.__init__()  # type: ignore[misc]  # a new client for a new group
        given = list(map(bytes.fromhex, key_packages))

        def run() -> bytes:
            self._group = self._client.create_group(None)
            out = self._group.add_members([mls.Message.from_bytes(each) for each in given])
            self._group.process_incoming_message(out.commit_message)
            return out.welcome_message.to_bytes()  # type: ignore[no-any-return]

        return timed(run)

    def join(self, message: str) -> dict[str, Any]:
        given = bytes.fromhex(message)

        def run() -> bytes:
            self._group = self._client.join_group(None, mls.Message.from_bytes(given)).group
            return b""

        return timed(run)

    def update(self) -> dict[str, Any]:
        def run() -> bytes:
            out = self._group.commit()
            self._group.process_incoming_message(out.commit_message)
            return out.commit_message.to_bytes()  # type: ignore[no-any-return]

        return timed(run)

    def process(self, message: str) -> dict[str, Any]:
        given = bytes.fromhex(message)

        def run() -> bytes:
            received = self._group.process_incoming_message(mls.Message.from_bytes(given))
            return received.data if received.is_application_message() else b""

        return timed(run)

    def encrypt(self, data: str) -> dict[str, Any]:
        given = bytes.fromhex(data)
        return timed(lambda: self._group.encrypt_application_message(given).to_bytes())


def timed(run: Callable[[], bytes]) -> dict[str, Any]:
    began = time.perf_counter()
    message = run()
    return {"seconds": time.perf_counter() - began, "message": message.hex()}


def main() -> None:
    peer = Peer()
    for line in sys.stdin:
        request = json.loads(line)
        print(json.dumps(getattr(peer, request.pop("do"))(**request)), flush=True)


if __name__ == "__main__":
    main()
