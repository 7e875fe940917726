"""``--keylog`` and ``COTERIE_KEYLOG``: a warning that somebody sees, or nothing."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from coterie.cli import output
from coterie.cli.engine import Engine
from coterie.cli.invocation import Invocation
from coterie.client import backend
from coterie.client.local import Remote
from coterie.secret import Secret
from tests.asynchronous import asynchronous
from tests.cli.fakes import Runs


@pytest.fixture
def on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output, "watched", lambda: True)


@pytest.mark.usefixtures("on_a_terminal")
def test_key_log_is_warned_of_loudly_and_is_a_private_file(run: Runs, tmp_path: Path) -> None:
    path = tmp_path / "keys"
    ran = run("status", "--keylog", str(path))
    assert ran.status == 0
    first = ran.err.splitlines()[0]
    assert first == f"coterie: WARNING: THE KEYS OF THIS CONNECTION ARE WRITTEN TO {path}"
    assert path.stat().st_mode & 0o777 == 0o600
    assert run.engine.key_log is not None
    assert run.engine.key_log.path == path


@pytest.mark.usefixtures("on_a_terminal")
def test_environment_names_the_file_too(
    run: Runs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COTERIE_KEYLOG", str(tmp_path / "keys"))
    assert "WARNING" in run("status").err
    assert (tmp_path / "keys").exists()


def test_service_without_a_terminal_is_refused_unless_it_is_forced(
    run: Runs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "keys"
    monkeypatch.setenv("COTERIE_KEYLOG", str(path))
    refused = run("status")
    assert refused.status == 2
    assert "no terminal shows the warning" in refused.err
    assert "--keylog-anyway" in refused.err
    assert refused.out == ""
    assert not path.exists()
    forced = run("status", "--keylog-anyway")
    assert forced.status == 0
    assert "WARNING" in forced.err
    assert path.exists()


@pytest.mark.usefixtures("on_a_terminal")
def test_file_that_others_can_read_ends_the_command(run: Runs, tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.touch(0o644)
    path.chmod(0o644)
    ran = run("status", "--keylog", str(path))
    assert ran.status == 1
    assert "can be read by others" in ran.err
    assert ran.out == ""


def test_nobody_is_warned_who_has_not_asked(run: Runs) -> None:
    assert run("status").err == ""
    assert run.engine.key_log is None


@asynchronous
async def test_who_asks_while_another_process_has_the_connection_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """That process makes the connection, so this one has no keys to write."""

    @asynccontextmanager
    async def open_backend(folder: Path, **_: object) -> AsyncIterator[Remote]:
        yield Remote(folder / "socket")

    monkeypatch.setattr(backend, "open_backend", open_backend)
    engine = Engine()
    async with engine.open_backend(tmp_path, lambda: Secret(b"")):
        pass
    assert capsys.readouterr().err == ""
    engine.start_key_log(tmp_path / "keys")
    async with engine.open_backend(tmp_path, lambda: Secret(b"")):
        pass
    assert "another process's" in capsys.readouterr().err


@pytest.mark.usefixtures("on_a_terminal")
def test_it_is_begun_once_and_its_warning_is_for_screens_too(run: Runs, tmp_path: Path) -> None:
    invocation = Invocation(run.engine)
    assert invocation.key_log_warning == ""
    invocation.key_log_path = str(tmp_path / "keys")
    invocation.start_key_log()
    begun = run.engine.key_log
    invocation.start_key_log()
    assert run.engine.key_log is begun
    assert str(tmp_path / "keys") in invocation.key_log_warning
