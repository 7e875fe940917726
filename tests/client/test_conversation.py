"""What a room's content makes of its timeline."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coterie.client.conversation import (
    MAX_REACTIONS,
    MAX_REACTIONS_EACH,
    Author,
    RowDeleted,
    RowEdited,
)
from coterie.client.reading import Reading
from coterie.content import Content, Delete, Edit, Reaction, Text, Unknown
from tests.client.kept import ALICE, BOBB, CAROL, Kept, counted_anew, ref

IMPOSTOR = Author("alice", b"another key".ljust(32))  # the name again, under another key


def room(*, admins: tuple[Author, ...] = ()) -> Kept:
    """With one message of alice's."""
    kept = Kept(admins=admins)
    kept.take(ALICE, Text("hello", 1), ref(1))
    return kept


def text(kept: Kept, number: int = 1) -> str:
    return kept.rows[number].text


# --- texts ---------------------------------------------------------------------------------------


def test_text_is_a_row_at_the_end() -> None:
    kept = room()
    assert kept.take(BOBB, Text("hi", 2), ref(1, BOBB)) is not None
    assert [row.text for row in kept.rows.values()] == ["hello", "hi"]
    assert kept.rows[2].time_ms == 2


def test_reply_names_its_original_and_holds_nothing_of_it() -> None:
    kept = room()
    kept.take(BOBB, Text("hi", 2, reply_to=ref(1)), ref(1, BOBB))
    assert kept.rows[2].reply_to == ref(1)
    kept.take(ALICE, Delete(ref(1), 3), ref(2))
    assert "hello" not in repr(kept.rows)


def test_thread_within_a_thread_is_that_thread() -> None:
    kept = room()
    kept.take(BOBB, Text("in it", 2, thread=ref(1)), ref(1, BOBB))
    kept.take(ALICE, Text("deeper", 3, thread=ref(1, BOBB)), ref(2))
    assert [row.thread for row in kept.rows.values()] == [None, ref(1), ref(1)]


def test_thread_goes_on_below_a_deleted_message() -> None:
    kept = room()
    kept.take(BOBB, Text("in it", 2, thread=ref(1)), ref(1, BOBB))
    kept.take(ALICE, Delete(ref(1), 3), ref(2))
    kept.take(BOBB, Delete(ref(1, BOBB), 3), ref(2, BOBB))
    kept.take(ALICE, Text("deeper", 4, thread=ref(1, BOBB)), ref(3))
    assert kept.rows[3].thread == ref(1)


def test_thread_whose_beginning_is_not_here_keeps_its_name() -> None:
    kept = Kept()
    kept.take(BOBB, Text("in it", 2, thread=ref(1)), ref(1, BOBB))
    assert kept.rows[1].thread == ref(1)


def test_no_message_hangs_from_itself() -> None:
    kept = Kept()
    kept.take(ALICE, Text("own", 1, thread=ref(1)), ref(1))
    kept.take(ALICE, Text("hangs from one to come", 2, thread=ref(3)), ref(2))
    kept.take(ALICE, Text("which hangs from it", 3, thread=ref(2)), ref(3))
    assert [row.thread for row in kept.rows.values()] == [None, ref(3), None]


def test_kind_of_a_newer_version_is_a_row_that_keeps_it_whole() -> None:
    kept = room()
    kept.take(BOBB, Unknown("poll", b"?"), ref(1, BOBB))
    assert kept.rows[2].unknown == Unknown("poll", b"?")


@pytest.mark.parametrize("again", [Text("again", 2), Unknown("poll", b"?")])
def test_second_message_under_a_reference_is_not_shown_for_nobody_could_delete_it(
    again: Content,
) -> None:
    kept = room(admins=(BOBB,))
    assert kept.take(ALICE, again, ref(1)) is None
    assert kept.take(BOBB, Delete(ref(1), 3), ref(2, BOBB)) is not None
    assert kept.take(ALICE, again, ref(1)) is None
    (row,) = kept.rows.values()
    assert row.is_deleted


# --- edits ---------------------------------------------------------------------------------------


def test_author_edits_in_place() -> None:
    kept = room()
    done = kept.take(ALICE, Edit(ref(1), "better", 7), ref(2))
    assert done is not None
    number, change = done
    assert number == 1
    assert isinstance(change, RowEdited)
    assert (change.before.text, change.after.text, change.after.edited_ms) == ("hello", "better", 7)
    assert len(kept.rows) == 1


