"""Key stretching functions: ``Stretch`` of RFC 9807 section 2.2.

The numbers are fixed in the client: a server must not be able to lower them.
"""

from dataclasses import dataclass
from typing import Protocol

from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from coterie.secret import Secret


class Stretch(Protocol):
    """A key stretching function."""

    def stretch(self, oprf_output: Secret) -> Secret: ...


@dataclass(frozen=True, slots=True)
class _Argon2id:
    """Argon2id (RFC 9106), with the zero salt of RFC 9807 section 7: the OPRF's output is salted already."""

    memory_kib: int
    iterations: int
    lanes: int
    length: int

    def stretch(self, oprf_output: Secret) -> Secret:
        """``length`` bytes. Takes a tenth of a second and the memory: run it in a thread."""
        kdf = Argon2id(
            salt=bytes(16),
            length=self.length,
            iterations=self.iterations,
            lanes=self.lanes,
            memory_cost=self.memory_kib,
        )
        return Secret(kdf.derive(oprf_output.expose()))

    def encode(self) -> bytes:
        """The numbers, 4 bytes each, as they stand in the context."""
        numbers = (self.memory_kib, self.iterations, self.lanes, self.length)
        return b"".join(number.to_bytes(4, "big") for number in numbers)


class _Identity:
    """No stretching: for the published vectors."""

    def stretch(self, oprf_output: Secret) -> Secret:
        """What came."""
        return oprf_output


ARGON2ID = _Argon2id(memory_kib=64 * 1024, iterations=3, lanes=4, length=64)
IDENTITY: Stretch = _Identity()
