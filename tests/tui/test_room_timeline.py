"""What is seen of one room."""

import msgspec

from coterie.client.api import Message
from coterie.tui.room_timeline import Day, Entry, New, RoomTimeline, Sending
from tests.cli.fakes import message


def loaded(*messages: Message, asked: int = 10) -> RoomTimeline:
    timeline = RoomTimeline()
    timeline.is_wanted = True
    timeline.load(list(messages), asked)
    return timeline


def at(time: str, seq: int, sender: str = "bobb") -> Message:
    return msgspec.structs.replace(message("hello", seq=seq, sender=sender), time=time)


def heads(timeline: RoomTimeline) -> list[bool]:
    return [item.has_head for item in timeline.items({}) if isinstance(item, Entry)]


def test_a_day_has_one_line() -> None:
    timeline = loaded(
        at("2026-11-24T09:00:00Z", 1), at("2026-11-24T09:30:00Z", 2), at("2026-11-25T09:00:00Z", 3)
    )
    days = [item for item in timeline.items({}) if isinstance(item, Day)]
    assert days == [Day("Tuesday 24 November 2026"), Day("Wednesday 25 November 2026")]


def test_what_one_says_in_a_breath_has_one_head() -> None:
    timeline = loaded(
        at("2026-11-24T09:00:00Z", 1),
        at("2026-11-24T09:01:00Z", 2),
        at("2026-11-24T09:02:00Z", 3, "carol"),
        at("2026-11-24T09:03:00Z", 4),
        at("2026-11-24T09:30:00Z", 5),
        at("2026-11-24T09:29:00Z", 6),
    )
    assert heads(timeline) == [True, False, True, True, True, True]


def test_a_clock_that_says_nonsense_breaks_nothing() -> None:
    assert heads(loaded(at("yesterday", 1), at("9999-12-31T23:59:59Z", 2))) == [True, False]


def test_what_comes_unseen_is_counted_from_the_first() -> None:
    timeline = loaded(message("old"))
    timeline.add(message("line", seq=2, kind="line"), is_seen=False, is_mention=False)
    timeline.add(message("one", seq=3), is_seen=False, is_mention=True)
    timeline.add(message("two", seq=4), is_seen=False, is_mention=False)
    assert (timeline.unread, timeline.mentions) == (2, 1)
    kinds = [type(item) for item in timeline.items({})]
    assert kinds == [Day, Entry, Entry, New, Entry, Entry]
    timeline.seen()
    assert (timeline.unread, timeline.mentions) == (0, 0)
    timeline.clear()
    assert New() not in timeline.items({})


def test_what_was_read_from_the_store_and_comes_again_is_there_once() -> None:
    timeline = loaded(message("one"))
    timeline.add(message("one"), is_seen=True, is_mention=False)
    timeline.add(message("two", seq=2), is_seen=True, is_mention=False)
    assert [one.text for one in timeline.messages] == ["one", "two"]


def test_what_comes_while_it_is_loaded_is_kept_behind() -> None:
    timeline = RoomTimeline()
    timeline.is_wanted = True
    timeline.add(message("two", seq=2), is_seen=True, is_mention=False)
    timeline.add(message("three", seq=3), is_seen=True, is_mention=False)
    timeline.load([message("one"), message("two", seq=2)], 10)
    assert [one.text for one in timeline.messages] == ["one", "two", "three"]
    assert timeline.is_whole


def test_older_ones_come_before() -> None:
    timeline = loaded(message("three", seq=3), message("four", seq=4), asked=2)
    timeline.add(message("five", seq=5), is_seen=True, is_mention=False)
    older = [message("two", seq=2), message("three", seq=3), message("four", seq=4)]
    timeline.load_older(older, 6)
    assert [one.text for one in timeline.messages] == ["two", "three", "four", "five"]
    assert timeline.is_whole


def test_what_is_on_its_way_is_settled_in_its_order() -> None:
    timeline = loaded()
    first, second, third = (timeline.send(text) for text in ("yes", "yes", "no"))
    timeline.mark(first, Sending.FAILED, "too loud")
    timeline.settle("yes")
    assert [one.number for one in timeline.unsent] == [first.number, third.number]
    assert [one.reason for one in timeline.take_failed()] == ["too loud"]
    assert [one.text for one in timeline.unsent] == ["no"]
    assert second not in timeline.unsent