def test_last_edit_of_the_log_stays_whatever_its_clock_says() -> None:
    kept = room()
    kept.take(ALICE, Edit(ref(1), "second", 9), ref(2))
    kept.take(ALICE, Edit(ref(1), "third", 4), ref(3))
    assert text(kept) == "third"


@pytest.mark.parametrize("other", [BOBB, IMPOSTOR])
def test_nobody_else_edits_not_even_an_admin_or_the_same_name(other: Author) -> None:
    kept = room(admins=(other,))
    assert kept.take(other, Edit(ref(1), "lies", 2), ref(1, other)) is None
    assert text(kept) == "hello"


def test_edit_keeps_what_the_message_was() -> None:
    kept = room()
    kept.take(BOBB, Text("waves", 2, ref(1), ref(1), is_action=True), ref(1, BOBB))
    kept.take(BOBB, Edit(ref(1, BOBB), "nods", 3), ref(2, BOBB))
    row = kept.rows[2]
    assert (row.text, row.reply_to, row.thread, row.is_action) == ("nods", ref(1), ref(1), True)


@pytest.mark.parametrize(
    "content", [Edit(ref(2), "x", 2), Delete(ref(2), 2), Reaction(ref(2), "👍", 2)]
)
def test_what_refers_to_nothing_does_nothing_even_if_its_message_comes_later(
    content: Content,
) -> None:
    kept = room(admins=(ALICE,))
    assert kept.take(ALICE, content, ref(9)) is None
    kept.take(ALICE, Text("later", 3), ref(2))
    assert (text(kept, 2), kept.reacted) == ("later", [])


def test_edit_is_no_message_that_others_can_refer_to() -> None:
    kept = room()
    kept.take(ALICE, Edit(ref(1), "better", 2), ref(2))
    assert kept.take(BOBB, Reaction(ref(2), "👍", 3), ref(1, BOBB)) is None


def test_kind_that_is_not_known_cannot_be_edited_and_can_be_deleted() -> None:
    kept = Kept()
    kept.take(ALICE, Unknown("poll", b"?"), ref(1))
    assert kept.take(ALICE, Edit(ref(1), "x", 2), ref(2)) is None
    kept.take(ALICE, Delete(ref(1), 2), ref(3))
    assert kept.rows[1].unknown is None


# --- deletions -----------------------------------------------------------------------------------


@pytest.mark.parametrize("who", [ALICE, BOBB])
def test_author_and_admin_delete_and_it_is_said_who(who: Author) -> None:
    kept = room(admins=(BOBB,))
    done = kept.take(who, Delete(ref(1), 5), ref(8, who))
    assert done is not None
    assert isinstance(done[1], RowDeleted)
    row = kept.rows[1]
    assert (row.is_deleted, row.deleted_by, row.author, row.text) == (True, who.name, ALICE, "")


@pytest.mark.parametrize("who", [BOBB, IMPOSTOR])
def test_others_do_not_delete(who: Author) -> None:
    kept = room()
    assert kept.take(who, Delete(ref(1), 5), ref(8, who)) is None
    assert text(kept) == "hello"


def test_deleted_message_takes_no_edit_reaction_or_second_deletion() -> None:
    kept = room(admins=(BOBB,))
    kept.take(ALICE, Delete(ref(1), 5), ref(2))
    assert kept.take(ALICE, Edit(ref(1), "back", 6), ref(3)) is None
    assert kept.take(BOBB, Reaction(ref(1), "👍", 6), ref(1, BOBB)) is None
    assert kept.take(BOBB, Delete(ref(1), 6), ref(2, BOBB)) is None
    assert kept.rows[1].deleted_by == "alice"


# --- reactions -----------------------------------------------------------------------------------


def test_reactions_are_kept_in_order_once_each_and_can_be_taken_back() -> None:
    kept = room()
    kept.take(BOBB, Reaction(ref(1), "👍", 2), ref(1, BOBB))
    kept.take(CAROL, Reaction(ref(1), "👍", 3), ref(1, CAROL))
    assert kept.take(BOBB, Reaction(ref(1), "👍", 4), ref(2, BOBB)) is None
    kept.take(BOBB, Reaction(ref(1), "🎉", 5), ref(3, BOBB))
    assert kept.shown(ref(1)) == [("👍", "bobb"), ("👍", "carol"), ("🎉", "bobb")]
    kept.take(BOBB, Reaction(ref(1), "👍", 6, is_removed=True), ref(4, BOBB))
    assert kept.shown(ref(1)) == [("👍", "carol"), ("🎉", "bobb")]


