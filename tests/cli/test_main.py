"""Exit statuses, errors, and what works everywhere."""

import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

from coterie import __version__
from coterie.cli.main import coterie
from coterie.cli.table import COMMANDS
from coterie.errors import InvalidInput, StorageError
from tests.cli.fakes import Runs
from tests.cli.processes import DEADLINE_S, PROGRAM, process

FORBIDDEN = ("asyncio", "cryptography", "sqlalchemy", "textual", "msgspec", "structlog", "pathlib")


def commands() -> list[tuple[str, ...]]:
    """All of them, with the families' members."""
    found: list[tuple[str, ...]] = [()]
    context = click.Context(coterie)
    for name in COMMANDS:
        found.append((name,))
        command = coterie.get_command(context, name)
        if isinstance(command, click.Group):
            found += [(name, within) for within in command.commands]
    return found


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_help_of_every_command_has_an_example_of_it(run: Runs, words: tuple[str, ...]) -> None:
    outcome = run(*words, "--help")
    assert outcome.status == 0
    _, _, examples = outcome.out.partition("Example")
    assert " ".join(("coterie", *words)) in examples
    assert not outcome.err


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_version_works_behind_every_command(run: Runs, words: tuple[str, ...]) -> None:
    assert run(*words, "--version").out == f"coterie {__version__}\n"


def test_summaries_of_the_table_are_the_first_lines_of_the_commands() -> None:
    context = click.Context(coterie)
    for name, entry in COMMANDS.items():
        command = coterie.get_command(context, name)
        assert command is not None
        assert (command.help or "").splitlines()[0] == entry.summary


@pytest.mark.parametrize(
    "words", [("--version",), ("--help",), ("send", "--help"), ("serve", "--help")]
)
def test_help_and_version_load_nothing_heavy(words: tuple[str, ...]) -> None:
    loaded = f"print([name for name in {FORBIDDEN} if name in sys.modules], file=sys.stderr)"
    outcome = process(*words, after=loaded)
    assert (outcome.returncode, outcome.stderr) == (0, "[]\n")


def test_help_of_all_commands_loads_no_command() -> None:
    loaded = "print([n for n in sys.modules if n in ('coterie.cli.send', 'coterie.client')], file=sys.stderr)"
    assert process("--help", after=loaded).stderr == "[]\n"


def test_options_that_work_everywhere_may_stand_before_the_command_and_behind_it(
    run: Runs, tmp_path: Path
) -> None:
    before = run("--profile", str(tmp_path), "--json", "status")
    behind = run("status", "--json", "--profile", str(tmp_path))
    assert before.out == behind.out
    assert before.out.startswith("{")
    assert run.engine.folders == [tmp_path, tmp_path]


def test_the_last_profile_named_counts(run: Runs, tmp_path: Path) -> None:
    run("--profile", str(tmp_path / "a"), "status", "--profile", str(tmp_path / "b"))
    assert run.engine.folders == [tmp_path / "b"]


