"""A profile's folder that was copied, used, and put back: the device finds out, and is let in anew."""

import shutil
from pathlib import Path

from tests.e2e.stage import Stage


def test_a_profile_that_was_put_back_says_so_and_sends_again(shared: Stage, tmp_path: Path) -> None:
    alice, bobb = shared.people["alice"], shared.people["bobb"]
    chat = alice.chat("ops")  # somebody must be there to let it in
    bobb.does("send", "ops", "before the copy")
    shutil.copytree(bobb.profile, tmp_path / "copy")
    bobb.does("send", "ops", "after the copy")
    shutil.rmtree(bobb.profile)
    shutil.copytree(tmp_path / "copy", bobb.profile)
    bobb.does("send", "ops", "from the copy")
    bobb.does("send", "ops", "and again")
    chat.until_text("before the copy", "after the copy", "from the copy", "and again")
    chat.type("welcome back", "/quit")
    chat.ended().check()
    read = bobb.does("read", "ops", "--last", "1000", "--json")
    assert read.texts == ["before the copy", "from the copy", "and again", "welcome back"]
    events = [m["event"] for m in read.results if m["kind"] == "line"]
    assert [e for e in events if e in ("older-copy", "rejoining", "rejoined")] == [
        "older-copy",
        "rejoining",
        "rejoined",
    ]
    (room,) = bobb.does("room", "list", "--json").results
    assert room["state"] == "open"
