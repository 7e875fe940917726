"""The inside of a line of Markdown."""

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coterie.ui.inlines import MAX_MARKS, Code, Inline, Inlines, Link, Mention, Plain, Style, Styled


def parse(text: str) -> tuple[Inline, ...]:
    return Inlines().parse(text)


def strong(*parts: Inline | str) -> Styled:
    return styled("strong", parts)


def emphasis(*parts: Inline | str) -> Styled:
    return styled("emphasis", parts)


def styled(style: Style, parts: tuple[Inline | str, ...]) -> Styled:
    inner = tuple(Plain(part) if isinstance(part, str) else part for part in parts)
    return Styled(style, inner)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("**a**", [strong("a")]),
        ("__a__", [strong("a")]),
        ("*a*", [emphasis("a")]),
        ("_a_", [emphasis("a")]),
        ("~~a~~", [styled("strike", ("a",))]),
        ("***a***", [strong(emphasis("a"))]),
        ("*a **b** c*", [emphasis("a ", strong("b"), " c")]),
        ("**a *b***", [strong("a ", emphasis("b"))]),
        ("*a **b***", [emphasis("a ", strong("b"))]),
        ("**a *b** c", [strong("a *b"), " c"]),
        ("**a**b", [strong("a"), "b"]),
        ("这是*强调*文字", ["这是", emphasis("强调"), "文字"]),
        ("*a\nb*", [emphasis("a\nb")]),
        # what is no mark stays as it was typed
        ("snake_case_name", ["snake_case_name"]),
        ("2*3*4", ["2*3*4"]),
        ("a * b * c", ["a * b * c"]),
        ("**a", ["**a"]),
        ("a**", ["a**"]),
        ("****", ["****"]),
        ("~a~", ["~a~"]),
        ("****a****", ["****a****"]),
        ("*a **b* c", [emphasis("a **b"), " c"]),
        ("*a *b* c*", [emphasis("a *b"), " c*"]),  # no style is within itself
        ("*a " * 9 + "b" + "* c" * 2, [emphasis("a " + "*a " * 8 + "b"), " c* c"]),
        ("", []),
    ],
)
def test_styles(text: str, expected: list[Inline | str]) -> None:
    parts = [Plain(part) if isinstance(part, str) else part for part in expected]
    assert list(parse(text)) == parts


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a `b` c", [Plain("a "), Code("b"), Plain(" c")]),
        ("`**b** @bob https://a.example`", [Code("**b** @bob https://a.example")]),
        ("``a ` b``", [Code("a ` b")]),
        ("`` ` ``", [Code("`")]),
        ("`  `", [Code("  ")]),
        ("```x```", [Code("x")]),
        ("*a `b* c`", [Plain("*a "), Code("b* c")]),
        ("a ` b", [Plain("a ` b")]),
        ("`a``", [Plain("`a``")]),
        ("````a````", [Plain("````a````")]),
        (r"\*a\* \`b\` \@bob", [Plain("*a* `b` @bob")]),
        (r"C:\new", [Plain(r"C:\new")]),
    ],
)
def test_code_and_escapes(text: str, expected: list[Inline]) -> None:
    assert list(parse(text)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("see https://a.example/b_c_d.", ["see ", Link("https://a.example/b_c_d"), "."]),
        ("[docs](https://a.example)", [Link("https://a.example", "docs")]),
        ("[a](https://a.example/x_(y)) b", [Link("https://a.example/x_(y)", "a"), " b"]),
        ("**https://a.example**", [strong(Link("https://a.example"))]),
        ("[a](javascript:alert(1))", ["[a](javascript:alert(1))"]),
        ("[a](data:text/html,b)", ["[a](data:text/html,b)"]),
        ("![a](https://a.example)", ["!", Link("https://a.example", "a")]),
        ("[a](https://a.example", ["[a](", Link("https://a.example")]),
        ("[ ] [x] todo", ["[ ] [x] todo"]),
        ("ask @Bob.", ["ask ", Mention("bob", "@Bob"), "."]),
        ("*@bob*", [emphasis(Mention("bob", "@bob"))]),
        ("a@b.example", ["a@b.example"]),
        ("<b>&amp;</b>", ["<b>&amp;</b>"]),
    ],
)
def test_links_and_mentions(text: str, expected: list[Inline | str]) -> None:
    parts = [Plain(part) if isinstance(part, str) else part for part in expected]
    assert list(parse(text)) == parts


def test_label_never_hides_the_address() -> None:
    (link,) = parse("[https://bank.example](https://evil.example/?bank.example)")
    assert link == Link("https://evil.example/?bank.example", "https://bank.example")


def test_beyond_the_most_marks_all_is_as_it_was_typed() -> None:
    parts = parse("*a* " * MAX_MARKS)
    assert len(parts) == MAX_MARKS
    assert parts[-1] == Plain(" " + "*a* " * (MAX_MARKS // 2))


def shown(parts: tuple[Inline, ...]) -> str:
    """Every character that an interface gets to show."""
    return "".join(
        shown(part.parts)
        if isinstance(part, Styled)
        else part.label + part.address
        if isinstance(part, Link)
        else part.text
        for part in parts
    )


def depth(parts: tuple[Inline, ...]) -> int:
    return max((1 + depth(p.parts) for p in parts if isinstance(p, Styled)), default=0)


PIECES = st.sampled_from(
    [*"*_~`[]()\\@ \nab", "**", "~~", "``", "](", "https://", "[a](https://b)", "@bob", "é"]
)


@given(st.lists(PIECES, max_size=60).map("".join))
def test_nothing_is_lost_but_marks_and_nothing_is_made_up(text: str) -> None:
    def words(text: str) -> str:
        return re.sub(r"[*_~`\[\]()\\ \n]", "", text)

    parts = parse(text)
    assert words(shown(parts)) == words(text)
    assert depth(parts) <= 5
    for first, second in pairwise(parts):
        assert not (isinstance(first, Plain) and isinstance(second, Plain))
