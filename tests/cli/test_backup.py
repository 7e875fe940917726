"""``coterie backup``, ``restore`` and ``check``."""

import json
from contextlib import closing
from pathlib import Path

import pytest

from coterie.server.keys import Keys
from coterie.server.store import Store
from tests.cli.fakes import Runs
from tests.cli.processes import PROGRAM, Terminal, process
from tests.server.people import Person, group_of
from tests.server.test_check import change

PASSPHRASE = "nine herons over a grey lake"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data of one that has three entries."""
    folder = tmp_path_factory.mktemp("server")
    Keys.open(folder)
    with closing(Store.open(folder)) as store:
        writer = group_of(store, Person("anna").register(store).first)
        for number in range(3):
            writer.accepted(writer.post(after=number))
    return folder


@pytest.fixture
def secret(tmp_path: Path) -> str:
    """The file with the passphrase."""
    (tmp_path / "passphrase").write_text(f"{PASSPHRASE}\n")
    return str(tmp_path / "passphrase")


HELD = "1 account, 1 device, 1 group, 3 entries of "


def test_backup_is_made_restored_and_sound_in_a_line_each(
    run: Runs, server: Path, secret: str, tmp_path: Path
) -> None:
    file, new = str(tmp_path / "monday"), str(tmp_path / "new")
    made = run("backup", file, "--data", str(server), "--passphrase-file", secret)
    assert (made.status, made.err) == (0, "")
    assert made.out.startswith(f"backed up {HELD}")
    assert made.out.endswith(f" to {file}\n")
    restored = run("restore", file, "--data", new, "--passphrase-file", secret)
    assert restored.status == 0
    assert restored.out.startswith(f"restored {HELD}")
    for part in ("say what is missing", "`coterie room renew`", "revoked", "`coterie invite`"):
        assert part in restored.err
    checked = run("check", "--data", new)
    assert (checked.status, checked.out, checked.err) == (
        0,
        "sound: 1 account, 1 device, 1 group, 3 entries\n",
        "",
    )


def test_json_is_one_object_with_the_same_and_nothing_else(
    run: Runs, server: Path, secret: str, tmp_path: Path
) -> None:
    file, new = str(tmp_path / "monday"), str(tmp_path / "new")
    given = ("--passphrase-file", secret, "--json")
    made = json.loads(run("backup", file, "--data", str(server), *given).out)
    restored = run("restore", file, "--data", new, *given)
    told = json.loads(restored.out)
    assert restored.err == ""
    assert (told["data"], told["entries"], told["made"]) == (new, 3, made["made"])
    assert (made["file"], made["bytes"]) == (file, Path(file).stat().st_size)
    checked = json.loads(run("check", "--data", new, "--json").out)
    assert checked == {
        "sound": True,
        "holdings": {"accounts": 1, "devices": 1, "groups": 1, "entries": 3},
        "findings": [],
    }


def test_findings_are_the_result_and_the_exit_status_says_that_there_are_some(
    run: Runs, server: Path, secret: str, tmp_path: Path
) -> None:
    file, new = str(tmp_path / "monday"), tmp_path / "new"
    given = ("--passphrase-file", secret)
    run("backup", file, "--data", str(server), *given)
    run("restore", file, "--data", str(new), *given)
    change(new, "DELETE FROM entry WHERE seq = 2", "DELETE FROM keeper")
    checked = run("check", "--data", str(new))
    assert checked.status == 1
    assert [line.partition(":")[0] for line in checked.out.splitlines()] == ["keepers", "chain"]
    assert "is not sound: 2 findings" in checked.err
    assert "coterie: hint: " in checked.err
    told = json.loads(run("check", "--data", str(new), "--json").out)
    assert (told["sound"], [one["check"] for one in told["findings"]]) == (
        False,
        ["keepers", "chain"],
    )


def test_a_file_that_is_there_is_told_before_a_passphrase_is_asked_for(
    run: Runs, server: Path, secret: str, tmp_path: Path
) -> None:
    (tmp_path / "monday").write_text("sunday's")
    given = ("--data", str(server), str(tmp_path / "monday"))
    refused = run("backup", *given)
    assert refused.status == 1
    assert "is there already" in refused.err
    assert "--force" in refused.err
    assert run("backup", *given, "--force", "--passphrase-file", secret).status == 0


def test_a_weak_passphrase_makes_no_backup(run: Runs, server: Path, tmp_path: Path) -> None:
    file = tmp_path / "monday"
    given = ("backup", str(file), "--data", str(server), "--passphrase-file", "-")
    for weak in (b"short\n", b"password1234\n", b"\n"):
        refused = run(*given, stdin=weak)
        assert refused.status == 1
        assert "the password" in refused.err
    assert not file.exists()
    assert run(*given, stdin=PASSPHRASE.encode()).status == 0


def test_without_a_terminal_and_a_passphrase_it_is_a_misuse(server: Path, tmp_path: Path) -> None:

    ended = process("backup", str(tmp_path / "monday"), "--data", str(server))
    assert ended.returncode == 2
    assert "--passphrase-file" in ended.stderr


def test_a_wrong_passphrase_is_a_sentence(
    run: Runs, server: Path, secret: str, tmp_path: Path
) -> None:
    file = str(tmp_path / "monday")
    run("backup", file, "--data", str(server), "--passphrase-file", secret)
    words = ("restore", file, "--data", str(tmp_path / "new"), "--passphrase-file", "-")
    refused = run(*words, stdin=b"another\n")
    assert (refused.status, refused.out) == (1, "")
    assert "coterie: error: the passphrase is not the one of" in refused.err
    assert not (tmp_path / "new").exists()


def test_at_a_terminal_the_passphrase_is_typed_twice_and_progress_is_a_line_that_goes(
    server: Path, tmp_path: Path
) -> None:
    file = tmp_path / "monday"
    words = ("backup", str(file), "--data", str(server))
    with Terminal(
        PROGRAM.format(after="print(file=sys.stderr); print('ended')"), *words
    ) as terminal:
        terminal.answer("New passphrase: ", f"{PASSPHRASE}\n")
        terminal.answer("New passphrase again: ", f"{PASSPHRASE}\n")
        terminal.wait_for("ended")
    assert PASSPHRASE not in terminal.screen
    assert "coterie: copying 100 %" in terminal.screen
    assert "coterie: encrypting 100 %" in terminal.screen
    shown = terminal.screen.rpartition("\r\x1b[K")[2]
    assert shown.startswith(f"backed up {HELD}")
    assert file.exists()
