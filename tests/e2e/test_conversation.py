"""What a person does by hand, in terminals: a server, invites, accounts, rooms, and talk."""

import re
import signal
from pathlib import Path

import pytest

from coterie.wire.invite import decode_invite, show_fingerprint
from tests.e2e.programs import Program
from tests.e2e.stage import Person, Stage


@pytest.fixture(scope="module")
def alice(shared: Stage) -> Person:
    return shared.people["alice"]


@pytest.fixture(scope="module")
def bobb(shared: Stage) -> Person:
    return shared.people["bobb"]


@pytest.fixture(scope="module")
def carol(shared: Stage) -> Person:
    return shared.people["carol"]


def quit_chat(*chats: Program) -> None:
    for chat in chats:
        chat.type("/quit")
    for chat in chats:
        chat.ended().check()


# --- from nothing to a conversation ------------------------------------------------------------


def test_people_join_by_the_first_invite_and_by_one_made_while_the_server_is_stopped(
    stage: Stage,
) -> None:
    server = stage.server
    stage.begin_to_join("alice", server.told["invite"]).ended().check()
    assert server.stop().check().err == ""
    invite = server.invite()
    server.start()
    joined = stage.begin_to_join("bobb", invite, "--json").ended().check().result
    alice, bobb = stage.person("alice"), stage.person("bobb")
    assert (joined["account"], joined["fingerprint"]) == ("bobb", server.told["fingerprint"])
    alice.does("room", "new", "ops", "bobb")
    alice.does("send", "ops", "hello bobb")
    bobb.does("send", "ops", "hello alice")
    assert alice.reads("ops") == bobb.reads("ops") == ["hello bobb", "hello alice"]
    assert server.stop().check().out == server.program.out[0] + "\n", "one line, and no more"


def test_what_the_server_prints_and_what_is_in_the_invite_agree(shared: Stage) -> None:
    told = shared.server.told
    invite = decode_invite(told["invite"])
    assert list(told) == ["listening", "fingerprint", "invite"]
    assert (str(invite.address), show_fingerprint(invite.fingerprint)) == (
        told["listening"],
        told["fingerprint"],
    )


# --- send and read -----------------------------------------------------------------------------


def test_a_message_is_an_argument_or_all_of_standard_input(alice: Person, bobb: Person) -> None:
    alice.does("room", "new", "mail", "bobb")
    sent = alice.does("send", "mail", "by argument", "--json").result
    alice.does("send", "mail", typed="from a pipe")
    alice.does("send", "#mail", "-", typed="two\nlines")
    read = bobb.does("read", "mail", "--last", "3", "--json").results
    assert [m["text"] for m in read] == ["by argument", "from a pipe", "two\nlines"]
    assert [m["seq"] for m in read] == [sent["seq"] + n for n in range(3)]
    assert list(sent) == ["room", "seq", "message_id", "ticket", "device"]
    first = read[0]
    assert {"room", "seq", "message_id", "sender", "device", "time", "kind", "text"} <= first.keys()
    assert (first["room"], first["sender"], first["kind"]) == ("mail", "alice", "text")
    assert first["message_id"] == sent["message_id"]
    assert [m["message_id"] for m in alice.does("read", "mail", "--last", "3", "--json").results] == [
        m["message_id"] for m in read
    ]  # fmt: skip
    plain = bobb.does("read", "mail", "--last", "1").out
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d alice  two\n    lines\n", plain)


def test_read_follow_shows_what_comes_until_it_is_interrupted(alice: Person, bobb: Person) -> None:
    follower = bobb.start("read", "ops", "--last", "0", "--follow", "--json")
    follower.until(lambda: (bobb.profile / "socket").exists() or None, "the profile is open")
    before = alice.does("send", "ops", "before or after it caught up", "--json").result
    alice.does("send", "ops", "and another")
    follower.until_text("and another")
    follower.signal(signal.SIGINT)
    ended = follower.ended().check()
    assert ended.err == ""
    assert [m["seq"] for m in ended.results][-2:] in (
        [before["seq"], before["seq"] + 1],
        [before["seq"] + 1],
    )


