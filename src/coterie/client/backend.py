"""A profile, opened in this process, or reached in the one that has it open."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from coterie.client import api
from coterie.client.closing import closing_quietly
from coterie.client.local import Remote, is_served, serving
from coterie.client.profile import Passphrase, Profile, ProfileInUse
from coterie.client.running import Running, open_store
from coterie.client.seams import Seams
from coterie.client.service import Service
from coterie.client.store import Store
from coterie.client.transport import real_seams

HAND_OVER_S = 10.0  # an ending process has no socket any more, and the lock until all is closed
RETRY_AFTER_S = 0.05


@asynccontextmanager
async def open_backend(
    folder: Path, *, passphrase: Passphrase | None = None, seams: Seams | None = None
) -> AsyncIterator[api.Backend]:
    """What answers requests for the profile in ``folder``.

    Who has it open serves the user's other processes too, until it ends. Raises StorageError, InvalidInput.
    """
    found = await _find(folder, passphrase)
    if isinstance(found, Remote):
        yield found
        return
    with found as profile, closing_quietly(open_store(profile)) as store:
        async with serve_profile(profile, store, seams or real_seams()) as service:
            yield service


@asynccontextmanager
async def serve_profile(profile: Profile, store: Store, seams: Seams) -> AsyncIterator[Service]:
    """What answers for a profile that this process holds; the user's other ones too."""
    async with Running(store, profile.folder, profile.custody.sentence, seams) as running:
        service = Service(running)
        async with serving(service, profile.socket_path):
            yield service


async def _find(
    folder: Path, passphrase: Passphrase | None, hand_over_s: float = HAND_OVER_S
) -> Profile | Remote:
    """The profile, for us alone; or who has it, once he can be asked. Raises ProfileInUse where he does not answer."""
    deadline = asyncio.get_running_loop().time() + hand_over_s
    while True:
        try:
            return Profile.open(folder, passphrase)
        except ProfileInUse as in_use:
            if await is_served(in_use.socket_path):
                return Remote(in_use.socket_path)
            if asyncio.get_running_loop().time() > deadline:
                raise
        await asyncio.sleep(RETRY_AFTER_S)
