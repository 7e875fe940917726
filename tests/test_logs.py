"""What a program that uses Coterie as a library sees of its logs, and what ours do."""

import subprocess
import sys

import pytest

_LOGS = """
from coterie.logs import get_logger
log = get_logger()
log.debug("quiet", size=1)
log.info("quiet", size=2)
log.warning("loud", group="abcd", name="x")
"""


def run(code: str) -> tuple[str, str]:
    """stdout and stderr of a program of its own."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603
    return done.stdout, done.stderr


def test_a_program_that_sets_nothing_up_sees_warnings_on_stderr_and_nothing_else() -> None:
    """An SDK that prints to a bot's stdout breaks the bot."""
    out, err = run(_LOGS)
    assert out == ""
    assert err == "loud group=abcd name=x\n"


def test_a_program_sets_level_and_handlers_as_it_does_for_any_library() -> None:
    setup = 'import logging; logging.basicConfig(level="INFO", format="%(levelname)s %(name)s %(message)s")\n'
    _, err = run(setup + _LOGS)
    assert err.splitlines() == [
        "INFO coterie quiet size=2",
        "WARNING coterie loud group=abcd name=x",
    ]


def test_how_a_program_configures_structlog_for_itself_does_not_matter() -> None:
    setup = (
        "import structlog; structlog.configure(processors=[structlog.processors.JSONRenderer()])\n"
    )
    out, err = run(setup + _LOGS)
    assert out == ""
    assert err == "loud group=abcd name=x\n"


@pytest.mark.parametrize("how", ["", "from coterie import logs; logs.configure(debug=False)\n"])
def test_a_bug_shows_one_traceback(how: str) -> None:
    _, err = run(how + _LOGS + "try: 1 / 0\nexcept ZeroDivisionError: log.exception('bug')\n")
    assert err.count("Traceback") == 1


def test_debug_shows_everything_as_json_lines_where_there_is_no_terminal() -> None:
    out, err = run("from coterie import logs; logs.configure(debug=True)\n" + _LOGS)
    assert out == ""
    assert '"event": "quiet"' in err
    assert '"name": "x"' in err
