"""Bad input gets a clear sentence, and nothing is lost: invites, names, addresses, and folders of others."""

import hashlib
import shutil
import socket
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from coterie.client.database import Database
from coterie.client.profile import Profile
from coterie.client.store import APPLICATION_ID, SCHEMA
from coterie.wire.invite import Address, Invite, decode_invite
from tests.e2e.programs import Program
from tests.e2e.stage import Person, Stage
from tests.e2e.strangers import (
    answer_as_http,
    answering,
    black_hole,
    hang_up,
    say_nothing,
)


def files(folder: Path) -> dict[str, str]:
    """All there is in a folder: names and hashes, the lock and the socket aside."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "lock"
    }


# --- invites -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Early:
    """What takes long, begun before the other tests."""

    expired: str  # an invite that is good for a second
    expires_at: float
    to_black_hole: Program  # a join, to where packets are dropped
    to_silence: Program  # a join, to where nobody answers


@pytest.fixture(scope="module", autouse=True)
def early(shared: Stage) -> Iterator[Early]:
    expired = shared.server.invite("--expires", "1s")
    expires_at = time.monotonic() + 1.0
    with black_hole() as hole, answering(say_nothing) as silence:
        yield Early(
            expired,
            expires_at,
            shared.begin_to_join("hugo", to(shared, hole)),
            shared.begin_to_join("ines", to(shared, silence)),
        )


def to(stage: Stage, address: Address) -> str:
    """An invite to the stage's server, at another address."""
    return replace(decode_invite(stage.server.told["invite"]), address=address).encode()


def flip(invite: str) -> str:
    """The invite with one character changed in its middle."""
    head, mark, rest = invite.partition("#")
    return f"{head}{mark}{rest[:20]}{'A' if rest[20] != 'A' else 'B'}{rest[21:]}"


GARBLED: dict[str, tuple[Callable[[str], str], str]] = {
    "one character is another": (flip, "garbled"),
    "its end is missing": (lambda invite: invite[:-5], "cut off"),
    "all behind the mark is missing": (lambda invite: invite.partition("#")[0], "cut off"),
    "it is something else": (lambda invite: "https://example.org/", "begins with coterie://"),
    "the address is none": (lambda invite: invite.replace("127.0.0.1", "?"), "garbled"),
}


@pytest.mark.parametrize("how", GARBLED)
def test_a_garbled_invite_is_told_from_the_command_line_alone(shared: Stage, how: str) -> None:
    garble, sentence = GARBLED[how]
    invite = shared.server.told["invite"]
    ended = shared.begin_to_join("gina", garble(invite)).ended()
    ended.failed_with(sentence, "coterie: hint: ask for the invite again", status=2)
    assert invite.partition("#")[2][24:] not in ended.err, "the token is not repeated"
    assert not shared.person("gina").profile.exists()


def test_a_spent_invite_is_refused_and_leaves_no_profile(shared: Stage) -> None:
    invite = shared.server.invite()
    shared.begin_to_join("frank", invite).ended().check()
    spent = shared.begin_to_join("gina", invite)
    spent.ended().failed_with("invite", "coterie: hint: ask for a new invite")
    assert not shared.person("gina").profile.exists()


def test_an_expired_invite_is_refused(shared: Stage, early: Early) -> None:
    time.sleep(max(0.0, early.expires_at - time.monotonic()))  # until a known moment
    late = shared.begin_to_join("gina", early.expired)
    late.ended().failed_with("invite", "coterie: hint: ask for a new invite")


def test_an_invite_to_another_server_than_the_one_that_answers_is_refused(shared: Stage) -> None:
    invite = decode_invite(shared.server.told["invite"])
    other = Invite(invite.address, bytes(32), invite.token).encode()
    ended = shared.begin_to_join("gina", other).ended()
    ended.failed_with("is not the trusted one", shared.server.told["fingerprint"])


