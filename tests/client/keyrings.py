"""Keyrings in memory, so that no test touches the machine's own."""

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.backends import chainer
from keyring.errors import KeyringLocked, PasswordDeleteError


class MemoryKeyring(KeyringBackend):
    """Keeps what it is given."""

    priority = 5.0

    @classmethod
    def _register(cls) -> None:
        """Not among those that keyring offers to everybody, as soon as they are defined."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # keyring's has no types
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        if (service, username) not in self.kept:
            raise PasswordDeleteError("no such password")
        del self.kept[service, username]


class LockedKeyring(MemoryKeyring):
    """Its person has closed the window that asked for its password."""

    def get_password(self, service: str, username: str) -> str | None:
        raise KeyringLocked("locked")

    def set_password(self, service: str, username: str, password: str) -> None:
        raise KeyringLocked(f"locked, so {password} was not kept")


class ForgetfulKeyring(MemoryKeyring):
    """Says nothing, and keeps nothing."""

    def set_password(self, service: str, username: str, password: str) -> None:
        pass


class PlaintextKeyring(MemoryKeyring):
    """As keyrings.alt has them: a file that anybody can read, and a priority that says so."""

    priority = 0.5


class ChainOfKeyrings(chainer.ChainerBackend):
    """What keyring chooses where it finds more than one."""

    def __init__(self, *members: KeyringBackend) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # keyring's has no types
        self.members = members

    @property
    def backends(self) -> list[KeyringBackend]:
        return list(self.members)

    @classmethod
    def _register(cls) -> None:
        """As above."""


def use(backend: KeyringBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes ``backend`` the system's keyring until the test ends."""
    monkeypatch.setattr(keyring.core, "_keyring_backend", None)  # put back at the end
    keyring.set_keyring(backend)
