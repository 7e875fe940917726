"""The pictures are there, and can be shown."""

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from scripts.film.scenes import SCENES
from scripts.tour import SHOTS

from tests.docs.pages import DOCS, PAGES, text_of

PICTURES = DOCS / "pictures"
MAX_BYTES = 600_000  # of one that a page loads
SVG = "{http://www.w3.org/2000/svg}"


def shown() -> set[Path]:
    """All that some page shows."""
    return {
        (page.parent / file).resolve()
        for page in PAGES
        for file in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", text_of(page))
    }


def test_every_picture_of_a_page_is_there() -> None:
    assert len(shown()) > 2
    assert [path for path in shown() if not path.is_file()] == []


def test_each_was_made_by_the_film_or_the_tour_and_is_shown() -> None:
    made = {f"{name}.svg" for name in SCENES} | {f"{shot.name}.svg" for shot in SHOTS}
    assert {path.name for path in PICTURES.glob("*.svg")} == made
    assert {path.name for path in shown() if path.parent == PICTURES} == made


@pytest.mark.parametrize("path", sorted(PICTURES.glob("*.svg")), ids=lambda path: path.name)
def test_picture_is_a_drawing_of_text_without_anything_from_elsewhere(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.encode()) < MAX_BYTES
    drawing = ET.fromstring(text)  # noqa: S314  # our own
    assert drawing.tag == f"{SVG}svg"
    assert len(list(drawing.iter(f"{SVG}text"))) > 20
    assert not re.search(r"(?:href|src|url)\s*[=(]\s*[\"']?(?!#)[a-z]+:", text)
    assert "<script" not in text
