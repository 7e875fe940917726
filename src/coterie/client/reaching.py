"""How a profile reaches its server, changed: the server has moved, or has got a certificate, or another one."""

from dataclasses import replace
from pathlib import Path

from coterie.client import account as accounts
from coterie.client.connection import Connection
from coterie.client.profile import Passphrase, Profile, ProfileInUse
from coterie.client.running import open_store
from coterie.client.seams import Seams
from coterie.client.store import Store
from coterie.errors import StorageError
from coterie.wire.invite import Address


async def reach(
    folder: Path, address: Address, seams: Seams, *, passphrase: Passphrase | None = None
) -> str:
    """Logs in at ``address``, and keeps it for the profile in ``folder``; the account's name.

    Whatever fails, nothing is changed. Raises as ``Profile.open``, ``Connection.open`` and ``Connection.log_in``.
    """
    try:
        with Profile.open(folder, passphrase) as profile:
            store = open_store(profile)
            try:
                return await _reach(store, folder, address, seams)
            finally:
                store.close()
    except ProfileInUse as error:
        raise StorageError(
            str(error), hint="end that process first: it would go on at the old address"
        ) from error
    finally:
        seams.threads.close()


async def _reach(store: Store, folder: Path, address: Address, seams: Seams) -> str:
    found = accounts.load(store)
    if found is None or not found[1]:
        raise StorageError(
            f"the profile in {folder} has no account yet",
            hint="`coterie join INVITE NAME` makes one, or goes on with it",
        )
    account = replace(found[0], address=address)
    connection = await Connection.open(address, account.fingerprint, seams)
    try:
        await connection.log_in(account.identity)
    finally:
        await connection.close()
    accounts.save(store, account, is_made=True)
    return account.name
