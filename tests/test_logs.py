"""What a program that uses Coterie as a library sees of its logs, and what ours do."""

import json
import os
import pty
import re
import subprocess
import sys

import pytest

from coterie.logs import short

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


PROGRAM = """
import logging, sys
from coterie import logs
from coterie.secret import Secret, derived
logs.configure(debug="debug" in sys.argv)
log = logs.get_logger()
log.debug("debugged", size=1)
log.info("informed", size=2)
log.warning("warned", size=3)
foreign = logging.getLogger("sqlalchemy.engine")
foreign.debug("INSERT %s", "body")
foreign.info("SELECT %s", "name")
logging.getLogger("other").warning("foreign %s", "warning")
derived("noise.k", Secret(b"0123456789abcdef"))
derived("noise.k", Secret(b"0123456789abcdef"))
derived("noise.ck", Secret(b"another key....."))
try:
    1 / 0
except ZeroDivisionError:
    log.exception("failed")
print("the result")
"""


def told(*options: str, **environment: str) -> tuple[str, list[dict[str, object]]]:
    """Standard output, and the lines of the log."""
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", PROGRAM, *options],
        capture_output=True,
        check=True,
        text=True,
        env={**os.environ, **environment},
    )
    return done.stdout, [json.loads(line) for line in done.stderr.splitlines()]


def test_warnings_alone_are_told_without_debug() -> None:
    out, lines = told()
    assert out == "the result\n"
    assert [line["event"] for line in lines] == ["warned", "foreign warning", "failed"]
    assert lines[0]["size"] == 3
    assert [line["level"] for line in lines] == ["warning", "warning", "error"]
    assert all(re.fullmatch(r"\d{4}-.*Z", str(line["timestamp"])) for line in lines)
    assert "ZeroDivisionError" in str(lines[2]["exception"])


def test_debug_tells_our_own_story_and_of_other_libraries_only_warnings() -> None:
    """An SQL log would hold names and bodies."""
    out, lines = told("debug")
    assert out == "the result\n"
    events = [line["event"] for line in lines]
    assert events[:3] == ["debugged", "informed", "warned"]
    assert not any("INSERT" in str(event) or "SELECT" in str(event) for event in events)
    assert "foreign warning" in events


def test_keys_are_told_by_name_size_and_salted_fingerprint() -> None:
    _, first = told("debug")
    _, second = told("debug")
    keys = [line for line in first if line["event"] == "key-derived"]
    assert [(key["name"], key["size"]) for key in keys] == [("noise.k", 16)] * 2 + [
        ("noise.ck", 16)
    ]
    prints = [str(key["fingerprint"]) for key in keys]
    assert all(re.fullmatch("[0-9a-f]{8}", one) for one in prints)
    assert prints[0] == prints[1] != prints[2]
    assert prints[0] not in [line.get("fingerprint") for line in second]
    text = json.dumps(first)
    assert "0123456789abcdef" not in text
    assert b"0123456789abcdef".hex() not in text


def test_keys_are_not_told_without_debug() -> None:
    assert not any("fingerprint" in line for line in told()[1])


@pytest.mark.parametrize(("no_color", "is_coloured"), [("", True), ("1", False)])
def test_people_get_lines_on_a_terminal_in_colour_unless_they_want_none(
    no_color: str, is_coloured: bool
) -> None:
    ours, theirs = pty.openpty()
    environment = {**os.environ, "NO_COLOR": no_color, "TERM": "xterm"}
    subprocess.run(  # noqa: S603
        [sys.executable, "-c", PROGRAM.replace("log.exception", "log.error")],
        stdout=subprocess.DEVNULL,
        stderr=theirs,
        check=True,
        env=environment,
    )
    os.close(theirs)
    shown = os.read(ours, 2**16).decode()
    os.close(ours)
    assert "warned" in shown
    assert not shown.startswith("{")
    assert ("\x1b[" in shown) is is_coloured


def test_short_id_is_four_bytes_of_it() -> None:
    assert short(bytes(range(16))) == "00010203"
