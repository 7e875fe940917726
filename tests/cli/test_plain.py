"""``coterie chat --plain``."""

import asyncio
import json
from collections.abc import AsyncIterator

import msgspec
import pytest

from coterie.cli.plain import PlainChat
from coterie.client import api
from coterie.errors import InvalidInput, Unavailable
from coterie.ui.commands import PLAIN_COMMANDS
from tests.asynchronous import asynchronous
from tests.cli.fakes import OPS, WAR, FakeBackend, Runs, message


def sent(backend: FakeBackend) -> list[tuple[str, str]]:
    """Room and text of what was sent."""
    return [(one.room, one.text) for one in backend.asked if isinstance(one, api.SendText)]


def test_lines_go_out_in_order_and_each_comes_back_as_a_line_of_the_room(run: Runs) -> None:
    outcome = run.chat("ops", stdin=b"one\n\ntwo\nthree")
    assert sent(run.backend) == [(OPS.room_id, text) for text in ("one", "two", "three")]
    assert outcome.out == "".join(
        f"2026-11-24 10:12 alice  {text}\n" for text in ("one", "two", "three")
    )
    assert (outcome.status, outcome.err) == (0, "")


def test_what_was_said_before_is_shown_first(run: Runs) -> None:
    run.backend.timeline = [message(f"{number}", seq=number) for number in range(1, 21)]
    outcome = run.chat("ops", stdin=b"now\n")
    assert len(outcome.out.splitlines()) == 11
    assert outcome.out.endswith("alice  now\n")


def test_quit_ends_it_before_what_follows(run: Runs) -> None:
    assert run.chat("ops", stdin=b"one\n/quit\ntwo\n").status == 0
    assert sent(run.backend) == [(OPS.room_id, "one")]


def test_two_slashes_send_one(run: Runs) -> None:
    run.chat("ops", stdin=b"//quit\n")
    assert sent(run.backend) == [(OPS.room_id, "/quit")]


def test_a_line_that_fails_is_told_and_the_chat_goes_on(run: Runs) -> None:
    run.backend.refuses["two"] = Unavailable("nobody answers", hint="it is kept")
    outcome = run.chat("ops", stdin=b"one\n/dance\ntwo\n\xff\n/join nowhere\nthree\n")
    assert [text for _, text in sent(run.backend)] == ["one", "two", "three"]
    assert outcome.err == (
        "coterie: error: no such command: /dance\n"
        "coterie: hint: /help lists the commands, and // at the beginning sends a slash\n"
        "coterie: error: nobody answers\ncoterie: hint: it is kept\n"
        "coterie: error: a line is not UTF-8\n"
        "coterie: error: there is no room nowhere\n"
        "coterie: hint: `coterie room list` shows them\n"
    )
    assert outcome.status == 1


def test_without_a_room_all_are_shown_and_one_must_be_chosen_to_write(run: Runs) -> None:
    run.backend.timeline = [message("hello")]
    outcome = run.chat(stdin=b"lost\n/join ops\nfound\n")
    assert sent(run.backend) == [(OPS.room_id, "found")]
    assert outcome.out.startswith("2026-11-24 10:12 #ops bobb  hello\n")
    assert "coterie: error: no room is chosen\n" in outcome.err


def test_joining_shows_that_room_alone_from_then_on(run: Runs) -> None:
    outcome = run.chat("ops", stdin=b'/join "war room"\nhello\n')
    assert sent(run.backend) == [(WAR.room_id, "hello")]
    rooms = [one.room for one in run.backend.asked if isinstance(one, api.ReadRoom)]
    assert rooms == [OPS.room_id, WAR.room_id]
    assert "bobb          ! unverified" in outcome.out


def test_a_room_that_takes_the_name_of_the_chosen_one_is_not_written_to(run: Runs) -> None:
    """Somebody renamed rooms while a line was typed: it went to the other one."""
    run.chat("ops", stdin=b"/rename war room\nfor ops alone\n/topic\n")
    assert sent(run.backend) == [(OPS.room_id, "for ops alone")]
    assert not [one for one in run.backend.asked if getattr(one, "room", "") == "war room"]


def test_a_room_that_is_made_is_gone_to(run: Runs) -> None:
    run.chat(stdin=b"/create #ops @bobb\nhello\n")
    assert api.CreateRoom("ops", ("bobb",)) in run.backend.asked
    assert sent(run.backend) == [(OPS.room_id, "hello")]


@pytest.mark.parametrize(
    ("line", "request_"),
    [
        ("/rooms", api.ListRooms()),
        ("/members", api.ListMembers(OPS.room_id)),
        ("/invite carol @dave", api.AddMembers(OPS.room_id, ("carol", "dave"))),
        ("/renew", api.RenewRoom(OPS.room_id)),
        ("/follow", api.FollowRoom(OPS.room_id)),
        ("/follow carol admin:carol", api.FollowRoom(OPS.room_id, accept=("carol", "admin:carol"))),
        ("/kick bobb", api.RemoveMember(OPS.room_id, "bobb")),
        ("/leave", api.LeaveRoom(OPS.room_id)),
        ("/verify @bobb", api.VerifyAccount("bobb")),
        ("/status", api.GetStatus()),
    ],
)
def test_commands_are_requests_whose_results_are_shown(
    run: Runs, line: str, request_: api.Request
) -> None:
    outcome = run.chat("ops", stdin=f"{line}\n".encode())
    assert request_ in run.backend.asked
    assert (outcome.status, outcome.err) == (0, "")
    assert outcome.out


