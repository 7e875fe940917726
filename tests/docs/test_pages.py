"""The pages hang together."""

import re
from pathlib import Path

import pytest

from tests.docs.pages import DOCS, PAGES, ROOT, anchors, headings, links, name_of, prose, text_of


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_page_has_one_title_and_it_comes_first(page: Path) -> None:
    levels = [level for level, _ in headings(page)]
    assert levels.count(1) == 1
    assert levels[0] == 1


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for file, anchor in links(page):
        target = (page.parent / file).resolve() if file else page
        assert target.is_relative_to(ROOT), f"{file} is outside of the repository"
        assert target.exists(), f"{file} is not there"
        assert not anchor or anchor in anchors(target), f"{file} has no heading for #{anchor}"


def test_every_page_of_the_docs_can_be_reached_from_their_beginning() -> None:
    reached: set[Path] = set()
    waiting = [DOCS / "index.md"]
    while waiting:
        page = waiting.pop()
        if page.suffix == ".md" and page not in reached and page.is_relative_to(DOCS):
            reached.add(page)
            waiting += [(page.parent / file).resolve() for file, _ in links(page) if file]
    assert {name_of(page) for page in DOCS.rglob("*.md")} == {name_of(page) for page in reached}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_page_has_one_sentence_per_line(page: Path) -> None:
    """Tables and lists of one line excepted; a diff then shows which sentence changed."""
    lines = [line for line in prose(page).splitlines() if not line.startswith(("|", "-", ">"))]
    joined = [line for line in lines if re.search(r"[a-z)`]\. [A-Z]", line)]
    assert joined == []


@pytest.mark.parametrize("page", sorted((DOCS / "decisions").glob("*.md")), ids=name_of)
def test_decision_has_its_four_parts_in_order(page: Path) -> None:
    title, *parts = [text for _, text in headings(page)]
    assert re.fullmatch(rf"{page.name[:4]}: .+", title)
    assert parts == ["Context", "Decision", "Consequences", "Refused"]
    assert len(text_of(page).splitlines()) <= 60, "a screen at most"
