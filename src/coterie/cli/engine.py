"""What the commands of a client set in motion. All of it is imported when used, so that ``--help`` stays quick."""

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from coterie.cli import output

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from coterie.client.api import Backend
    from coterie.client.enrolment import Stage
    from coterie.client.joining import JoinedAccount
    from coterie.client.key_log import KeyLogFile
    from coterie.client.seams import Seams
    from coterie.secret import Secret
    from coterie.wire.invite import Address, Invite

    Passphrase = Callable[[], Secret]


class Engine:
    """The real one. Tests bring another with the same methods."""

    key_log: "KeyLogFile | None" = None

    def configure_logs(self, *, is_debug: bool) -> None:
        """Logs go to stderr."""
        from coterie import logs

        logs.configure(debug=is_debug)

    def default_profile(self) -> "Path":
        """The folder of this user's profile."""
        from coterie.client.profile import default_folder

        return default_folder()

    def start_key_log(self, path: "Path") -> None:
        """The keys of connections made from now on are written there. Raises StorageError."""
        from coterie.client.key_log import KeyLogFile

        self.key_log = KeyLogFile(path)

    def open_backend(
        self, folder: "Path", passphrase: "Passphrase", *, is_for_screen: bool = False
    ) -> "AbstractAsyncContextManager[Backend]":
        """The profile, opened here or by the process that holds it. Raises InvalidInput for a senseless environment.

        For a screen it is there at once, and most of the client is loaded while the screen is drawn.
        """
        return self._open_backend(folder, passphrase, is_for_screen=is_for_screen)

    @asynccontextmanager
    async def _open_backend(
        self, folder: "Path", passphrase: "Passphrase", *, is_for_screen: bool
    ) -> "AsyncIterator[Backend]":
        if is_for_screen:
            from coterie.client.early import open_early

            opened = open_early(folder, self._seams, passphrase=passphrase)
        else:
            from coterie.client.backend import open_backend

            opened = open_backend(folder, passphrase=passphrase, seams=self._seams())
        async with opened as backend:
            if elsewhere := self.keys_elsewhere(backend):
                output.note(elsewhere)
            yield backend

    def keys_elsewhere(self, backend: "Backend") -> str:
        """What to tell who asked for a key log that stays empty; nothing where it does not."""
        if self.key_log is None:
            return ""
        from coterie.client.local import Remote

        if not isinstance(backend, Remote):
            return ""
        return "the connection is another process's, and its keys are not written here"

    def _seams(self) -> "Seams":
        from coterie.client.transport import real_seams

        return real_seams(self.key_log)

    async def join(
        self,
        folder: "Path",
        invite: "Invite",
        name: str,
        password: "Secret",
        *,
        custody: str | None,
        passphrase: "Passphrase",
        progress: "Callable[[Stage], object]",
    ) -> "JoinedAccount":
        """A new account with its first device, whose profile is ``folder``."""
        from coterie.client.custody import Custody
        from coterie.client.joining import join

        return await join(
            folder,
            invite,
            name,
            password,
            custody=Custody(custody) if custody else None,
            passphrase=passphrase,
            progress=progress,
            seams=self._seams(),
        )

    async def reach(self, folder: "Path", address: "Address", passphrase: "Passphrase") -> str:
        """Changes where the profile finds its server, once it was found there; the account's name."""
        from coterie.client.reaching import reach

        return await reach(folder, address, self._seams(), passphrase=passphrase)
