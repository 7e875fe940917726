"""``check`` finds nothing in what a server makes, and names what somebody has changed since."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from coterie.errors import StorageError
from coterie.server.check import check
from coterie.server.check_logs import PAGE
from coterie.server.database import FILE as DATABASE
from coterie.server.keys import FILE as SECRETS
from coterie.server.keys import Keys
from coterie.server.store import Store
from coterie.wire import frames as f
from tests.server.people import GROUP, NOW, Person, Writer, group_of


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Everything that a server keeps, in small numbers: two people in a group, a Welcome that waits, a device gone."""
    folder = tmp_path_factory.mktemp("made")
    Keys.open(folder)
    with closing(Store.open(folder)) as store:
        furnish(store)
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    """The same, to be changed."""
    return shutil.copytree(made, tmp_path / "data")


def furnish(store: Store) -> None:
    anna, ben = Person("anna").register(store), Person("ben").register(store)
    second = anna.add_device(store)
    writer = group_of(store, anna.first)
    change = f.ListChange(add=(ben.first.device, second.device), add_keepers=("ben",))
    welcome = f.WelcomeFor(b"welcome", (ben.first.device, second.device))
    writer.accepted(writer.post(f.Kind.COMMIT, after=0, change=change, welcome=welcome))
    for number in range(20):
        writer.accepted(writer.post(after=1, body=str(number).encode()))
    writer.accepted(writer.post(f.Kind.PROPOSAL, after=21))
    store.do(lambda t: t.inboxes.welcomed(ben.first.device, frozenset({GROUP})), NOW)
    bens = Writer(store, GROUP, ben.first)
    bens.accepted(bens.post(after=22))
    off = f.ListChange(remove=(second.device,))
    writer.accepted(writer.post(f.Kind.COMMIT, after=23, change=off))
    store.do(
        lambda t: t.directory.add_key_packages(ben.first.device, (b"1",), b"2", replace=False), NOW
    )
    anna.replace_list(store, anna.first)  # revokes the second
    store.do(lambda t: t.inboxes.delete_taken(ben.first.device, 0), NOW)


def change(folder: Path, *statements: str) -> None:
    """As somebody with the database in his hands does."""
    with closing(sqlite3.connect(folder / DATABASE)) as connection, connection:
        for statement in statements:
            connection.execute(statement)


def problems(folder: Path) -> list[str]:
    return [finding.problem for finding in check(folder).findings]


def test_what_a_server_makes_is_sound(folder: Path) -> None:
    report = check(folder)
    assert report.findings == ()
    assert report.is_sound
    assert str(report.holdings) == "2 accounts, 2 devices, 1 group, 24 entries"


def test_a_check_changes_nothing(folder: Path) -> None:
    before = {path: path.read_bytes() for path in folder.iterdir()}
    check(folder)
    assert {path: path.read_bytes() for path in before} == before


def test_a_log_longer_than_one_read_is_followed_to_its_end_with_progress(tmp_path: Path) -> None:
    Keys.open(tmp_path)
    with closing(Store.open(tmp_path)) as store:
        writer = group_of(store, Person("anna").register(store).first)
        store.batch([writer.job(writer.post(after=0)) for _ in range(PAGE + 1)], NOW)
    told: list[tuple[str, int, int]] = []
    assert check(tmp_path, lambda *progress: told.append(progress)).is_sound
    assert told[1:] == [("checking logs", n, PAGE + 1) for n in (PAGE, PAGE + 1)]
    change(tmp_path, "UPDATE entry SET body = x'00' WHERE seq = (SELECT max(seq) FROM entry)")
    assert problems(tmp_path) == [
        f"group {GROUP.hex()[:8]}: entry {PAGE + 1} does not continue the chain: it, or one before, was changed"
    ]


