"""A film as MP4 and GIF: each frame drawn by rsvg-convert, and put together by ffmpeg."""

import shutil
import subprocess
import tempfile
from pathlib import Path
from types import MappingProxyType

from scripts.film.screen import Film
from scripts.film.svg import still

INSTALL = {"rsvg-convert": "apt-get install librsvg2-bin", "ffmpeg": "apt-get install ffmpeg"}
SETTINGS = MappingProxyType(
    {
        # H.264 halves the sides, and players want a steady rate
        ".mp4": ("-vf", "pad=ceil(iw/2)*2:ceil(ih/2)*2,format=yuv420p", "-r", "20"),
        # one picture for each frame of the film, and of it what has changed
        ".gif": (
            "-vf",
            "format=rgb24,split[a][b];[a]palettegen=max_colors=64[p];[b][p]paletteuse=dither=none:diff_mode=rectangle",
            "-fps_mode",
            "vfr",
        ),
    }
)


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
            frames = ("-f", "concat", "-safe", "0", "-i", str(listed))
            _run("ffmpeg", "-v", "error", "-y", *frames, *SETTINGS[path.suffix], str(path))


def _run(*command: str, given: str | None = None) -> None:
    subprocess.run(command, input=given, text=True, check=True)  # noqa: S603
