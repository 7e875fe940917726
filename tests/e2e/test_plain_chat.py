"""Two people in a chat of lines: what becomes of a message is said in words, by its number."""

import re

from tests.e2e.stage import Stage


def test_what_one_types_about_a_message_the_other_reads_in_words(stage: Stage) -> None:
    alice, bobb = stage.join("alice", "bobb")
    alice.does("room", "new", "ops", "bobb")
    hers = alice.start("chat", "ops", "--plain", "--numbers", with_input=True)
    his = bobb.start("chat", "ops", "--plain", "--numbers", with_input=True)
    hers.type("shall we ship?")
    asked = int(his.until_out("alice  shall we ship?").split()[0])
    his.type("/reply when?", "/react :rocket:")
    assert re.search(r"bobb → alice \d+: when\?$", hers.until_out("when?"))
    hers.until_out("bobb reacted 🚀 to ")
    hers.type("/edit shall we ship today?", "/topic what we ship")
    his.until_out(f"alice edited {asked}: shall we ship today?")
    his.until_out("topic")
    hers.type("/delete")
    his.until_out(f"alice deleted {asked}")
    his.type("/last 5")
    assert his.until_out("alice  [deleted]").startswith(f"{asked} ")
    his.type("/me leaves", "/quit")
    hers.until_out("bobb leaves")
    hers.type("/msg bobb in private", "/search private", "/quit")
    for chat in (hers, his):
        chat.ended().check()
    assert any(re.search(r"@bobb alice  in private$", line) for line in hers.out)
    assert bobb.reads("@alice") == ["in private"]
