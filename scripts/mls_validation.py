#!/usr/bin/env python3
"""Makes docs/reference/mls-validation.md, the table of all that coterie.mls refuses.

The rules are those that the source raises; their sections stand in mls_rules.toml, their tests name them by
``refuses``. What the table says of mutants was seen: ``--mutants`` takes each ``raise`` out of a copy of the source and
runs the rule's tests, which must fail then. Without it what was seen is kept for each row that is otherwise the same,
but for tests that were added.

    scripts/mls_validation.py                    the table anew
    scripts/mls_validation.py --mutants          and try the rows that were not seen yet
    scripts/mls_validation.py --mutants --all    and try every row
"""

import argparse
import ast
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "coterie" / "mls"
TESTS = ROOT / "tests" / "mls"
RULES = Path(__file__).with_name("mls_rules.toml")
PAGE = ROOT / "docs" / "reference" / "mls-validation.md"
HEADER = "| rule | section | refused is | where | test | seen to fail without |"


@dataclass(frozen=True)
class Site:
    """A ``raise`` of a rule: lines from 1, the last one included."""

    path: Path
    function: str
    first: int
    last: int
    indent: int


@dataclass(frozen=True)
class Row:
    """One rule."""

    rule: str
    section: str
    refused: str
    where: tuple[str, ...]
    tests: tuple[str, ...]  # as pytest takes them, without the folder
    sites: int
    was_seen: bool = False

    def __str__(self) -> str:
        where = "<br>".join(f"`{name}`" for name in self.where)
        tests = "<br>".join(f"`{name}`" for name in self.tests)
        seen = (
            "no" if not self.was_seen else "yes" if self.sites == 1 else f"yes, {self.sites} places"
        )
        return f"| `{self.rule}` | {self.section} | {self.refused} | {where} | {tests} | {seen} |"


def sites() -> dict[str, list[Site]]:
    """Where each rule is raised."""
    found: dict[str, list[Site]] = {}
    for path in sorted(SOURCE.glob("*.py")):
        for function, node in _raises(ast.parse(path.read_text(encoding="utf-8")), ""):
            call = node.exc
            if not (isinstance(call, ast.Call) and _name(call.func) == "RuleViolation"):
                continue
            rule = ast.literal_eval(call.args[0])
            end = node.end_lineno or node.lineno
            where = f"{path.stem}.{function}"
            found.setdefault(rule, []).append(Site(path, where, node.lineno, end, node.col_offset))
    return found


def _raises(node: ast.AST, inside: str) -> Iterator[tuple[str, ast.Raise]]:
    """Each ``raise`` with the dotted name of the function it is in."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Raise):
            yield inside, child
        elif isinstance(child, ast.FunctionDef | ast.ClassDef):
            yield from _raises(child, f"{inside}.{child.name}" if inside else child.name)
        else:
            yield from _raises(child, inside)


def _name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else ""


def tests() -> dict[str, list[str]]:
    """The tests that want each rule: by ``refuses("…")``, or by a parameter ``rule`` from a dict of the module."""
    found: dict[str, list[str]] = {}
    for path in sorted(TESTS.glob("test_*.py")):
        module = ast.parse(path.read_text(encoding="utf-8"))
        tables = {
            node.target.id: [ast.literal_eval(key) for key in node.value.keys if key is not None]
            for node in module.body
            if isinstance(node, ast.AnnAssign)
            and isinstance(node.target, ast.Name)
            and isinstance(node.value, ast.Dict)
            and node.target.id == "PATHS"
        }
        for function in module.body:
            if isinstance(function, ast.FunctionDef) and function.name.startswith("test_"):
                for rule, suffix in _wanted(function, tables):
                    found.setdefault(rule, []).append(f"{path.name}::{function.name}{suffix}")
    return found


def _wanted(function: ast.FunctionDef, tables: dict[str, list[str]]) -> set[tuple[str, str]]:
    """The rules, each with what names its parameter."""
    rules = set()
    for node in ast.walk(function):
        if not (isinstance(node, ast.Call) and _name(node.func) == "refuses"):
            continue
        if isinstance(node.args[0], ast.Constant):
            rules.add((str(node.args[0].value), ""))
        else:
            named = (
                _name(arg) for decorator in function.decorator_list for arg in _args(decorator)
            )
            rules |= {(rule, f"[{rule}]") for name in named for rule in tables.get(name, ())}
    return rules


def _args(decorator: ast.expr) -> list[ast.expr]:
    return decorator.args if isinstance(decorator, ast.Call) else []


def rows() -> list[Row]:
    """The table, with what was seen as far as it still holds. Exits where rules, sections and tests don't match."""
    sections = tomllib.loads(RULES.read_text(encoding="utf-8"))
    raised, wanted = sites(), tests()
    for these, those, said in (
        (raised, sections, "has no section in mls_rules.toml"),
        (sections, raised, "of mls_rules.toml is raised nowhere"),
        (raised, wanted, "has no test that refuses() it"),
        (wanted, raised, "is wanted by a test, and raised nowhere"),
    ):
        if missing := sorted(set(these) - set(those)):
            raise SystemExit(f"{missing[0]} {said}")
    made = [
        Row(
            rule=rule,
            section=sections[rule][0],
            refused=sections[rule][1],
            where=tuple(sorted({site.function for site in raised[rule]})),
            tests=tuple(wanted[rule]),
            sites=len(raised[rule]),
        )
        for rule in raised
    ]
    made.sort(key=lambda row: ([int(part) for part in row.section.split(".")], row.rule))
    before = PAGE.read_text(encoding="utf-8").splitlines() if PAGE.exists() else []
    return [replace(row, was_seen=any(_shows(line, row) for line in before)) for row in made]


