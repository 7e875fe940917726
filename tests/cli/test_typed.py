"""Lines as they are typed or piped in."""

import asyncio
import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coterie.cli.typed import LineSplitter, typed_lines
from coterie.errors import InvalidInput
from tests.asynchronous import asynchronous

LIMIT = 100


def split(*chunks: bytes, limit: int = LIMIT) -> list[str | None]:
    """The lines, None for each that cannot be used."""
    splitter = LineSplitter(limit)
    lines = [line for chunk in chunks for line in splitter.feed(chunk)] + splitter.end()
    return [None if isinstance(line, InvalidInput) else line for line in lines]


@given(
    st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=20)),
    st.integers(1, 7),
)
def test_lines_come_whole_however_they_are_cut(lines: list[str], size: int) -> None:
    data = "".join(f"{line}\n" for line in lines).encode()
    assert split(*(data[at : at + size] for at in range(0, len(data), size))) == lines


def test_the_last_line_needs_no_end() -> None:
    assert split(b"one\ntwo") == ["one", "two"]


def test_line_ends_of_other_systems_are_taken_off() -> None:
    assert split(b"one\r\n\r\n") == ["one", ""]


@pytest.mark.parametrize("size", [1, 1000])
def test_a_line_that_is_too_long_is_told_once_and_the_next_one_comes(size: int) -> None:
    data = b"x" * 350 + b"\nnext\n" + b"y" * LIMIT + b"\n"
    chunks = (data[at : at + size] for at in range(0, len(data), size))
    assert split(*chunks) == [None, "next", "y" * LIMIT]


def test_a_line_that_is_no_text_is_told_and_the_next_one_comes() -> None:
    assert split(b"\xff\nnext\n") == [None, "next"]


@asynchronous
async def test_lines_of_a_pipe_come_as_they_are_written_while_the_loop_goes_on() -> None:
    read, write = os.pipe()
    lines = typed_lines(read, LIMIT)
    first = asyncio.ensure_future(anext(lines))
    await asyncio.sleep(0)
    os.write(write, b"one\n")
    assert await first == "one"
    os.write(write, b"two\nthr")
    assert await anext(lines) == "two"
    os.close(write)
    assert [line async for line in lines] == ["thr"]
    os.close(read)


@asynchronous
async def test_a_descriptor_that_cannot_be_read_is_an_error() -> None:
    descriptor = os.open("/tmp", os.O_RDONLY)  # noqa: S108
    with pytest.raises(InvalidInput, match="standard input: Is a directory"):
        await anext(typed_lines(descriptor, LIMIT))
    os.close(descriptor)


def test_a_program_ends_while_the_thread_still_reads() -> None:
    """Reading through sys.stdin, the interpreter could die at the end: the thread had its lock."""
    code = (
        "import asyncio\n"
        "from coterie.cli.typed import typed_lines\n"
        "async def main():\n"
        "    async for line in typed_lines(0, 100):\n"
        "        print(line)\n"
        "        break\n"
        "asyncio.run(main())\n"
    )
    with subprocess.Popen(  # noqa: S603
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        process.stdin.write("one\n")
        process.stdin.flush()
        assert process.wait(20) == 0
        assert process.stdout is not None
        assert process.stderr is not None
        assert (process.stdout.read(), process.stderr.read()) == ("one\n", "")