def test_every_command_of_the_table_is_done_and_listed_by_help(run: Runs) -> None:
    run.backend.timeline = [message("hello"), message("mine", seq=2, sender="alice")]
    run.backend.pending = (msgspec.structs.replace(SAID[0], state="failed", ticket="0a"),)
    typed = {
        "ROOM": "ops", "NAME": "bobb", "TEXT…": "well", "TITLE…": "well", "QUERY…": "well",
        "EMOJI": "👍", "NUMBER": "1", "COUNT": "2", "WORD": "carol", "all|mentions|nothing": "nothing",
    }  # fmt: skip
    lines = [
        " ".join((f"/{command.name}", *(typed[word.strip("[]")] for word in command.words)))
        for command in PLAIN_COMMANDS.values()
        if command.name != "quit"
    ]
    outcome = run.chat("ops", stdin="\n".join(lines).encode())
    assert "error" not in outcome.err
    assert outcome.status == 0
    for command in PLAIN_COMMANDS.values():
        assert f"coterie: {command.usage} " in outcome.err


SAID = (
    message("shall we?"),
    message("yes", seq=2, sender="alice"),
    message("bobb left the building", seq=3, kind="line", sender=""),
)


@pytest.mark.parametrize(
    ("line", "request_"),
    [
        ("/reply  why  not", api.SendText(OPS.room_id, "why  not", reply_to=SAID[0].ref)),
        ("/reply 2 then go", api.SendText(OPS.room_id, "then go", reply_to=SAID[1].ref)),
        ("/me waves", api.SendText(OPS.room_id, "waves", is_action=True)),
        ("/edit no", api.EditMessage(OPS.room_id, SAID[1].ref, "no")),
        ("/edit 1 no", api.EditMessage(OPS.room_id, SAID[0].ref, "no")),
        ("/delete", api.DeleteMessage(OPS.room_id, SAID[1].ref)),
        ("/react :tada:", api.React(OPS.room_id, SAID[0].ref, "🎉")),
        ("/react 👍 2", api.React(OPS.room_id, SAID[1].ref, "👍")),
        ("/search in:ops we", api.Search("in:ops we")),
        ("/last 2", api.GetPage(OPS.room_id, 2)),
        ("/unread", api.MarkRead(OPS.room_id, 0)),
        ("/unread 2", api.MarkRead(OPS.room_id, 1)),
        ("/topic what we ship", api.ChangeRoom(OPS.room_id, topic="what we ship")),
        ("/rename #war room", api.ChangeRoom(OPS.room_id, name="war room")),
        ("/mute mentions", api.SetAttention(OPS.room_id, "mentions")),
        ("/msg @bobb hello  you", api.OpenDirect("bobb")),
        ("/msg @bobb hello  you", api.SendText(OPS.room_id, "hello  you")),
    ],
)
def test_a_command_means_the_newest_message_that_fits_or_that_of_a_number(
    run: Runs, line: str, request_: api.Request
) -> None:
    run.backend.timeline = list(SAID)
    outcome = run.chat("ops", stdin=f"{line}\n".encode())
    assert request_ in run.backend.asked
    assert outcome.status == 0


def test_a_reaction_that_is_there_is_taken_away(run: Runs) -> None:
    liked = msgspec.structs.replace(SAID[0], reactions=(api.Reactions("👍", ("alice",)),))
    run.backend.timeline = [liked]
    run.chat("ops", stdin="/react 👍\n".encode())
    assert api.React(OPS.room_id, liked.ref, "👍", remove=True) in run.backend.asked


def test_a_message_that_is_not_there_is_no_message(run: Runs) -> None:
    run.backend.timeline = [SAID[0]]
    outcome = run.chat("ops", stdin=b"/edit better\n/reply 7 what?\n")
    assert outcome.status == 1
    assert "no message of yours was shown here" in outcome.err
    assert "there is no message 7 in this room" in outcome.err
    assert sent(run.backend) == []


@pytest.mark.parametrize(
    ("words", "typed"), [(("--numbers",), b""), ((), b"/last\n")], ids=["always", "asked for"]
)
def test_numbers_are_shown_where_they_are_wanted(
    run: Runs, words: tuple[str, ...], typed: bytes
) -> None:
    run.backend.timeline = [SAID[0]]
    lines = run.chat("ops", *words, stdin=typed).out.splitlines()
    assert lines[-1] == "1 2026-11-24 10:12 bobb  shall we?"


