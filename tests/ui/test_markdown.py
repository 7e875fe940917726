"""Markdown as a tree: whatever is in a message, it is bounded and quick."""

import re
import time

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coterie.content import MAX_TEXT
from coterie.ui.inlines import Code, Plain, Styled
from coterie.ui.markdown import (
    MAX_LINES,
    MAX_QUOTES,
    Block,
    CodeBlock,
    Heading,
    Item,
    Paragraph,
    Quote,
    parse,
)
from tests.ui.test_inlines import shown


def words(text: str) -> tuple[Plain, ...]:
    return (Plain(text),)


def test_line_end_stays_and_an_empty_line_parts_paragraphs() -> None:
    assert parse("a\nb\n\n\nc\r\nd") == (Paragraph(words("a\nb")), Paragraph(words("c\nd")))


def test_style_goes_over_a_line_end_and_never_over_a_paragraph() -> None:
    bold = Styled("strong", words("a\nb"))
    assert parse("**a\nb**") == (Paragraph((bold,)),)
    assert parse("**a\n\nb**") == (Paragraph(words("**a")), Paragraph(words("b**")))


@pytest.mark.parametrize("fence", ["```", "~~~", "`````"])
def test_code_is_kept_as_it_is(fence: str) -> None:
    code = "x = **1**\n\n  > y"
    assert parse(f"a\n{fence}py\n{code}\n{fence}\nb") == (
        Paragraph(words("a")),
        CodeBlock(code, "py"),
        Paragraph(words("b")),
    )


def test_code_that_is_not_closed_goes_to_the_end() -> None:
    assert parse("```\na\n``") == (CodeBlock("a\n``"),)
    assert parse("```") == (CodeBlock(""),)


def test_code_on_one_line_is_code_within_it() -> None:
    assert parse("```a b```") == (Paragraph((Code("a b"),)),)


def test_quotes_hold_blocks() -> None:
    assert parse("> a\n>b\n> > c\nd") == (
        Quote((Paragraph(words("a\nb")), Quote((Paragraph(words("c")),)))),
        Paragraph(words("d")),
    )


def test_quotes_are_only_so_deep() -> None:
    blocks = parse("> " * 50 + "a")
    for _ in range(MAX_QUOTES):
        (quote,) = blocks
        assert isinstance(quote, Quote)
        blocks = quote.blocks
    assert blocks == (Paragraph(words("> " * (50 - MAX_QUOTES) + "a")),)


def test_lists() -> None:
    assert parse("- a\n  * b\n3. c\n12) d\n" + " " * 20 + "+ e") == (
        Item(0, None, words("a")),
        Item(1, None, words("b")),
        Item(0, 3, words("c")),
        Item(0, 12, words("d")),
        Item(3, None, words("e")),
    )


def test_headings() -> None:
    assert parse("# a\n### b") == (Heading(1, words("a")), Heading(3, words("b")))


@pytest.mark.parametrize("text", ["#ops", "-5 degrees", "1.5 litres", "#### a", "-", "1.", "#"])
def test_what_only_looks_like_a_block_is_text(text: str) -> None:
    assert parse(text) == (Paragraph(words(text)),)


@pytest.mark.parametrize("text", ["", " ", "\n\n"])
def test_nothing_is_no_block(text: str) -> None:
    assert parse(text) == ()


def test_what_could_move_a_cursor_or_turn_a_line_is_gone_everywhere() -> None:
    harmful = "\x1b]0;title\x07 \u202e \r \x9b2J"
    text = f"{harmful}\n# {harmful}\n- {harmful}\n> {harmful}\n`{harmful}`\n```\n{harmful}\n```"
    encoded = msgspec.json.encode(parse(text)).decode()
    assert not re.search("\\\\u00[01]|[\x00-\x1f\x7f-\x9f\u202e]", encoded)


def test_tree_is_what_the_browser_can_be_given() -> None:
    text = "# a\n- **b** `c`\n1. @dd\n> [e](https://f)\n```g\nh\n```\ni"
    encoded = msgspec.json.encode(parse(text))
    assert msgspec.json.decode(encoded, type=tuple[Block, ...]) == parse(text)


def test_beyond_the_most_lines_all_is_as_it_was_typed() -> None:
    blocks = parse("- *a*\n" * (2 * MAX_LINES))
    assert len(blocks) == MAX_LINES + 1
    assert blocks[-1] == Paragraph(words("- *a*\n" * MAX_LINES))


def everything(blocks: tuple[Block, ...]) -> str:
    found = []
    for block in blocks:
        match block:
            case CodeBlock(text, language):
                found.append(language + text)
            case Quote(inner):
                found.append(everything(inner))
            case _:
                found.append(shown(block.parts))
    return "".join(found)


LINES = st.sampled_from(
    [
        "a",
        "**b",
        "> ",
        ">",
        "- ",
        "  - c",
        "# d",
        "#",
        "```",
        "```ee",
        "~~~",
        "`f",
        "\n",
        "\n\n",
        " ",
    ]
)


@given(st.lists(LINES, max_size=40).map("".join))
def test_no_letter_is_lost(text: str) -> None:
    letters = re.compile("[a-f]")
    assert letters.findall(everything(parse(text))) == letters.findall(text)


HOSTILE = [
    *"*_~`[]()<>\\@\n- a\u202e\x1b",
    *(
        "](",
        "http://",
        "> ",
        "```\n",
        "*a",
        "*a ",
        "**a*",
        "`` ` ",
        "`a``a```a",
        "~~a",
        "\\*",
        "@a.",
    ),
    *("[a](http://a", "[a](http://(", "[a](http://a(b)", "http://(", "http://a] ", "- *a*\n"),
    *("> - *a*\n", "1. a\n", "> ```\n", "# *a\n", "e\u0301\u0301\u0301", "\u200d", "👩‍👩‍👧"),
]


@pytest.mark.parametrize("piece", HOSTILE, ids=repr)
def test_hostile_text_takes_time_by_its_length(piece: str) -> None:
    """A text of the most characters takes a few milliseconds; were it by the square, a minute."""
    for text in (piece * (MAX_TEXT // len(piece)), "x" * 30_000 + piece * (30_000 // len(piece))):
        began = time.process_time()
        parse(text)
        assert time.process_time() - began < 0.25
