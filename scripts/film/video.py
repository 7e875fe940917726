"""A film as MP4 and GIF: each frame drawn by rsvg-convert, and put together by ffmpeg."""

import shutil
import subprocess
import tempfile
from pathlib import Path

from scripts.film.screen import Film
from scripts.film.svg import still

INSTALL = {"rsvg-convert": "apt-get install librsvg2-bin", "ffmpeg": "apt-get install ffmpeg"}
EVEN = "pad=ceil(iw/2)*2:ceil(ih/2)*2"  # H.264 halves the sides
GIF = "split[a][b];[a]palettegen=max_colors=64[p];[b][p]paletteuse=dither=none"


class MissingTool(Exception):
    """Without it there is no video; says how to install it."""


def check() -> None:
    """Raises MissingTool."""
    missing = [tool for tool in INSTALL if shutil.which(tool) is None]
    if missing:
        how = ", ".join(f"{tool} ({INSTALL[tool]})" for tool in missing)
        raise MissingTool(f"a video needs {how}")


def png(svg: str, path: Path) -> None:
    """A picture that stands still."""
    _run("rsvg-convert", "-o", str(path), given=svg)


def video(film: Film, *paths: Path) -> None:
    """The film as each of them, by how its name ends: ``.mp4`` or ``.gif``."""
    with tempfile.TemporaryDirectory() as name:
        folder, lines = Path(name), []
        ends = [frame.at_s for frame in film.frames[1:]] + [film.duration_s]
        for number, (frame, end_s) in enumerate(zip(film.frames, ends, strict=True)):
            picture = folder / f"{number:05}.png"
            png(still(film.width, frame.rows), picture)
            lines += [f"file '{picture}'", f"duration {end_s - frame.at_s:.3f}"]
        lines.append(lines[-2])  # or else ffmpeg forgets how long the last one stays
        listed = folder / "frames"
        listed.write_text("\n".join(lines))
        for path in paths:
            shown = GIF if path.suffix == ".gif" else f"{EVEN},format=yuv420p"
            frames = ("-f", "concat", "-safe", "0", "-i", str(listed))
            _run("ffmpeg", "-v", "error", "-y", *frames, "-vf", shown, "-r", "20", str(path))


def _run(*command: str, given: str | None = None) -> None:
    subprocess.run(command, input=given, text=True, check=True)  # noqa: S603
