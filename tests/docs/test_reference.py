"""The reference leaves nothing out."""

import re
import tomllib
from dataclasses import fields

import pytest

from coterie.server.config import VARIABLES, Config
from scripts import generate_reference
from tests.docs.pages import DOCS, ROOT, headings, text_of

SETTINGS = DOCS / "reference" / "settings.md"
DEPENDENCIES = DOCS / "explanation" / "dependencies.md"


@pytest.mark.parametrize("name", generate_reference.PARTS)
def test_generated_page_is_up_to_date(name: str) -> None:
    page = generate_reference.page(name)
    assert page.read_text(encoding="utf-8") == generate_reference.filled(name), (
        "run scripts/generate_reference.py, and commit what it wrote"
    )


@pytest.mark.parametrize("module", ["coterie.wire.limits", "coterie.server.limits"])
def test_every_limit_says_why_it_is_so(module: str) -> None:
    section = text_of(generate_reference.page("limits")).partition(f"## {module}\n")[2]
    rows = re.findall(r"^\| `(\w+)` \| [^|]+ \|(.*)\|$", section.partition("## ")[0], re.MULTILINE)
    assert len(rows) > 5, "the search finds none"
    assert [name for name, why in rows if not why.strip()] == []


def test_every_setting_of_the_server_has_an_entry() -> None:
    described = {text for level, text in headings(SETTINGS) if level == 3}
    assert described == {field.name for field in fields(Config)}


def test_every_environment_variable_has_an_entry() -> None:
    sources = [*(ROOT / "src").rglob("*.py"), ROOT / "tests" / "vectors_path.py"]
    named = {
        name
        for source in sources
        for name in re.findall(r"\bCOTERIE_[A-Z]+\b", source.read_text(encoding="utf-8"))
    }
    described = set(re.findall(r"\bCOTERIE_[A-Z]+(?:_[A-Z]+)*\b", text_of(SETTINGS)))
    assert described == {*named, *VARIABLES}


def test_every_runtime_dependency_has_its_reason_and_its_rivals() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [re.match(r"[\w-]+", line)[0] for line in project["dependencies"]]  # type: ignore[index]
    sections = re.split(r"^## ", text_of(DEPENDENCIES), flags=re.MULTILINE)[1:]
    assert [section.partition("\n")[0] for section in sections] == wanted
    assert [section.partition("\n")[0] for section in sections if "\nRivals: " not in section] == []
