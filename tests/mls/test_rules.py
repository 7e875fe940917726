"""Every rule that the source names is broken by a test, and no test names a rule that is not there."""

import re
from pathlib import Path

import coterie.mls

SOURCE = Path(coterie.mls.__file__).parent
RAISED = re.compile(r'RuleViolation\(\s*"([a-z0-9-]+)"')
REFUSED = re.compile(r'refuses\(\s*"([a-z0-9-]+)"')
PATH_RULE = re.compile(r'^    "([a-z0-9-]+)": lambda group, path', re.MULTILINE)


def test_every_rule_has_a_test_that_breaks_it_and_every_test_a_rule() -> None:
    source = "\n".join(path.read_text() for path in SOURCE.glob("*.py"))
    tests = "\n".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))
    raised = set(RAISED.findall(source))
    refused = set(REFUSED.findall(tests)) | set(PATH_RULE.findall(tests))
    assert len(raised) > 70
    assert raised == refused


def test_every_violation_is_raised_with_a_literal_rule() -> None:
    """Else the test above would not see it."""
    for path in SOURCE.glob("*.py"):
        text = path.read_text()
        assert text.count("RuleViolation(") == len(RAISED.findall(text)), path.name
