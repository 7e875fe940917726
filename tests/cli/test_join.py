"""``coterie join``."""

import json
import sys
from pathlib import Path

import pytest

from tests.cli.fakes import INVITE, Runs

LINK = INVITE.encode()
GOOD = "correct horse battery"


@pytest.fixture
def password(tmp_path: Path) -> str:
    """A file with one."""
    path = tmp_path / "password"
    path.write_text(f"{GOOD}\n")
    return str(path)


def test_the_password_may_be_in_a_file(run: Runs, password: str) -> None:
    outcome = run("join", LINK, "alice", "--password-file", password)
    assert run.engine.joined == [("alice", GOOD.encode(), None)]
    assert outcome.status == 0
    assert outcome.out.splitlines()[0] == "account      alice"
    assert "6666 6666" in outcome.out
    assert "file beside it" in outcome.out
    assert outcome.err == ""


def test_the_password_may_be_on_stdin(run: Runs) -> None:
    run("join", LINK, "alice", "--password-file", "-", stdin=f"{GOOD}\r\n".encode())
    assert run.engine.joined == [("alice", GOOD.encode(), None)]


def test_json_of_a_new_account(run: Runs, password: str) -> None:
    outcome = run("join", LINK, "@alice", "--password-file", password, "--json")
    told = json.loads(outcome.out)
    assert (told["account"], told["server"]) == ("alice", "127.0.0.1:7617")
    assert told["device"] == (b"a" * 16).hex()


@pytest.mark.parametrize(
    "weak", ["short", "password1234", "alicealice", "line one\nline two is long", ""]
)
def test_a_weak_password_is_refused_before_anything_is_done(run: Runs, weak: str) -> None:
    outcome = run("join", LINK, "alice", "--password-file", "-", stdin=weak.encode())
    assert (outcome.status, run.engine.joined) == (1, [])
    assert outcome.err.startswith("coterie: error: the password ")
    assert not weak or weak not in outcome.err


def test_the_demo_may_use_a_weak_one_and_says_so(run: Runs) -> None:
    words = ("join", LINK, "alice", "--password-file", "-", "--allow-weak-password")
    outcome = run(*words, stdin=b"123")
    assert run.engine.joined == [("alice", b"123", None)]
    assert "demonstrations alone" in outcome.err
    assert "allow-weak" not in run("join", "--help").out


def test_a_password_file_that_is_not_there_is_an_error(run: Runs, tmp_path: Path) -> None:
    outcome = run("join", LINK, "alice", "--password-file", str(tmp_path / "gone"))
    assert outcome.status == 1
    assert outcome.err.endswith("gone: No such file or directory\n")


def test_a_file_given_by_mistake_is_not_read_to_its_end(run: Runs) -> None:
    outcome = run("join", LINK, "alice", "--password-file", "/dev/zero")
    assert (outcome.status, run.engine.joined) == (1, [])
    assert "more than 4096 bytes" in outcome.err


def test_custody_is_passed_on_with_the_passphrase(run: Runs, password: str, tmp_path: Path) -> None:
    file = tmp_path / "passphrase"
    file.write_text("open sesame\n")
    words = ("join", LINK, "alice", "--password-file", password, "--custody", "passphrase")
    assert run(*words, "--passphrase-file", str(file)).status == 0
    assert run.engine.joined == [("alice", GOOD.encode(), "passphrase")]
    assert run.engine.passphrases == [b"open sesame"]


def test_a_custody_that_there_is_not_is_misuse(run: Runs, password: str) -> None:
    words = ("join", LINK, "alice", "--password-file", password, "--custody", "cloud")
    assert run(*words).status == 2


def test_stdin_cannot_be_both_secrets(run: Runs) -> None:
    words = ("join", LINK, "alice", "--password-file", "-", "--passphrase-file", "-")
    assert run(*words, stdin=GOOD.encode()).status == 2


def test_a_profile_kept_behind_a_passphrase_opens_with_the_file(run: Runs, tmp_path: Path) -> None:
    file = tmp_path / "passphrase"
    file.write_text("öpen\n")
    run.engine.needs_passphrase = True
    assert run("status", "--passphrase-file", str(file)).status == 0
    assert run("--passphrase-file", "-", "status", stdin="öpen".encode()).status == 0
    assert run.engine.passphrases == ["öpen".encode()] * 2


def test_the_passphrase_file_is_not_touched_where_the_profile_needs_none(run: Runs) -> None:
    assert run("status", "--passphrase-file", "/does/not/exist").status == 0


def test_stages_are_told_to_who_watches(
    run: Runs, password: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    outcome = run("join", LINK, "alice", "--password-file", password)
    assert outcome.err == "coterie: connecting ...\n"