# --- names -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["Al Ice", "alice!", "x" * 64, "", "ａｌｉｃｅ"])
def test_a_name_that_is_not_allowed_is_told_with_the_rule(shared: Stage, name: str) -> None:
    invite = shared.server.told["invite"]
    shared.begin_to_join(name, invite).ended().failed_with(
        "cannot be a name", "a name is", status=2
    )


def test_a_name_that_is_taken_costs_no_invite(shared: Stage) -> None:
    invite = shared.server.invite()
    taken = shared.begin_to_join("alice", invite, "--profile", str(shared.folder / "gina"))
    taken.ended().failed_with("taken", "coterie: hint: choose another name")
    shared.begin_to_join("gina", invite).ended().check()


def test_a_weak_password_is_refused_before_the_server_is_asked(shared: Stage) -> None:
    weak = shared.folder / "weak"
    weak.write_text("123\n")
    invite = shared.server.told["invite"]
    ended = shared.begin_to_join("hanna", invite, "--password-file", str(weak)).ended()
    ended.failed_with("password")
    assert "123" not in ended.err


# --- addresses ---------------------------------------------------------------------------------


def test_an_address_where_nothing_listens_is_told(shared: Stage) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        nobody = Address("127.0.0.1", free.getsockname()[1])
    ended = shared.begin_to_join("hanna", to(shared, nobody)).ended()
    ended.failed_with(str(nobody), "nothing listens")
    assert not shared.person("hanna").profile.exists()


def test_an_address_that_drops_connections_is_told(shared: Stage) -> None:
    with answering(hang_up) as address:
        ended = shared.begin_to_join("hanna", to(shared, address)).ended()
    ended.failed_with(str(address), "closed the connection", "may not be a Coterie server")


def test_an_http_server_is_recognised(shared: Stage) -> None:
    with answering(answer_as_http) as address:
        ended = shared.begin_to_join("hanna", to(shared, address)).ended()
    ended.failed_with(f"{address} does not speak Coterie: it is an HTTP server", "coterie serve")


def test_a_server_that_cannot_be_reached_keeps_what_was_said(shared: Stage) -> None:
    alice, bobb = shared.people["alice"], shared.people["bobb"]
    shared.server.stop().check()
    kept = alice.run("send", "ops", "said to nobody")
    kept.failed_with(str(shared.server.address), "kept on this device")
    with answering(answer_as_http, hang_up, port=shared.server.address.port):
        kept = alice.run("send", "ops", "said to strangers")
        kept.failed_with(str(shared.server.address), "kept on this device")
    (waiting,) = alice.does("room", "list", "--json").results
    assert waiting["waiting"] == 2
    assert alice.does("read", "ops", "--json").err.startswith("coterie: "), "who reads is told"
    shared.server.start()
    alice.does("send", "ops", "said to bobb")
    assert bobb.reads("ops") == ["said to nobody", "said to strangers", "said to bobb"]
    assert alice.reads("ops") == bobb.reads("ops")


def test_an_address_that_drops_packets_is_told_after_ten_seconds(early: Early) -> None:
    early.to_black_hole.ended().failed_with("does not answer within 10 s", "firewall")


def test_an_address_that_takes_connections_and_says_nothing_is_told(early: Early) -> None:
    ended = early.to_silence.ended()
    ended.failed_with("takes connections but does not answer within 10 s", "may not be a Coterie")


# --- folders of another version or program -----------------------------------------------------


@pytest.fixture
def copied(shared: Stage, tmp_path: Path) -> Person:
    """Alice's profile, copied."""
    alice = shared.people["alice"]
    shutil.copytree(alice.profile, tmp_path / "copy")
    return replace(alice, profile=tmp_path / "copy")


@pytest.fixture
def data(shared: Stage, tmp_path: Path) -> Path:
    """The server's data folder, copied while the server writes nothing."""
    return shutil.copytree(shared.server.data, tmp_path / "server")


