"""A profile, opened in this process, or reached in the one that has it open."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from coterie.client import api
from coterie.client.local import Remote, is_served, serving
from coterie.client.profile import Passphrase, Profile, ProfileInUse
from coterie.client.running import Running, open_store
from coterie.client.seams import Seams
from coterie.client.service import Service
from coterie.client.transport import real_seams

HAND_OVER_S = (
    5.0  # while one process ends and another begins, neither lock nor socket is there for a moment
)
RETRY_AFTER_S = 0.05


@asynccontextmanager
async def open_backend(
    folder: Path, *, passphrase: Passphrase | None = None, seams: Seams | None = None
) -> AsyncIterator[api.Backend]:
    """What answers requests for the profile in ``folder``.

    Who has it open serves the user's other processes too, until it ends. Raises StorageError, InvalidInput.
    """
    deadline = asyncio.get_running_loop().time() + HAND_OVER_S
    while True:
        try:
            profile = Profile.open(folder, passphrase)
            break
        except ProfileInUse as in_use:
            if await is_served(in_use.socket_path):
                yield Remote(in_use.socket_path)
                return
            if asyncio.get_running_loop().time() > deadline:
                raise
            await asyncio.sleep(RETRY_AFTER_S)
    try:
        store = open_store(profile)
        try:
            custody = profile.custody.sentence
            async with Running(store, folder, custody, seams or real_seams()) as running:
                service = Service(running)
                async with serving(service, profile.socket_path):
                    yield service
        finally:
            store.close()
    finally:
        profile.close()