def test_what_was_found_is_shown_with_its_room_and_what_there_is_more_is_told(run: Runs) -> None:
    hit = api.Hit(SAID[0], "shall we", ((0, 5),), is_cut_after=True)
    run.backend.found = api.Found((hit,), has_more=True)
    outcome = run.chat("ops", stdin=b"/search shall\n")
    assert outcome.out == "1 2026-11-24 10:12 #ops bobb  shall we…\n"
    assert "coterie: there are more" in outcome.err


def test_who_types_has_seen_what_is_shown_and_a_program_has_not(run: Runs) -> None:
    run.backend.timeline = list(SAID)
    run.chat("ops", stdin=b"\n\n")
    assert [one for one in run.backend.asked if isinstance(one, api.MarkRead)] == [
        api.MarkRead(OPS.room_id, 3)
    ]
    run.backend.asked.clear()
    run.chat("ops", "--json", stdin=b"\n\n")
    assert not any(isinstance(one, api.MarkRead) for one in run.backend.asked)


def test_what_becomes_of_a_message_is_told_in_words(run: Runs) -> None:
    edited = msgspec.structs.replace(SAID[0], text="shall we\nor not?", edited=SAID[0].time)
    liked = msgspec.structs.replace(edited, reactions=(api.Reactions("👍", ("alice", "carol")),))
    gone = msgspec.structs.replace(SAID[0], text="", deleted_by="carol")
    run.backend.timeline = [SAID[0], edited, liked, edited, gone]
    assert run.chat("ops", stdin=b"").out.splitlines()[1:] == [
        "bobb edited 1: shall we",
        "    or not?",
        "alice reacted 👍 to 1",
        "carol reacted 👍 to 1",
        "alice took 👍 from 1",
        "carol took 👍 from 1",
        "carol deleted 1",
    ]


def test_json_gives_the_same_objects_as_the_commands(run: Runs) -> None:
    outcome = run.chat("ops", "--json", stdin=b"hello\n/rooms\n")
    objects = [json.loads(line) for line in outcome.out.splitlines()]
    assert {one.get("text", one.get("name")) for one in objects} == {"hello", "ops", "war room"}


@pytest.mark.parametrize(
    ("words", "has_changes"),
    [((), True), (("--json",), False), (("--json", "--changes"), True)],
)
def test_a_program_is_told_changes_where_it_asks_for_them(
    run: Runs, words: tuple[str, ...], has_changes: bool
) -> None:
    """A bot would take an edited text for a new one."""
    run.chat("ops", *words, stdin=b"")
    assert run.backend.asked[1:] == [
        api.ReadRoom(OPS.room_id, 10, follow=True, changes=has_changes)
    ]


def test_an_unknown_room_is_a_failure_before_anything_is_sent(run: Runs) -> None:
    outcome = run.chat("nowhere", stdin=b"")
    assert (outcome.status, outcome.out) == (1, "")
    assert "there is no room nowhere" in outcome.err


def test_stdin_cannot_be_the_passphrase_too(run: Runs) -> None:
    assert run.chat("ops", "--passphrase-file", "-", stdin=b"x").status == 2


class Typing:
    """Lines that the test decides to type, one after the other."""

    def __init__(self) -> None:
        self._lines: asyncio.Queue[str | None] = asyncio.Queue()

    def type(self, line: str | None) -> None:
        """None ends it."""
        self._lines.put_nowait(line)

    async def __aiter__(self) -> AsyncIterator[str | InvalidInput]:
        while (line := await self._lines.get()) is not None:
            yield line


@asynchronous
async def test_what_others_say_comes_while_nobody_types(
    capsys: pytest.CaptureFixture[str], berlin: None
) -> None:
    backend, typing = FakeBackend(), Typing()
    chat = asyncio.ensure_future(PlainChat(backend, "ops", is_json=False).run(aiter(typing)))
    backend.say(message("psst"))
    shown = ""
    while not shown:  # the deadline is the test's
        await asyncio.sleep(0)
        shown = capsys.readouterr().out
    typing.type(None)
    assert await chat == 0
    assert shown == "2026-11-24 10:12 bobb  psst\n"


@asynchronous
async def test_the_chat_ends_where_the_client_does() -> None:
    backend, typing = FakeBackend(), Typing()
    backend.stream_error = Unavailable("the process that held the profile has ended")
    with pytest.raises(Unavailable, match="has ended"):
        await PlainChat(backend, "ops", is_json=False).run(aiter(typing))


@asynchronous
async def test_the_end_waits_until_a_message_that_is_stored_has_come_back() -> None:
    class Late(FakeBackend):
        """Answers that it is stored a good while before the log shows it."""

        async def call(self, request: api.Request) -> api.Result:
            if isinstance(request, api.SendText):
                said = msgspec.structs.replace(message(request.text, seq=1), sender="alice")
                asyncio.get_running_loop().call_later(0.2, self.say, said)
                return api.Sent("ops", 1, said.message_id)
            return await super().call(request)

    backend, typing = Late(), Typing()
    typing.type("hello")
    typing.type(None)
    assert await PlainChat(backend, "ops", is_json=False).run(aiter(typing)) == 0
    assert [said.text for said in backend.timeline if isinstance(said, api.Message)] == ["hello"]