def rewrite(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_a_profile_of_a_newer_version_is_left_alone(copied: Person) -> None:
    rewrite(copied.profile / "profile.json", '"version": 1', '"version": 2')
    before = files(copied.profile)
    copied.run("status").failed_with("is of version 2, known is 1", "update this one")
    assert files(copied.profile) == before


def test_a_profile_whose_database_is_of_a_newer_version_is_left_alone(copied: Person) -> None:
    profile = Profile.open(copied.profile)
    newer = (*SCHEMA, "CREATE TABLE later (x)")
    opened = Database.open(
        profile.database_path,
        profile.database_key,
        application_id=APPLICATION_ID,
        migrations=newer,
    )
    opened.close()
    profile.close()
    before = files(copied.profile)
    known = f"is of version {len(newer)}, known are those up to {len(SCHEMA)}"
    copied.run("status").failed_with("client.db", known, "update this one")
    assert files(copied.profile) == before


def test_a_profile_of_another_program_is_left_alone(copied: Person) -> None:
    rewrite(copied.profile / "profile.json", "coterie client", "mail client")
    before = files(copied.profile)
    copied.run("status").failed_with("profile.json is of another program")
    assert files(copied.profile) == before


def test_a_database_of_another_program_in_a_profile_is_left_alone(copied: Person) -> None:
    (copied.profile / "client.db").unlink()
    with closing(sqlite3.connect(copied.profile / "client.db")) as other:
        other.execute("CREATE TABLE notes (text)")
    before = files(copied.profile)
    copied.run("status").failed_with("client.db is another program's database")
    assert files(copied.profile) == before


def test_nobody_joins_into_a_folder_of_something_else(shared: Stage, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("important")
    invite = shared.server.told["invite"]
    ended = shared.begin_to_join("hanna", invite, "--profile", str(tmp_path)).ended()
    ended.failed_with(str(tmp_path), "something else")
    assert list(files(tmp_path)) == ["thesis.tex"]


def test_a_data_folder_of_a_newer_version_is_left_alone(shared: Stage, data: Path) -> None:
    with closing(sqlite3.connect(data / "coterie.db")) as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
        database.commit()
    before = files(data)
    ended = shared.programs.run("serve", "--data", str(data), "--listen", "127.0.0.1:0")
    ended.failed_with("written by a newer version", "9999", "install that version")
    shared.programs.run("invite", "--data", str(data)).failed_with("newer version")
    assert files(data) == before


def test_a_data_folder_with_another_programs_database_is_left_alone(
    shared: Stage, data: Path
) -> None:
    for path in data.glob("coterie.db*"):
        path.unlink()
    with closing(sqlite3.connect(data / "coterie.db")) as other:
        other.execute("CREATE TABLE notes (text)")
    before = files(data)
    ended = shared.programs.run("serve", "--data", str(data), "--listen", "127.0.0.1:0")
    ended.failed_with("database of another program", "--data")
    assert files(data) == before


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda path: path.unlink(), "missing"),
        (lambda path: path.write_bytes(b"something else"), "damaged, or of another program"),
        (lambda path: path.write_bytes(path.read_bytes()[:-9]), "damaged, or of another program"),
        (lambda path: path.chmod(0o644), "can be read by others"),
    ],
    ids=["missing", "of another program", "cut", "open to others"],
)
def test_a_server_without_its_secrets_does_not_make_new_ones(
    shared: Stage, data: Path, spoil: Callable[[Path], object], sentence: str
) -> None:
    """New ones would shut out every client and make every password wrong."""
    spoil(data / "secrets")
    before = files(data)
    ended = shared.programs.run("serve", "--data", str(data), "--listen", "127.0.0.1:0")
    ended.failed_with("secrets", sentence)
    assert files(data) == before


def test_a_data_folder_is_served_once(shared: Stage) -> None:
    second = shared.programs.run(
        "serve", "--data", str(shared.server.data), "--listen", "127.0.0.1:0"
    )
    second.failed_with("another server is running", str(shared.server.data))


def test_a_profile_whose_key_is_another_is_left_alone(copied: Person) -> None:
    (copied.profile / "key").write_bytes(bytes(32))
    before = files(copied.profile)
    copied.run("status").failed_with("client.db does not open", "the key is wrong")
    assert files(copied.profile) == before
