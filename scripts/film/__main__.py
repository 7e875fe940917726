"""``python -m scripts.film`` records all scenes and draws them into docs/pictures; with --video as MP4 and GIF too.

Nothing is drawn by hand: where a scene does not show what it should, there is no picture, and the exit status is 1.
Needs tmux, and the extra "test".
"""

import argparse
import sys
import tempfile
from pathlib import Path

from scripts.film import video
from scripts.film.camera import NotShown
from scripts.film.recording import Recording
from scripts.film.scenes import SCENES
from scripts.film.screen import Film, film
from scripts.film.svg import animated, still
from scripts.film.terminal import environment

ROOT = Path(__file__).parents[2]
PICTURES = ROOT / "docs" / "pictures"
HOLD_S = 4.0  # the last frame stays, before it begins again


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m scripts.film", description=__doc__)
    parser.add_argument("scenes", nargs="*", metavar="SCENE", help=f"of {', '.join(SCENES)}")
    parser.add_argument("--to", type=Path, default=PICTURES, metavar="DIR")
    parser.add_argument("--from-casts", action="store_true", help="draw what was recorded before")
    parser.add_argument("--video", action="store_true", help="MP4 and GIF too")
    parser.add_argument("--stills", type=Path, metavar="DIR", help="each frame as SVG, to look at")
    asked = parser.parse_args()
    unknown = set(asked.scenes) - set(SCENES)
    if unknown:
        parser.error(f"no such scene: {', '.join(unknown)}")
    try:
        if asked.video:
            video.check()
        asked.to.mkdir(parents=True, exist_ok=True)
        for name in asked.scenes or SCENES:
            cast = asked.to / f"{name}.cast"
            if not asked.from_casts:
                _record(name).save(cast)
            made = film(Recording.load(cast), HOLD_S)
            _draw(made, asked.to / f"{name}.svg")
            if asked.stills:
                _stills(made, asked.stills / name)
            if asked.video:
                video.video(made, asked.to / f"{name}.mp4", asked.to / f"{name}.gif")
    except (NotShown, video.MissingTool, OSError) as error:
        sys.stderr.write(f"film: error: {error}\n")
        return 1
    return 0


def _record(name: str) -> Recording:
    """The scene, played anew. Raises NotShown, also where a path of this machine is seen."""
    with tempfile.TemporaryDirectory(prefix="film-") as folder:
        program = Path(sys.executable).with_name("coterie")
        recording = SCENES[name](Path(folder), environment(Path(folder), program))
    if any(str(ROOT) in text for _, text in recording.events):
        raise NotShown(f"{name} shows {ROOT}: nothing of this machine should be in it")
    return recording


def _draw(made: Film, path: Path) -> None:
    path.write_text(animated(made), encoding="utf-8")
    size = path.stat().st_size
    sys.stdout.write(
        f"{path}: {made.duration_s:.0f} s, {len(made.frames)} frames, {size / 1000:.0f} kB\n"
    )


def _stills(made: Film, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for frame in made.frames:
        path = folder / f"{frame.at_s:07.2f}.svg"
        path.write_text(still(made.width, frame.rows), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