FAULTS: dict[str, tuple[str, tuple[str, ...], str]] = {
    "an entry is missing": (
        "chain",
        ("DELETE FROM entry WHERE seq = 7",),
        "entry 8 follows entry 6",
    ),
    "the newest entry is missing": (
        "head",
        ("DELETE FROM entry WHERE seq = 24",),
        "its newest entry 23",
    ),
    "a body was changed": (
        "chain",
        ("UPDATE entry SET body = x'00' WHERE seq = 5",),
        "entry 5 does not",
    ),
    "an author was changed": (
        "chain",
        ("UPDATE entry SET device = (SELECT device FROM entry WHERE seq = 23) WHERE seq = 5",),
        "entry 5 does not",
    ),
    "a kind is none": ("chain", ("UPDATE entry SET kind = 77 WHERE seq = 5",), "kind 77"),
    "the chain of the group was changed": (
        "chain",
        ("UPDATE log_group SET chain = zeroblob(32)",),
        "not that of its newest entry",
    ),
    "the last commit is wrong": (
        "commits",
        ("UPDATE log_group SET last_handshake = 1",),
        "it is 24",
    ),
    "a count is wrong": (
        "counts",
        ("UPDATE member SET count = count + 1 WHERE name = 'ben'",),
        "is 2, its entries are 1",
    ),
    "a proposal is forgotten": ("proposals", ("UPDATE member SET proposal_at = 0",), "not at 0"),
    "somebody was taken off in the future": (
        "members",
        ("UPDATE member SET removed_at = 99 WHERE removed_at IS NOT NULL",),
        "taken off at 99",
    ),
    "entries have no member": (
        "members",
        ("DELETE FROM member WHERE name = 'ben'",),
        "which was no member",
    ),
    "a member is under another account": (
        "members",
        ("UPDATE member SET name = 'anna'",),
        "another account",
    ),
    "entries have no group": (
        "entries",
        ("UPDATE entry SET group_id = zeroblob(16) WHERE seq = 24",),
        "of group 00000000",
    ),
    "a keeper is no account": (
        "keepers",
        ("UPDATE keeper SET name = 'zoe' WHERE name = 'ben'",),
        "zoe is no",
    ),
    "a group has no keeper": ("keepers", ("DELETE FROM keeper",), "has none"),
    "a device has no account": (
        "foreign keys",
        ("DELETE FROM account WHERE name = 'ben'",),
        "names no account",
    ),
    "a member has no device": (
        "foreign keys",
        ("DELETE FROM device WHERE name = 'ben'",),
        "names no device",
    ),
    "a Welcome is in no inbox": ("inboxes", ("DELETE FROM inbox",), "Welcome 1 is in none"),
    "an item has no Welcome": ("foreign keys", ("DELETE FROM welcome",), "names no welcome"),
    "an item is beyond the inbox": (
        "inboxes",
        ("UPDATE device SET inbox_head = 0",),
        "its last is 0",
    ),
    "a revoked device has what is its own": (
        "key packages",
        ("UPDATE key_package SET device = (SELECT device FROM device WHERE is_revoked)",),
        "was revoked, and has 2",
    ),
    "a revoked device is back": (
        "device lists",
        ("UPDATE device SET is_revoked = 0",),
        "account anna",
    ),
    "a device has another key": (
        "device lists",
        ("UPDATE device SET device_key = zeroblob(32) WHERE name = 'ben'",),
        "account ben: the list names other devices",
    ),
    "a list was changed": (
        "device lists",
        ("UPDATE account SET list_document = x'90' WHERE name = 'ben'",),
        "account ben: unreadable",
    ),
    "a list is another account's": (
        "device lists",
        (
            "UPDATE account SET (list_document, list_signature) ="
            " (SELECT list_document, list_signature FROM account WHERE name = 'anna')",
        ),
        "account ben: the list is another account's",
    ),
    "the generation is missing": (
        "ids",
        ("DELETE FROM meta WHERE key = 'generation'",),
        "generation",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_fault_is_named(folder: Path, fault: str) -> None:
    name, statements, part = FAULTS[fault]
    change(folder, *statements)
    found = {finding.check: finding.problem for finding in reversed(check(folder).findings)}
    assert part in found[name], found


def test_damaged_pages_are_the_only_finding_and_nothing_is_counted(folder: Path) -> None:
    path = folder / DATABASE
    whole = bytearray(path.read_bytes())
    whole[4096 * 4 : 4096 * 9] = b"\xaa" * (4096 * 5)
    path.write_bytes(whole)
    report = check(folder)
    assert report.holdings is None
    assert {finding.check for finding in report.findings} <= {"integrity", "database"}
    assert not report.is_sound


def test_missing_or_damaged_secrets_are_a_finding_beside_others(folder: Path) -> None:
    change(folder, "DELETE FROM keeper")
    (folder / SECRETS).write_bytes(b"\x00")
    assert [f"{SECRETS} is damaged" in problem for problem in problems(folder)] == [True, False]
    (folder / SECRETS).unlink()
    assert f"{SECRETS} is missing" in problems(folder)[0]
    assert not (folder / SECRETS).exists(), "they are not made anew"


def test_missing_database_is_a_finding_and_none_is_made(folder: Path) -> None:
    (folder / DATABASE).unlink()
    assert problems(folder) == [f"{DATABASE} is missing"]
    assert not (folder / DATABASE).exists()


def test_what_is_no_data_folder_or_of_another_version_is_refused(folder: Path) -> None:
    with pytest.raises(StorageError, match="is no data folder"):
        check(folder / "missing")
    change(folder, "UPDATE alembic_version SET version_num = '0000'")
    with pytest.raises(StorageError, match="older version"):
        check(folder)
    change(folder, "UPDATE alembic_version SET version_num = '0999'")
    with pytest.raises(StorageError, match="newer version"):
        check(folder)


def test_posts_that_come_while_it_looks_are_no_fault(folder: Path) -> None:
    """Each look is at one moment, and they are several."""
    with closing(Store.open(folder)) as store:
        writer = Writer(store, b"h" * 16, Person("carl").register(store).first)
        store.do(lambda t: t.logs.create_group(writer.group, writer.device.device, "carl"), NOW)

        def post(*_: object) -> None:
            writer.accepted(writer.post(after=0))

        assert check(folder, post).findings == ()
        assert writer.count >= 2
