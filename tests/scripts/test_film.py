"""The film shows what the programs showed, and nothing else."""

import os
import re
import shutil
import xml.etree.ElementTree as ET
from itertools import pairwise
from pathlib import Path

import pytest
from scripts.film.camera import Camera, NotShown
from scripts.film.recording import Recording
from scripts.film.screen import Film, Row, Screen, film
from scripts.film.svg import LINE, animated, still
from scripts.film.terminal import Terminal, environment

SVG = "{http://www.w3.org/2000/svg}"
SIZE = (20, 4)
PROGRAM = """printf 'one\\n\\033[1;31mtwo\\033[0m  東京 ✓\\n'; read -r LINE; printf "then $LINE" """


@pytest.fixture(scope="module")
def recorded() -> Recording:
    """Two lines, and a third after something was typed."""
    with Camera(("sh", "-c", PROGRAM), "trivial", SIZE, os.environ) as camera:
        camera.until(lambda lines: "two" in lines[1], "two")
        camera.hold(2.0)
        camera.write("three\r")
        camera.until(lambda lines: any("then three" in line for line in lines), "three")
        camera.cut()
    return camera.recording


def words(rows: tuple[Row, ...]) -> list[str]:
    """Of each row."""
    return [" ".join(run.text for run in row).strip().replace("\u00a0", " ") for row in rows]


def test_recording_holds_what_was_shown_and_when(recorded: Recording, tmp_path: Path) -> None:
    assert "".join(text for _, text in recorded.events).startswith("one\r\n")
    times = [at_s for at_s, _ in recorded.events]
    assert times == sorted(times)
    assert times[-1] - times[0] >= 2.0, "the film ran on while nobody waited"
    recorded.save(tmp_path / "it.cast")
    again = Recording.load(tmp_path / "it.cast")
    assert [text for _, text in again.events] == [text for _, text in recorded.events]
    assert (again.title, again.width, again.height) == ("trivial", *SIZE)


def test_cast_of_another_version_is_refused(tmp_path: Path) -> None:
    (tmp_path / "it.cast").write_text('{"version": 3}\n')
    with pytest.raises(ValueError, match="asciicast 3"):
        Recording.load(tmp_path / "it.cast")


def test_last_frame_is_the_last_screen(recorded: Recording) -> None:
    made = film(recorded, hold_s=1.0)
    assert words(made.frames[-1].rows)[:2] == ["one", "two 東 京 ✓"]
    (red, *others) = made.frames[-1].rows[1]
    assert (red.style.foreground, red.style.is_bold) == ("red", True)
    assert [(run.column, run.width) for run in others] == [(5, 2), (7, 2), (10, 1)]
    assert made.duration_s > made.frames[-1].at_s


def test_still_that_lasts_is_shortened() -> None:
    slow = Recording("slow", 5, 1, [(0.0, "a"), (60.0, "b")])
    assert [frame.at_s for frame in film(slow, hold_s=1.0).frames] == [0.0, 3.0]


def test_scene_that_does_not_show_what_it_should_makes_no_film() -> None:
    waiting = ("sh", "-c", "printf one; read -r LINE")
    with (
        Camera(waiting, "it", SIZE, os.environ, deadline_s=0.2) as camera,
        pytest.raises(NotShown, match=r"two, which is not on the screen:\none"),
    ):
        camera.until(lambda lines: "two" in lines[0], "two")


def test_program_that_ends_too_early_is_not_waited_for() -> None:
    with (
        Camera(("true",), "it", SIZE, os.environ) as camera,
        pytest.raises(NotShown, match="anything"),
    ):
        camera.until(lambda lines: bool(lines[0].strip()), "anything")


def test_what_is_faint_is_grey_and_colours_are_exact() -> None:
    screen = Screen(*SIZE)
    screen.feed("\x1b[2ma\x1b[0mb\x1b[38;2;1;2;3mc\x1b[0;48;5;196md\x1b[0;7me")
    styles = [run.style for run in screen.rows()[0]]
    assert [style.foreground for style in styles][:3] == ["brightblack", "", "010203"]
    assert [style.background for style in styles][3:5] == ["ff0000", "foreground"]


# --- what a browser would show ---------------------------------------------------------------------


