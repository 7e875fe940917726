"""NEVER USE THIS. A chat as one should not build it, so that attacks have something to succeed on.

It encrypts, and that is all: an unauthenticated Diffie-Hellman, a stream cipher without a tag or a counter, passwords
in plaintext on the wire and on the disk, and one key for all messages, which the server has. Nothing but
``coterie attack --against plain`` imports it; an import contract sees to that.

Each record has its length in 4 bytes before it. The first is the login, in plaintext; the second and third are the
public values; then come records of ``nonce ‖ AES-CTR(text)``.
"""

import asyncio
import hashlib
import json
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from coterie.wire.invite import Address

NONCE_SIZE = 16  # bytes, in front of each record
LENGTH_SIZE = 4  # bytes
FILE = "chat.json"  # in the server's folder: key, passwords, messages


def encrypt(key: bytes, text: bytes) -> bytes:
    """``nonce ‖ ciphertext``. Nothing notices when it is altered."""
    nonce = secrets.token_bytes(NONCE_SIZE)
    return nonce + _crypt(key, nonce, text)


def decrypt(key: bytes, sealed: bytes) -> bytes:
    """Some text, always."""
    return _crypt(key, sealed[:NONCE_SIZE], sealed[NONCE_SIZE:])


def _crypt(key: bytes, nonce: bytes, text: bytes) -> bytes:
    return Cipher(algorithms.AES(key), modes.CTR(nonce)).encryptor().update(text)


class Line:
    """Records on a TCP connection, encrypted once ``agree`` has been run."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._key: bytes | None = None

    async def agree(self) -> None:
        """A key with whoever is at the other end."""
        private = X25519PrivateKey.generate()
        self.send(private.public_key().public_bytes_raw())
        public = X25519PublicKey.from_public_bytes(await self.receive())
        self._key = hashlib.sha256(private.exchange(public)).digest()

    def send(self, text: bytes) -> None:
        """One record."""
        record = text if self._key is None else encrypt(self._key, text)
        self._writer.write(len(record).to_bytes(LENGTH_SIZE, "big") + record)

    async def receive(self) -> bytes:
        """The next. Raises IncompleteReadError at the end."""
        size = int.from_bytes(await self._reader.readexactly(LENGTH_SIZE), "big")
        record = await self._reader.readexactly(size)
        return record if self._key is None else decrypt(self._key, record)

    def close(self) -> None:
        """Hangs up."""
        self._writer.close()


class NaiveServer:
    """Keeps its data in one file of ``folder``."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE
        folder.mkdir(parents=True, exist_ok=True)
        if self.path.exists():
            self._data: dict[str, Any] = json.loads(self.path.read_text())
        else:
            self._data = {"key": secrets.token_bytes(32).hex(), "passwords": {}, "messages": []}
        self.heard = asyncio.Condition()
        self._lines: set[Line] = set()

    def messages(self) -> list[tuple[str, str]]:
        """Who said what, in order, as everybody is shown it."""
        key = bytes.fromhex(self._data["key"])
        return [
            (sender, decrypt(key, bytes.fromhex(sealed)).decode(errors="replace"))
            for sender, sealed in self._data["messages"]
        ]

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[Address]:
        """On loopback."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        try:
            yield Address("127.0.0.1", server.sockets[0].getsockname()[1])
        finally:
            server.close()
            for line in self._lines:
                line.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = Line(reader, writer)
        self._lines.add(line)
        try:
            login = json.loads(await line.receive())
            name, password = login["name"], login["password"]
            if self._data["passwords"].setdefault(name, password) != password:
                return
            await line.agree()
            while True:
                await self._keep(name, await line.receive())
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # hung up
        finally:
            self._lines.discard(line)
            line.close()

    async def _keep(self, name: str, text: bytes) -> None:
        sealed = encrypt(bytes.fromhex(self._data["key"]), text)
        self._data["messages"].append((name, sealed.hex()))
        self.path.write_text(json.dumps(self._data))
        async with self.heard:
            self.heard.notify_all()


async def log_in(address: Address, name: str, password: str) -> Line:
    """A client's line; it speaks to whoever answers there."""
    reader, writer = await asyncio.open_connection(address.host, address.port)
    line = Line(reader, writer)
    line.send(json.dumps({"name": name, "password": password}).encode())
    await line.agree()
    return line
