"""What is seen of one room."""

from msgspec import structs

from coterie.client.api import Message, Page
from coterie.tui.room_timeline import Day, Entry, Item, New, RoomTimeline, Unsent
from coterie.tui.wrapping import MAX_STACKED
from tests.cli.fakes import OPS, WAR
from tests.tui.memory import Memory

OWN = "alice"


def said(*told: tuple[str, str]) -> list[Message]:
    """Sender and time of each."""
    backend = Memory()
    return [backend.say("hello", sender, time=time) for sender, time in told]


def loaded(*messages: Message, has_older: bool = False) -> RoomTimeline:
    timeline = RoomTimeline(OPS.room_id)
    timeline.window.load(Page(messages, has_older, False))
    return timeline


def items(timeline: RoomTimeline, pins: dict[str, str] | None = None) -> list[Item]:
    return timeline.items(OWN, pins or {})


def at(*times: str) -> RoomTimeline:
    return loaded(*said(*(("bobb", time) for time in times)))


def heads(timeline: RoomTimeline) -> list[bool]:
    return [item.has_head for item in items(timeline) if isinstance(item, Entry)]


def kinds(timeline: RoomTimeline) -> list[type[Item]]:
    return [type(item) for item in items(timeline)]


def test_a_day_has_one_line() -> None:
    timeline = at("2026-11-24T09:00:00Z", "2026-11-24T09:30:00Z", "2026-11-25T09:00:00Z")
    days = [item for item in items(timeline) if isinstance(item, Day)]
    assert days == [Day("Tuesday 24 November 2026"), Day("Wednesday 25 November 2026")]


def test_what_one_says_in_a_breath_has_one_head() -> None:
    timeline = loaded(
        *said(
            ("bobb", "2026-11-24T09:00:00Z"),
            ("bobb", "2026-11-24T09:01:00Z"),
            ("carol", "2026-11-24T09:02:00Z"),
            ("bobb", "2026-11-24T09:03:00Z"),
            ("bobb", "2026-11-24T09:30:00Z"),
            ("bobb", "2026-11-24T09:29:00Z"),
        )
    )
    assert heads(timeline) == [True, False, True, True, True, True]


def test_what_an_earlier_key_wrote_has_a_head_of_its_own_without_the_sign_of_the_present_one() -> (
    None
):
    earlier, now = said(("bobb", "2026-11-24T09:00:00Z"), ("bobb", "2026-11-24T09:01:00Z"))
    timeline = loaded(structs.replace(earlier, has_earlier_key=True), now)
    entries = [item for item in items(timeline, {"bobb": "compared"}) if isinstance(item, Entry)]
    assert [(entry.has_head, entry.pin) for entry in entries] == [
        (True, "earlier"),
        (True, "compared"),
    ]


def test_a_clock_that_says_nonsense_breaks_nothing() -> None:
    assert heads(at("yesterday", "9999-12-31T23:59:59Z")) == [True, False]


def test_the_line_of_what_is_new_stands_above_the_first_that_others_said() -> None:
    backend = Memory()
    backend.say("old")
    backend.say("bobb left", kind="line")
    backend.say("my own", OWN)
    backend.say("new")
    backend.say("newer")
    timeline = loaded(*backend.messages.values())
    timeline.new_after = 1
    assert kinds(timeline) == [Day, Entry, Entry, Entry, New, Entry, Entry]
    timeline.new_after = None
    assert New() not in items(timeline)


def test_the_line_is_not_in_sight_where_what_is_new_begins_before_what_is_loaded() -> None:
    backend = Memory()
    messages = [backend.say(str(number)) for number in range(9)]
    timeline = loaded(*messages[5:], has_older=True)
    timeline.new_after = 2
    assert New() not in items(timeline)
    timeline.window.load_older(Page(tuple(messages[:5]), False, False))
    assert items(timeline).index(New()) == 3, "behind the day and two messages"


def test_one_more_message_leaves_all_others_the_objects_that_they_were() -> None:
    backend = Memory()
    timeline = loaded(*(backend.say(str(number)) for number in range(5)))
    before = items(timeline)
    timeline.window.take(backend.say("new"))
    after = items(timeline)
    assert len(after) == len(before) + 1
    assert all(one is other for one, other in zip(before, after, strict=False))


def test_what_changes_is_another_object_and_nothing_else_is() -> None:
    backend = Memory()
    timeline = loaded(*(backend.say(str(number)) for number in range(5)))
    before = items(timeline)
    timeline.window.take(backend.change(backend.messages[3], text="otherwise"))
    after = items(timeline)
    assert [one is other for one, other in zip(before, after, strict=True)].count(False) == 1
    others = items(timeline, {"bobb": "compared"})
    assert [one.pin for one in others if isinstance(one, Entry)] == ["compared", "", "", "", ""]


def test_what_is_on_its_way_stands_last_until_it_has_landed() -> None:
    backend = Memory()
    timeline = loaded(backend.say("old"))
    own = structs.replace(backend.say("mine", OWN), number=0, state="sending", ticket="01")
    timeline.pending = (own, structs.replace(own, kind="edit", message_id="ff" * 16))
    timeline.pending += (structs.replace(timeline.pending[1], state="failed"),)
    unsent = [item.message.state for item in items(timeline) if isinstance(item, Unsent)]
    assert unsent == ["sending", "failed"], "an edit that is on its way shows at its message"
    timeline.window.take(backend.messages[2])
    assert [one.state for one in timeline.pending if one.kind == "text"] == ["sending"]
    assert [type(item) for item in items(timeline)] == [Day, Entry, Entry, Unsent]


def test_a_thread_has_its_root_and_what_hangs_from_it() -> None:
    backend = Memory()
    root = backend.say("root")
    thread = RoomTimeline(OPS.room_id, root.ref)
    assert thread.belongs(root)
    assert thread.belongs(backend.say("reply", thread=root.ref))
    assert not thread.belongs(backend.say("other"))
    assert not thread.belongs(backend.say("elsewhere", room=WAR, thread=root.ref))


def test_what_a_thread_is_named_by_has_no_more_marks_on_a_letter_than_any_script_needs() -> None:
    backend = Memory()
    root = backend.say("a" + "\u0301" * 100, replies=1)
    timeline = loaded(root, backend.say("other"), backend.say("reply", thread=root.ref))
    last = items(timeline)[-1]
    assert isinstance(last, Entry)
    assert last.thread_of == "the thread of bobb: a" + "\u0301" * MAX_STACKED


def test_what_one_would_edit_is_the_last_text_of_ones_own_that_is_still_there() -> None:
    backend = Memory()
    first = backend.say("first", OWN)
    backend.change(backend.say("gone", OWN), deleted_by=OWN, text="")
    backend.say("others'")
    timeline = loaded(*backend.messages.values())
    assert timeline.last_own(OWN) == first
    assert timeline.last_own("carol") is None
