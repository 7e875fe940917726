"""Notes the keys that come to be, by name, size and fingerprint."""

import hashlib
import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from coterie import secret
from coterie.explain.step import Key, Who
from coterie.secret import Secret

FINGERPRINT_DIGITS = 8


class KeyRing:
    """One salt for all that is noted, so that the same key shows as the same with whoever holds it."""

    def __init__(self) -> None:
        self._salt = secrets.token_bytes(32)

    @contextmanager
    def noting(self, who: Who) -> Iterator[list[Key]]:
        """The keys that ``who`` derives meanwhile, each once."""
        keys: list[Key] = []

        def note(name: str, value: Secret) -> None:
            key = Key(name, len(value), self.fingerprint(value), who)
            if key not in keys:
                keys.append(key)

        secret.observe(note)
        try:
            yield keys
        finally:
            secret.observe(None)

    def fingerprint(self, value: Secret) -> str:
        """8 hexadecimal digits of SHA-256 over the salt and the key."""
        digest = hashlib.sha256(self._salt + value.expose()).hexdigest()
        return digest[:FINGERPRINT_DIGITS]
