"""Secrets at a terminal: a real one, with the program at its other end."""

from tests.cli.fakes import INVITE
from tests.cli.processes import Terminal, process

NEW = """
from coterie.cli.asking import ask_new_secret
from coterie.errors import InvalidInput
def check(typed):
    if len(typed) < 3:
        raise InvalidInput("too short")
print("got", ask_new_secret("Password", check, otherwise=""))
"""
WITHIN_A_LOOP = """
import asyncio
from coterie.cli.asking import ask_secret
async def ask():
    print("got", ask_secret("Passphrase", otherwise=""))
try:
    asyncio.run(ask())
except KeyboardInterrupt:
    print("interrupted")
"""


def test_what_is_typed_is_not_shown() -> None:
    with Terminal(NEW) as terminal:
        terminal.answer("Password: ", "abcd\n")
        terminal.answer("Password again: ", "abcd\n")
        terminal.wait_for("got abcd")
        assert terminal.screen.strip() == "got abcd"


def test_two_that_differ_or_a_weak_one_are_asked_for_again() -> None:
    with Terminal(NEW) as terminal:
        terminal.answer("Password: ", "ab\n")
        terminal.wait_for("coterie: error: too short")
        terminal.answer("Password: ", "abcd\n")
        terminal.answer("Password again: ", "abce\n")
        terminal.wait_for("coterie: error: the two differ")
        terminal.answer("Password: ", "abcd\n")
        terminal.answer("Password again: ", "abcd\n")
        terminal.wait_for("got abcd")


def test_who_fails_three_times_has_failed() -> None:
    with Terminal(NEW) as terminal:
        for _ in range(3):
            terminal.answer("Password: ", "ab\n")
        terminal.wait_for("InvalidInput: too short")


def test_ctrl_c_at_a_prompt_ends_even_a_program_with_a_loop() -> None:
    """The loop's own handler kept it until the line was ended: Ctrl+C seemed to do nothing."""
    with Terminal(WITHIN_A_LOOP) as terminal:
        terminal.answer("Passphrase: ", "\x03")
        terminal.wait_for("interrupted")


def test_without_a_terminal_or_a_file_it_is_misuse_and_stdin_is_not_read() -> None:
    outcome = process("join", INVITE.encode(), "alice", stdin="correct horse battery\n" * 2)
    assert (outcome.returncode, outcome.stdout) == (2, "")
    assert outcome.stderr == (
        "coterie: error: no password was given, and there is no terminal to ask on\n"
        "coterie: hint: give it with --password-file PATH, or - for standard input\n"
    )