# --- chat --------------------------------------------------------------------------------------


def test_two_chats_over_pipes_talk_to_each_other(alice: Person, bobb: Person) -> None:
    alices, bobbs = alice.chat("ops"), bobb.chat("ops")
    alices.type("how is the weather?")
    bobbs.until_text("how is the weather?")
    bobbs.type("// is how a comment begins", "/nonsense", "grey")
    alices.until_text("/ is how a comment begins", "grey")
    bobbs.until_err("no such command: /nonsense")
    alices.type("/members", "/quit")
    bobbs.end_input()
    alices.ended().check()
    assert bobbs.ended().status == 1, "one of its lines failed"
    assert {m["name"] for m in alices.results if "pin" in m} == {"alice", "bobb"}
    spoken = ["how is the weather?", "/ is how a comment begins", "grey"]
    assert alice.reads("ops")[-3:] == bobb.reads("ops")[-3:] == spoken


def test_a_chat_for_people_prints_a_line_a_message(alice: Person, bobb: Person) -> None:
    chat = alice.start("chat", "ops", "--plain", with_input=True)
    chat.type("said to people")
    line = chat.until_out("said to people")
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d alice  said to people", line)
    quit_chat(chat)


def test_a_second_process_is_served_by_the_one_that_has_the_profile_open(alice: Person) -> None:
    chat = alice.chat("ops")
    sent = alice.does("--debug", "send", "ops", "past the open chat")
    chat.until_text("past the open chat")
    assert '"handshake-sent"' not in sent.err, "no connection of its own"
    assert alice.reads("ops")[-1] == "past the open chat"
    quit_chat(chat)
    assert not (alice.profile / "socket").exists()
    alone = alice.does("--debug", "send", "ops", "alone again")
    assert '"handshake-sent"' in alone.err, "the control"


# --- rooms -------------------------------------------------------------------------------------


def test_rooms_and_members_are_listed_for_people_and_programs(alice: Person, bobb: Person) -> None:
    (room,) = [r for r in bobb.does("room", "list", "--json").results if r["name"] == "ops"]
    assert (room["members"], room["admin"], room["state"]) == (2, False, "open")
    assert re.search(r"^#ops +[0-9a-f]{8}  2 members", alice.does("room", "list").out, re.MULTILINE)
    members = {m["name"]: m for m in alice.does("room", "members", "ops", "--json").results}
    assert {name: m["admin"] for name, m in members.items()} == {"alice": True, "bobb": False}
    by_id = alice.does("room", "members", room["room_id"][:8], "--json").results
    assert [m["name"] for m in by_id] == ["alice", "bobb"]


def test_who_is_known_by_name_alone_is_believed_on_both_sides(alice: Person, bobb: Person) -> None:
    """Neither an own commit nor one's first room vouches: bobb was shown to alice as one whom somebody had met."""
    alices = {m["name"]: m["pin"] for m in alice.does("room", "members", "ops", "--json").results}
    bobbs = {m["name"]: m["pin"] for m in bobb.does("room", "members", "ops", "--json").results}
    assert alices == {"alice": "self", "bobb": "believed"}
    assert bobbs == {"alice": "believed", "bobb": "self"}
    assert "! unverified" in alice.does("room", "members", "ops").out


def test_who_is_added_reads_from_then_on_and_who_is_removed_reads_no_more(
    alice: Person, bobb: Person, carol: Person
) -> None:
    alice.does("room", "new", "club", "bobb")
    alice.does("send", "club", "before carol")
    alice.does("room", "add", "club", "carol")
    alice.does("send", "club", "with carol")
    carol.does("send", "club", "thank you")
    assert carol.reads("club") == ["with carol", "thank you"]
    alice.does("room", "remove", "club", "carol")
    alice.does("send", "club", "without carol")
    assert carol.reads("club") == ["with carol", "thank you"]
    carol.run("send", "club", "am I heard?").failed_with("no longer in this room")
    assert bobb.reads("club") == ["before carol", "with carol", "thank you", "without carol"]


