"""The pages that people read, and how to look into them."""

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md")) + [
    ROOT / name for name in ("README.md", "SECURITY.md", "CHANGELOG.md")
]


def name_of(page: Path) -> str:
    """A page as tests name it."""
    return page.relative_to(ROOT).as_posix()


def text_of(page: Path) -> str:
    """All of it."""
    return page.read_text(encoding="utf-8")


def prose(page: Path) -> str:
    """The page without its blocks of code."""
    without_fences = re.sub(r"^```.*?^```$", "", text_of(page), flags=re.MULTILINE | re.DOTALL)
    return "".join(line for line in without_fences.splitlines(True) if not line.startswith("    "))


def headings(page: Path) -> list[tuple[int, str]]:
    """Level and text of each."""
    found = re.findall(r"^(#+) (.+)$", prose(page), flags=re.MULTILINE)
    return [(len(marks), text) for marks, text in found]


def anchors(page: Path) -> set[str]:
    """What a link to a heading of the page may name."""
    return {re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for _, text in headings(page)}


def links(page: Path) -> Iterator[tuple[str, str]]:
    """File and anchor of each link that stays in the repository."""
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if "://" not in target:
            file, _, anchor = target.partition("#")
            yield file, anchor


def code(page: Path) -> Iterator[str]:
    """What stands as code: indented lines, fenced blocks and spans."""
    text = text_of(page)
    yield from (line[4:] for line in text.splitlines() if line.startswith("    "))
    yield from re.findall(r"^```\w*\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)
    yield from re.findall(r"`([^`\n]+)`", prose(page))
