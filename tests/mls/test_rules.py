"""Every rule that the source names is broken by a test, no test names a rule that is not there, and each matters."""

import ast
from pathlib import Path

import pytest

import coterie.mls
from scripts import mls_validation

SOURCE = Path(coterie.mls.__file__).parent


def test_the_table_of_rules_is_current() -> None:
    """It names each rule with its section, function and tests, or would not be made."""
    rows = mls_validation.rows()
    assert len(rows) > 90
    assert mls_validation.PAGE.read_text(encoding="utf-8") == mls_validation.page(rows), (
        "run scripts/mls_validation.py --mutants, and commit what it wrote"
    )


def test_every_rule_was_seen_to_matter() -> None:
    """By who last changed it; the slow test below sees it anew."""
    assert [row.rule for row in mls_validation.rows() if not row.was_seen] == [], (
        "run scripts/mls_validation.py --mutants, and commit what it wrote"
    )


@pytest.mark.slow
def test_no_rule_can_be_taken_out_unnoticed() -> None:
    rows = mls_validation.try_mutants(mls_validation.rows())
    assert [row.rule for row in rows if not row.was_seen] == []


def test_every_violation_is_raised_with_a_literal_rule() -> None:
    """Else the table would not have it."""
    made = [
        node
        for path in SOURCE.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "RuleViolation"
    ]
    assert len(made) == sum(map(len, mls_validation.sites().values()))
    assert all(isinstance(call.args[0], ast.Constant) for call in made)