def test_an_admin_makes_another_one_and_then_can_leave(
    alice: Person, bobb: Person, carol: Person
) -> None:
    alice.does("room", "new", "board", "bobb", "carol")
    bobb.run("room", "remove", "board", "carol").failed_with("admin")
    alice.run("room", "leave", "board").failed_with("only admin", "room admin")
    alice.does("room", "admin", "board", "bobb")
    chat = bobb.chat("board")
    alice.does("room", "leave", "board")
    chat.until_out("alice left")
    chat.type("/kick carol")
    chat.until_out("bobb removed carol")
    quit_chat(chat)
    assert [m["name"] for m in bobb.does("room", "members", "board", "--json").results] == ["bobb"]
    alice.run("send", "board", "still here?").failed_with("no longer in this room")


# --- people ------------------------------------------------------------------------------------


def test_status_tells_all_that_is_to_be_known(shared: Stage, alice: Person) -> None:
    status = alice.does("status", "--json").result
    told = shared.server.told
    assert (status["account"], status["server"], status["connection"]) == (
        "alice",
        told["listening"],
        "connected",
    )
    assert status["fingerprint"] == told["fingerprint"]
    assert Path(status["profile"]) == alice.profile
    assert re.fullmatch(r"(\d{5} ){5}\d{5}", status["safety_number"])
    room = next(room for room in status["rooms"] if room["name"] == "ops")
    assert re.fullmatch("[0-9a-f]{64}", room["chain"])
    plain = alice.does("status").out
    for part in (told["fingerprint"], status["safety_number"], room["chain"], room["group"]):
        assert part in plain


def test_both_sides_see_one_safety_number_and_recording_it_shows(
    alice: Person, bobb: Person
) -> None:
    number = alice.does("verify", "bobb", "--json").result
    assert number["number"] == bobb.does("verify", "@alice", "--json").result["number"]
    assert number["pin"] == "believed"
    assert alice.does("verify", "bobb", "--compared", "--json").result["pin"] == "compared"
    assert "verified" in alice.does("room", "members", "ops").out


# --- exit statuses -----------------------------------------------------------------------------


def test_what_cannot_be_done_is_exit_status_1_and_what_was_mistyped_2(alice: Person) -> None:
    alice.run("send", "nowhere", "x").failed_with("there is no room nowhere", "room list")
    alice.run("room", "add", "ops", "nobody").failed_with("nobody")
    alice.run("sned", "ops", "x").failed_with("send", status=2)
    alice.run("send").failed_with("--help", status=2)
    alice.run("read", "ops", "--last", "many").failed_with("many", status=2)


def test_a_profile_without_an_account_says_how_to_make_one(stage: Stage) -> None:
    stage.person("dave").run("send", "ops", "x").failed_with("no profile", "coterie join")


# --- the server's end --------------------------------------------------------------------------


def test_a_server_that_restarts_in_the_middle_of_a_chat_loses_and_doubles_nothing(
    shared: Stage, alice: Person, bobb: Person
) -> None:
    """It is stopped by SIGTERM while lines come in, and finishes what it acknowledged."""
    alice.does("room", "new", "storm", "bobb")
    alices, bobbs = alice.chat("storm"), bobb.chat("storm")
    lines = [f"line {n}" for n in range(60)]
    alices.type(*lines[:30])
    bobbs.until_text(lines[0])
    ended = shared.server.stop().check()
    assert ended.err == ""
    alices.type(*lines[30:])
    shared.server.start()
    alices.until_text(lines[-1])
    bobbs.until_text(lines[-1])
    quit_chat(alices, bobbs)
    assert alices.texts == bobbs.texts == lines
    assert alice.reads("storm") == bobb.reads("storm") == lines
