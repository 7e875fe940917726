"""The pages about MLS: what the one shows runs, and what the other lists is there."""

import re
from typing import Any

import coterie.mls
from tests.docs.pages import DOCS, ROOT, text_of

USE = DOCS / "how-to" / "use-mls.md"
MAP = DOCS / "reference" / "mls-rfc-map.md"
SOURCE = ROOT / "src" / "coterie" / "mls"


def test_the_program_on_the_page_runs() -> None:
    """All blocks in order, with their own assertions."""
    blocks = re.findall(r"^```python\n(.*?)^```$", text_of(USE), re.MULTILINE | re.DOTALL)
    assert len(blocks) > 10
    assert sum(block.count("assert ") for block in blocks) >= 8
    names: dict[str, Any] = {}
    for block in blocks:
        exec(compile(block, USE.name, "exec"), names)  # noqa: S102  # the page is our own
    assert names["alices"].epoch_authenticator == names["bobs"].epoch_authenticator


def test_what_the_page_only_mentions_can_be_imported() -> None:
    calls = set(re.findall(r"`(\w+)\(", text_of(USE))) | {"KeyPackage", "Policy", "padme"}
    assert len(calls) > 5
    assert [name for name in calls if not hasattr(coterie.mls, name)] == []


def test_each_file_has_its_sections() -> None:
    listed = set(re.findall(r"`(\w+\.py)`", text_of(MAP)))
    assert listed == {path.name for path in SOURCE.glob("*.py")}


def test_no_section_is_left_out() -> None:
    """Chapters 5 to 13, down to the second level; what is no rule for a program is not asked for."""
    first = re.findall(r"^\| ([^|]+) \| [^|]+ \| `", text_of(MAP), re.MULTILINE)
    named = {section for cell in first for section in cell.strip().split(", ")}
    chapters = {5: 3, 6: 3, 7: 9, 8: 7, 10: 0, 11: 3, 12: 4}
    wanted = {f"{chapter}.{n}" for chapter, last in chapters.items() for n in range(1, last + 1)}
    assert {section for section in wanted if section not in named} == set()