def test_nobody_takes_back_anothers_reaction() -> None:
    kept = room(admins=(BOBB,))
    kept.take(CAROL, Reaction(ref(1), "👍", 2), ref(1, CAROL))
    assert kept.take(BOBB, Reaction(ref(1), "👍", 3, is_removed=True), ref(1, BOBB)) is None
    assert kept.shown(ref(1)) == [("👍", "carol")]


def test_reactions_of_one_account_to_one_message_are_bounded() -> None:
    kept = room()
    for at in range(MAX_REACTIONS_EACH + 5):
        kept.take(BOBB, Reaction(ref(1), chr(0x1F600 + at), 2), ref(at, BOBB))
    assert len(kept.reacted) == MAX_REACTIONS_EACH
    assert kept.take(CAROL, Reaction(ref(1), "👍", 3), ref(1, CAROL)) is not None


def test_reactions_to_one_message_are_bounded() -> None:
    kept = room()
    for at in range(MAX_REACTIONS + 5):
        member = Author(f"m{at}", at.to_bytes(32, "big"))
        kept.take(member, Reaction(ref(1), "👍", 2), ref(1, member))
    assert len(kept.reacted) == MAX_REACTIONS


# --- mentions ------------------------------------------------------------------------------------


def test_mention_follows_the_edits() -> None:
    kept = room()
    assert not kept.rows[1].mentions_me
    kept.take(ALICE, Edit(ref(1), "hello @carol", 2), ref(2))
    assert kept.rows[1].mentions_me
    kept.take(ALICE, Edit(ref(1), "hello all", 3), ref(3))
    assert not kept.rows[1].mentions_me


def test_nobody_mentions_oneself() -> None:
    kept = Kept()
    kept.take(CAROL, Text("I am @carol", 1), ref(1, CAROL))
    assert not kept.rows[1].mentions_me


# --- whatever comes ------------------------------------------------------------------------------

AUTHORS = st.sampled_from([ALICE, BOBB, CAROL])
TARGETS = st.builds(ref, st.integers(0, 6), AUTHORS)
WORDS = st.sampled_from(["one", "two @carol", "@carol"])
CONTENTS = st.one_of(
    st.builds(Text, WORDS, st.just(1), st.none() | TARGETS, st.none() | TARGETS),
    st.builds(Edit, TARGETS, WORDS, st.just(2)),
    st.builds(Delete, TARGETS, st.just(3)),
    st.builds(Reaction, TARGETS, st.sampled_from("👍🎉"), st.just(4), st.booleans()),
    st.just(Unknown("", b"?")),
)
SAID = st.lists(st.tuples(AUTHORS, CONTENTS, st.integers(0, 6)), max_size=40)


@given(SAID)
def test_whatever_is_said_a_message_is_changed_by_its_author_or_deleted(
    said: list[tuple[Author, Content, int]],
) -> None:
    kept = Kept(admins=(BOBB,))
    for author, content, number in said:
        before = dict(kept.rows)
        kept.take(author, content, ref(number, author))
        for at, row in before.items():
            after = kept.rows[at]
            assert after.author == row.author
            if after != row:
                assert author == row.author or (author == BOBB and after.is_deleted)
            assert after.is_deleted >= row.is_deleted
    for row in kept.rows.values():
        if row.is_deleted:
            assert (row.text, row.unknown, kept.reactions(row.ref)) == ("", None, [])
        assert row.thread != row.ref
    assert len({row.ref for row in kept.rows.values()}) == len(kept.rows)
    pairs = [(r.target, r.author, r.emoji) for r in kept.reacted]
    assert len(set(pairs)) == len(pairs)


@given(SAID, st.integers(0, 6))
def test_unread_counts_go_along_as_if_counted_anew(
    said: list[tuple[Author, Content, int]], read_to: int
) -> None:
    kept = Kept(admins=(BOBB,))
    reading = Reading(read_to)
    for author, content, number in said:
        changed = kept.take(author, content, ref(number, author))
        if changed:
            reading = reading.after(*changed, CAROL.account_key)
    behind = [row for number, row in kept.rows.items() if number > read_to]
    assert reading == counted_anew(read_to, behind, CAROL)
