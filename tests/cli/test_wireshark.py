"""``coterie wireshark install``."""

import json
import sys
from pathlib import Path

import pytest

from coterie.cli.wireshark import plugins_folder
from tests.cli.fakes import Runs

DISSECTOR = Path(__file__).parents[2] / "wireshark" / "coterie.lua"


def test_install_puts_the_dissector_where_wireshark_looks(
    run: Runs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("APPDATA", str(tmp_path))
    for _ in range(2):  # again after an update
        ran = run("wireshark", "install")
        assert ran.status == 0
    installed = Path(ran.out.strip())
    assert installed == plugins_folder() / "coterie.lua"
    assert installed.is_relative_to(tmp_path)
    assert installed.read_bytes() == DISSECTOR.read_bytes()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has another folder")
def test_folder_is_the_one_that_wireshark_documents(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert plugins_folder() == tmp_path / ".local" / "lib" / "wireshark" / "plugins"


def test_install_takes_another_folder_and_tells_programs_where(run: Runs, tmp_path: Path) -> None:
    ran = run("wireshark", "install", "--folder", str(tmp_path / "here"), "--json")
    assert json.loads(ran.out) == {"installed": str(tmp_path / "here" / "coterie.lua")}


def test_folder_that_cannot_be_written_is_said(run: Runs, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    ran = run("wireshark", "install", "--folder", str(tmp_path / "file" / "below"))
    assert ran.status == 1
    assert "cannot be written" in ran.err
