"""A new account and the profile of its first device, made so that a crash at any moment loses nothing."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from coterie.client import account as accounts
from coterie.client import enrolment
from coterie.client.connection import Connection
from coterie.client.custody import Custody, delete_from_keyring
from coterie.client.device import Enrolled
from coterie.client.enrolment import Progress
from coterie.client.key_packages import KeyPackages, upload
from coterie.client.profile import Passphrase, Profile
from coterie.client.profile_file import ProfileFile
from coterie.client.running import open_store
from coterie.client.seams import Seams
from coterie.client.store import Store
from coterie.client.sync import GENERATION
from coterie.client.transport import real_seams
from coterie.errors import CoterieError, InvalidInput, Refused, StorageError
from coterie.logs import get_logger
from coterie.secret import Secret
from coterie.wire.frames import CountKeyPackages, KeyPackageCount
from coterie.wire.invite import Invite

log = get_logger()


@dataclass(frozen=True, slots=True)
class JoinedAccount:
    """What a person is told of it."""

    name: str
    device: bytes  # 16 bytes
    server: str
    fingerprint: bytes  # 32 bytes
    custody_sentence: str


async def join(
    folder: Path,
    invite: Invite,
    name: str,
    password: Secret,
    *,
    custody: Custody | None = None,
    passphrase: Passphrase | None = None,
    progress: Progress = lambda stage: None,
    seams: Seams | None = None,
) -> JoinedAccount:
    """The account ``name`` on the invite's server, with the profile in ``folder`` as its first device.

    Run again after a crash or a lost connection it goes on. Raises as ``enrolment.join``, StorageError, and
    InvalidInput where the profile has an account already. What fails for good leaves no folder behind.
    """
    seams = seams or real_seams()
    is_new, is_begun = not Profile.exists(folder), False
    profile = (
        Profile.create(folder, custody, passphrase) if is_new else Profile.open(folder, passphrase)
    )
    try:
        store = open_store(profile)
        try:
            account = await _join(store, folder, invite, name, password, progress, seams)
            profile.note_account()
        finally:
            is_begun = accounts.load(store) is not None
            store.close()
    except CoterieError as error:
        # A refusal is the server's last word; where it was asked and gave none, the account may be made.
        if is_new and (isinstance(error, Refused) or not is_begun):
            _remove(folder, profile.custody)
        raise
    finally:
        seams.threads.close()
        profile.close()
    return JoinedAccount(
        account.name, account.device, str(account.address), account.fingerprint, profile.custody.sentence
    )  # fmt: skip


async def _join(
    store: Store,
    folder: Path,
    invite: Invite,
    name: str,
    password: Secret,
    progress: Progress,
    seams: Seams,
) -> Enrolled:
    found = accounts.load(store)
    pending = None
    if found is not None:
        pending, is_made = found
        if is_made:
            raise InvalidInput(
                f"the profile in {folder} is {pending.name}'s on {pending.address}",
                hint="choose another folder: `coterie --profile DIR join …`",
            )

    async def before_finish(enrolled: Enrolled) -> None:
        accounts.save(store, enrolled, is_made=False)

    account = await enrolment.join(
        invite,
        name,
        password,
        seams,
        before_finish=before_finish,
        pending=pending,
        progress=progress,
    )
    accounts.save(store, account, is_made=True)
    try:
        await _supply(store, account, seams)
    except CoterieError as error:  # the account is made; the next start leaves them there
        log.info("key-packages-not-uploaded", error=type(error).__name__)
    return account


def _remove(folder: Path, custody: Custody) -> None:
    """A profile that nobody will ask for."""
    try:
        if custody is Custody.KEYRING:
            delete_from_keyring(ProfileFile.load(folder).id)
        shutil.rmtree(folder)
    except (StorageError, OSError) as error:
        log.warning("profile-not-removed", error=type(error).__name__)


async def _supply(store: Store, account: Enrolled, seams: Seams) -> None:
    """So that others can add the newcomer at once, before it has ever been online again."""
    connection = await Connection.open(account.address, account.fingerprint, seams)
    try:
        await connection.log_in(account.identity)
        count = await connection.call(CountKeyPackages(), KeyPackageCount)
        lot = KeyPackages(store, account).top_up(count, seams.clock.now())
        if lot is not None:
            await upload(connection, lot)
        store.put(GENERATION, connection.hello.generation)
    finally:
        await connection.close()
