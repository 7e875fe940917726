"""Which messages of a room are loaded."""

from coterie.client.api import Message, Page
from coterie.tui.window import MOST, PAGE, Window
from tests.tui.memory import Memory


def said(begin: int, end: int) -> tuple[Message, ...]:
    backend = Memory()
    for number in range(1, end + 1):
        backend.say(f"number {number}")
    return tuple(backend.messages[number] for number in range(begin, end + 1))


MESSAGES = said(1, MOST + 3 * PAGE)


def page(begin: int, end: int) -> Page:
    return Page(MESSAGES[begin - 1 : end], begin > 1, end < len(MESSAGES))


def loaded(begin: int, end: int) -> Window:
    window = Window()
    window.load(page(begin, end))
    return window


def numbers(window: Window) -> tuple[int, int, int]:
    return window.messages[0].number, window.messages[-1].number, len(window.messages)


def test_reading_back_drops_the_end_and_reading_on_the_beginning() -> None:
    window = loaded(401, 401 + MOST - 1)
    window.load_older(page(201, 400))
    assert numbers(window) == (201, 201 + MOST - 1, MOST)
    assert (window.has_older, window.has_newer) == (True, True)
    window.load_older(page(1, 200))
    assert not window.has_older
    window.load_newer(page(MOST + 1, MOST + 200))
    assert numbers(window) == (201, MOST + 200, MOST)
    assert window.has_older


def test_what_is_new_stands_behind_where_the_end_is_loaded() -> None:
    window = Window()
    window.load(Page(MESSAGES[:2], False, False))
    window.take(MESSAGES[2])
    assert numbers(window) == (1, 3, 3)
    window = loaded(1, 2)
    window.take(MESSAGES[7])
    assert numbers(window) == (1, 2, 2), "there is a gap before it"


def test_a_window_that_follows_the_end_for_ever_does_not_grow() -> None:
    window = Window()
    window.load(Page(MESSAGES[:1], False, False))
    for message in MESSAGES[1:]:
        window.take(message)
    assert len(window.messages) <= MOST + PAGE
    assert window.messages[-1] == MESSAGES[-1]
    assert window.has_older


def test_who_reads_far_back_keeps_what_is_read() -> None:
    window = Window()
    window.load(Page(MESSAGES[: MOST + PAGE], False, False))
    window.take(MESSAGES[MOST + PAGE], is_followed=False)
    assert window.messages[0] == MESSAGES[0]
    assert window.has_newer


def test_what_is_otherwise_now_takes_the_place_of_what_it_was() -> None:
    window = loaded(5, 9)
    edited = said(7, 7)[0]
    window.take(edited)
    assert window.find(7) is edited
    window.take(said(3, 3)[0])
    assert numbers(window) == (5, 9, 5), "older than what is loaded"
    assert window.find(3) is None


def test_what_comes_while_a_page_is_fetched_is_newer_than_the_page() -> None:
    window = Window()
    old, edited = MESSAGES[1], said(2, 2)[0]
    with window.asking():
        window.take(edited)
        window.take(MESSAGES[2])
        window.load(Page((MESSAGES[0], old), False, False))
    assert window.find(2) is edited
    assert numbers(window) == (1, 3, 3)


def test_only_a_message_behind_the_last_leaves_the_revision_as_it_was() -> None:
    window = Window()
    window.load(Page(MESSAGES[:2], False, False))
    before = window.revision
    window.take(MESSAGES[2])
    assert window.revision == before
    window.take(MESSAGES[0])
    assert window.revision > before
