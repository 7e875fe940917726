"""``coterie explain``: as text, as JSON, and as a page."""

import json
from pathlib import Path

import pytest

from coterie.cli.main import main


def test_text_tells_each_step_with_its_size(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain"]) == 0
    out, err = capsys.readouterr()
    assert "alice's client to server: 1,444 bytes on the wire" in out
    assert 'see "Handshake" in docs/reference/protocol.md' in out
    assert err == ""


def test_json_is_one_object_with_all_chapters(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "--json"]) == 0
    chapters = json.loads(capsys.readouterr().out)
    assert [chapter["title"] for chapter in chapters] == [
        "The handshake",
        "The logins",
        "A message",
    ]


def test_page_is_written_where_it_is_wanted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "walk.html"
    assert main(["explain", "--html", str(target)]) == 0
    assert capsys.readouterr().out == f"{target}\n"
    assert target.read_text(encoding="utf-8").startswith("<!doctype html>")


def test_page_that_cannot_be_written_is_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["explain", "--html", str(tmp_path / "nowhere" / "walk.html")]) == 1
    assert "cannot be written: No such file or directory" in capsys.readouterr().err