def shown_at(drawing: ET.Element, share: float, height: int) -> list[str]:
    """The text in each row's window, once the steps of its strip up to ``share`` of the film are done."""
    css = drawing.findtext(f"{SVG}style") or ""
    shared = {one.get("id"): one for one in drawing.iter(f"{SVG}g") if one.get("id")}
    rows = [""] * height
    for window in drawing.iter(f"{SVG}svg"):
        if window is drawing:
            continue
        y = int(window.get("y", "0")) // LINE
        strip = window.find(f"{SVG}g[@class='r{y}']")
        moved = _moved(css, y, share) if strip is not None else 0
        for place in strip if strip is not None else window:
            down = place.get("y") or re.findall(r",(\d+)\)", place.get("transform", ",0)"))[0]
            if int(down) + moved == 0:
                source = shared[place.get("href", "")[1:]] if place.tag == f"{SVG}use" else place
                rows[y] = " ".join(text.text or "" for text in source.iter(f"{SVG}text"))
    return [row.replace("\u00a0", " ").strip() for row in rows]


def _moved(css: str, y: int, share: float) -> int:
    rule = re.search(rf"@keyframes r{y}{{((?:[\d.]+%{{[^}}]*}})*)}}", css)
    assert rule is not None
    steps = re.findall(r"([\d.]+)%\{transform:translateY\((-?\d+)px\)\}", rule[1])
    assert steps[0][0] == "0.000"
    assert all(float(one) < float(next_) for (one, _), (next_, _) in pairwise(steps))
    return [int(moved) for at, moved in steps if float(at) <= share * 100 + 0.001][-1]


def check(made: Film, svg: str) -> None:
    """Each frame is seen at its time."""
    drawing = ET.fromstring(svg)  # noqa: S314  # our own
    for frame in made.frames:
        shown = shown_at(drawing, frame.at_s / made.duration_s, made.height)
        assert shown == words(frame.rows)


def test_animation_shows_each_frame_at_its_time(recorded: Recording) -> None:
    made = film(recorded, hold_s=1.0)
    assert len(made.frames) > 1
    check(made, animated(made))


def test_animation_comes_back_to_what_was_there_before() -> None:
    """A row that shows something again, and one that scrolls through all rows."""
    events = [(0.2 * n, f"\x1b[1;1H{n % 2} \x1b[4;1H\r\nline {n}") for n in range(8)]
    made = film(Recording("it", *SIZE, events), hold_s=1.0)
    assert len(made.frames) == 8
    check(made, animated(made))


def test_still_keeps_text_as_it_was() -> None:
    screen = Screen(*SIZE)
    screen.feed("<a> & b\x1b[4m  c \x1b[0m")
    drawing = ET.fromstring(still(SIZE[0], screen.rows()))  # noqa: S314
    texts = [text.text for text in drawing.iter(f"{SVG}text")]
    assert texts == ["<a>\u00a0&\u00a0b", "\u00a0\u00a0c\u00a0"]


def test_blocks_are_shapes_that_meet() -> None:
    screen = Screen(*SIZE)
    screen.feed("▀▀█▌x")
    drawing = ET.fromstring(still(SIZE[0], screen.rows()))  # noqa: S314
    shapes = {
        tuple(one.get(side) for side in ("x", "width", "height"))
        for one in drawing.iter(f"{SVG}rect")
    }
    assert shapes > {("0", "16.9", "8.5"), ("16.9", "8.4", "17"), ("25.3", "4.2", "17")}
    assert next(text.text for text in drawing.iter(f"{SVG}text")) == "x"


@pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")
def test_panes_below_each_other_are_typed_into_and_seen_apart(tmp_path: Path) -> None:
    env = environment(tmp_path, Path("/usr/bin/true"))
    with Terminal(tmp_path, "two", 40, {"above": 3, "below": 4}, env) as terminal:
        above, below = terminal.panes["above"], terminal.panes["below"]
        above.until_shown("$")
        below.until_shown("$")
        above.enter("echo o'n'e; echo 東京")
        above.until_shown("one", "東京")
        below.paste("echo t'w'o")
        below.press("Enter")
        below.until_shown("two")
        assert below.found("tw.") == "two"
    last = film(terminal.camera.recording, hold_s=1.0).frames[-1]
    text = words(last.rows)
    assert "above" in text[0]
    assert "below" in text[4]
    assert "two" in text[6]
