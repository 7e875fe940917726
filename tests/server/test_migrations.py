"""Data folders of earlier versions, as this one finds them: tests/vectors/server, whose generate.py made them."""

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from coterie.client.device import DeviceIdentity
from coterie.client.enrolment import password_login
from coterie.errors import NotAuthenticated, StorageError
from coterie.secret import Secret
from coterie.server import schema
from coterie.server.backup import make_backup
from coterie.server.check import check
from coterie.server.database import FILE as DATABASE
from coterie.server.database import REVISION
from coterie.server.keys import FILE as SECRETS
from coterie.server.restore import restore
from coterie.server.store import Store
from coterie.wire import chain
from coterie.wire import frames as f
from tests.asynchronous import asynchronous
from tests.server.world import post, serving

FOLDER = Path(__file__).parent.parent / "vectors" / "server"
VERSIONS = sorted(path.name for path in FOLDER.iterdir() if (path / DATABASE).exists())


@pytest.fixture(params=VERSIONS)
def made(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, dict[str, Any]]:
    """A copy of a folder of that version, and what is known of it."""
    source, folder = FOLDER / request.param, tmp_path / "data"
    folder.mkdir()
    for name in (DATABASE, SECRETS):
        shutil.copyfile(source / name, folder / name)
        (folder / name).chmod(0o600)
    known: dict[str, Any] = json.loads((source / "known.json").read_text(encoding="utf-8"))
    return folder, known


def test_there_is_a_folder_of_each_version_that_there_was() -> None:
    migrations = Path(schema.__file__).parent / "migrations" / "versions"
    assert [path.name[:4] for path in sorted(migrations.glob("0*.py"))] == VERSIONS
    assert VERSIONS[-1] == REVISION


def test_folder_of_an_earlier_version_is_brought_up_to_date_and_is_sound(
    made: tuple[Path, dict[str, Any]],
) -> None:
    folder, known = made
    with closing(Store.open(folder)) as store:
        assert store.server_id.hex() == known["server_id"]
        with store.reading.connection() as connection:
            context = MigrationContext.configure(connection, opts={"compare_type": True})
            assert compare_metadata(context, schema.metadata) == [], (
                "a migration is missing; or, before the first release: run tests/vectors/server/generate.py"
            )
    report = check(folder)
    assert report.findings == ()
    assert (
        str(report.holdings) == f"2 accounts, 2 devices, 1 group, {len(known['entries'])} entries"
    )


@asynchronous
async def test_folder_of_an_earlier_version_serves_those_who_joined_then(
    made: tuple[Path, dict[str, Any]],
) -> None:
    """By device and by password; what was said is there, what waits is handed out, and they talk on."""
    folder, known = made
    group = bytes.fromhex(known["group"])
    people = {
        name: DeviceIdentity(name, bytes.fromhex(device), Secret(bytes.fromhex(key)))
        for name, (device, key) in known["devices"].items()
    }
    async with serving(folder) as server:
        assert server.fingerprint.hex() == known["fingerprint"]
        bens = await server.connect()
        await bens.log_in(people["ben"])
        inbox = await bens.call(f.FetchInbox(0), f.Inbox)
        assert [item.welcome for item in inbox.items] == [b"welcome, ben"]
        found = (await bens.call(f.Fetch(group, 0), f.Entries)).entries
        assert [[e.seq, e.kind.name, e.body.decode()] for e in found] == known["entries"]
        link = chain.first(group)
        for entry in found:
            link = chain.following(link, entry)
        await bens.call(f.Subscribe(group, found[-1].seq, link), f.Subscribed)
        said = await bens.call(post(group, 1, after=found[-1].seq), f.Accepted)
        assert said.seq == len(found) + 1
        packages = await bens.call(f.FetchKeyPackages("anna"), f.KeyPackages)
        assert [one.key_package for one in packages.key_packages] == [b"last resort"]
        door = (server.address, server.fingerprint, "anna")
        await password_login(*door, Secret(known["password"].encode()), server.seams)
        with pytest.raises(NotAuthenticated):
            await password_login(*door, Secret(b"another"), server.seams)


def test_backup_of_an_earlier_version_is_restored_and_brought_up_to_date(
    made: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    """It is made without bringing anything up to date: before an upgrade is when one is wanted most."""
    folder, _ = made
    before = (folder / DATABASE).read_bytes()
    manifest = make_backup(folder, tmp_path / "backup", Secret(b"passphrase"))
    assert (folder / DATABASE).read_bytes() == before
    restore(tmp_path / "backup", tmp_path / "new", Secret(b"passphrase"))
    report = check(tmp_path / "new")
    assert (report.findings, report.holdings) == ((), manifest.holdings)


def test_folder_of_a_newer_version_is_refused_by_all_and_left_as_it_is(
    made: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    folder, _ = made
    with closing(sqlite3.connect(folder / DATABASE)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '0999'")
    before = (folder / DATABASE).read_bytes()
    for use in (
        lambda: Store.open(folder),
        lambda: check(folder),
        lambda: make_backup(folder, tmp_path / "backup", Secret(b"passphrase")),
    ):
        with pytest.raises(StorageError, match="was written by a newer version") as raised:
            use()
        assert "install that version" in raised.value.hint
    assert (folder / DATABASE).read_bytes() == before
    assert not (tmp_path / "backup").exists()