def _shows(line: str, row: Row) -> bool:
    """Whether a line of the page says that the rule was seen to matter, where it is now, by tests that are still there.

    More tests than then take nothing away from it.
    """
    cells = line.split(" | ")
    wanted = str(replace(row, was_seen=True)).split(" | ")
    tests_cell = 4
    if len(cells) != len(wanted):
        return False
    then, now = (set(some[tests_cell].split("<br>")) for some in (cells, wanted))
    del cells[tests_cell], wanted[tests_cell]
    return cells == wanted and then <= now


def page(made: list[Row]) -> str:
    """The whole page: what stands above the table is written by hand."""
    text = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
    above = text.partition(HEADER)[0]
    return above + "\n".join([HEADER, "|" + " --- |" * 6, *map(str, made)]) + "\n"


def try_mutants(made: list[Row], say: Callable[[str], None] = lambda line: None) -> list[Row]:
    """The rows, each as it was seen: whether its tests fail without its ``raise``, each by itself.

    Raises SystemExit where they fail with all of them in place, since then nothing could be seen.
    """
    raised = sites()
    with tempfile.TemporaryDirectory(prefix="mls-mutants-") as folder:
        copy = Path(folder) / "src"
        shutil.copytree(ROOT / "src", copy, ignore=shutil.ignore_patterns("__pycache__"))
        every = sorted({test for row in made for test in row.tests})
        if not _pass(copy, every):
            raise SystemExit("the rules' tests fail with every rule in place")
        seen = []
        for row in made:
            survived = [s for s in raised[row.rule] if _survives(copy, s, row.tests)]
            seen.append(replace(row, was_seen=not survived))
            where = ", ".join(f"{s.path.name}:{s.first}" for s in survived)
            say(f"{row.rule}: " + (f"SURVIVES at {where}" if survived else "seen"))
    return seen


def _survives(copy: Path, site: Site, wanted: tuple[str, ...]) -> bool:
    """Whether the tests pass without this ``raise``."""
    path = copy / site.path.relative_to(ROOT / "src")
    original = path.read_text(encoding="utf-8")
    lines = original.splitlines(keepends=True)
    mutant = [*lines[: site.first - 1], " " * site.indent + "pass\n", *lines[site.last :]]
    path.write_text("".join(mutant), encoding="utf-8")
    try:
        return _pass(copy, list(wanted))
    finally:
        path.write_text(original, encoding="utf-8")


_LOADED_FROM = """
import sys, coterie.mls, pytest
assert coterie.mls.__file__.startswith(sys.argv[1]), coterie.mls.__file__
sys.exit(pytest.main(sys.argv[2:]))
"""


def _pass(copy: Path, wanted: list[str]) -> bool:
    """Whether tests pass on the copy. A mutant that cannot even be imported counts as seen; no tests at all do not."""
    named = [f"{TESTS.relative_to(ROOT).as_posix()}/{test}" for test in wanted]
    options = ["-q", "-x", "-p", "no:cacheprovider", "--no-header", *named]
    result = subprocess.run(  # noqa: S603  # our own interpreter, and our own tests
        [sys.executable, "-B", "-c", _LOADED_FROM, str(copy), *options],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(copy)},
        capture_output=True,
        check=False,
    )
    if result.returncode not in (0, 1):
        raise SystemExit(result.stdout.decode() + result.stderr.decode())
    return result.returncode == 0


def main() -> None:
    """From the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--mutants", action="store_true", help="try the rows that were not seen yet"
    )
    parser.add_argument("--all", action="store_true", help="with --mutants: try every row")
    given = parser.parse_args()
    made = rows()
    if given.mutants:
        wanted = made if given.all else [row for row in made if not row.was_seen]
        tried = {row.rule: row for row in try_mutants(wanted, _say)}
        made = [tried.get(row.rule, row) for row in made]
    PAGE.write_text(page(made), encoding="utf-8")
    unseen = [row.rule for row in made if not row.was_seen]
    _say(f"{len(made)} rules, {len(unseen)} not seen to matter: {', '.join(unseen) or 'none'}")


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