def test_profile_of_the_environment_is_taken_where_none_is_named(
    run: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COTERIE_PROFILE", "/somewhere/else")
    run("status")
    assert run.engine.folders == [Path("/somewhere/else")]


@pytest.mark.parametrize(
    ("words", "error", "hint"),
    [
        (("snd", "ops"), "no such command 'snd'", "did you mean send?"),
        (("room", "ad"), "no such command 'ad'", "did you mean add?"),
        (("xyz",), "no such command 'xyz'", "see `coterie --help`"),
        (("send",), "missing argument 'ROOM'", "see `coterie send --help`"),
        (("read", "ops", "--lst", "3"), "no such option '--lst'", "did you mean --last?"),
        (
            ("read", "ops", "--last", "-1"),
            "invalid value for '--last'",
            "see `coterie read --help`",
        ),
        (("join", "http://x", "alice"), "an invite begins with coterie://", "ask for the invite"),
        (("room", "add", "ops", "Bob"), "'Bob' cannot be a name", "a name is 2 to 32"),
        (("send", "x" * 201, "hi"), "a room's name has 1 to 200", "see `coterie send --help`"),
        (("invite", "--expires", "soon"), "not a duration: 'soon'", "write 90s, 15m, 12h or 7d"),
        (("serve", "--listen", "a b"), "not an address: 'a b'", "write HOST:PORT"),
        (("send", "ops", "\udcff"), "not UTF-8: '\\udcff'", "see `coterie send --help`"),
        (("--json",), "missing command", "see `coterie --help`"),
        (("chat",), "the full screen needs a terminal", "use --plain"),
    ],
)
def test_misuse_is_status_2_with_a_sentence_and_a_hint(
    run: Runs, words: tuple[str, ...], error: str, hint: str
) -> None:
    outcome = run(*words)
    assert outcome.status == 2
    assert not outcome.out
    first, second = outcome.err.splitlines()
    assert first.startswith(f"coterie: error: {error}")
    assert second.startswith(f"coterie: hint: {hint}")
    assert not first.endswith(".")


@pytest.mark.parametrize("words", [(), ("room",)])
def test_a_family_without_a_command_shows_its_help_and_is_misused(
    run: Runs, words: tuple[str, ...]
) -> None:
    outcome = run(*words)
    assert (outcome.status, outcome.out) == (2, "")
    assert "Commands:" in outcome.err


def test_failure_is_status_1_with_error_and_hint_on_stderr(run: Runs) -> None:
    outcome = run("send", "nowhere", "hello")
    assert outcome.status == 1
    assert outcome.err == (
        "coterie: error: there is no room nowhere\ncoterie: hint: `coterie room list` shows them\n"
    )
    assert not outcome.out


def test_errors_are_cleaned_before_a_terminal_sees_them(run: Runs) -> None:
    run.engine.opening_error = StorageError("folder \x1b[2J\n\u202eof")
    assert run("status").err == "coterie: error: folder \ufffd[2J \ufffdof\n"


def test_debug_adds_the_stack_trace_of_a_failure(run: Runs) -> None:
    run.engine.opening_error = InvalidInput("the passphrase is wrong")
    assert "Traceback" not in run("status").err
    assert "Traceback" in run("status", "--debug").err


def test_a_bug_is_told_without_its_words_which_may_be_somebodys(run: Runs) -> None:
    run.engine.opening_error = ValueError("secret of alice")
    outcome = run("status")
    assert outcome.status == 1
    assert outcome.err.startswith("coterie: error: a bug in coterie: ValueError\ncoterie: hint: ")
    assert "secret" not in outcome.err


def test_interruption_is_status_130(run: Runs) -> None:
    run.engine.opening_error = KeyboardInterrupt()
    outcome = run("send", "ops", "hello")
    assert (outcome.status, outcome.out, outcome.err) == (130, "", "")


def test_reader_of_a_pipe_that_has_had_enough_is_no_error() -> None:
    read, write = os.pipe()
    os.close(read)
    with open(write, "w") as pipe:
        outcome = process("--help", stdout=pipe)
    assert (outcome.returncode, outcome.stderr) == (0, "")


def test_a_disk_that_is_full_is_an_error() -> None:
    with open("/dev/full", "w") as full:
        outcome = process("--help", stdout=full)
    assert outcome.returncode == 1
    assert outcome.stderr == "coterie: error: standard output: No space left on device\n"


@pytest.mark.parametrize("closed", [1, 2])
def test_output_that_is_closed_is_no_bug(closed: int) -> None:
    shell = f'exec {closed}>&-; "$@"; echo $? >&{3 - closed}'
    command = [sys.executable, "-c", PROGRAM.format(after="pass"), "xyz"]
    outcome = subprocess.run(  # noqa: S603
        ["sh", "-c", shell, "sh", *command],  # noqa: S607
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    assert (outcome.stdout + outcome.stderr).endswith("2\n")


def test_a_terminal_without_unicode_gets_escapes() -> None:
    code = (
        "from coterie.cli.main import main; from coterie.cli.output import put; "
        "main(['--version']); put('caf\\xe9 \\u2713')"
    )
    outcome = subprocess.run(  # noqa: S603
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        env={"PYTHONIOENCODING": "ascii", "PYTHONPATH": ":".join(sys.path)},
    )
    assert outcome.stdout.splitlines()[-1] == "caf\\xe9 \\u2713"


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("TERM", "dumb", "this terminal has no full screen (TERM is dumb)"),
        ("PYTHONIOENCODING", "latin-1", "the full screen needs UTF-8, and here it is iso8859-1"),
    ],
)
def test_a_terminal_that_cannot_show_the_full_screen_is_told_so(
    tmp_path: Path, name: str, value: str, error: str
) -> None:
    """It got the escapes of one, or a backslash and a number in the place of each line and dot."""
    mine, its = os.openpty()
    with open(mine, "rb", buffering=0) as terminal:
        try:
            ran = subprocess.run(  # noqa: S603
                [sys.executable, "-m", "coterie", "--profile", str(tmp_path), "chat"],
                stdin=its,
                stdout=its,
                stderr=its,
                timeout=30,
                check=False,
                env={**os.environ, "TERM": "xterm", name: value},
            )
        finally:
            os.close(its)
        told = terminal.read(4_096).decode()
    assert ran.returncode == 2
    assert told.splitlines()[0] == f"coterie: error: {error}"
    assert told.splitlines()[1].endswith("use --plain")
