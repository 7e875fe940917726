"""``python -m tests.soak --minutes 60 --folder DIR``: exit status 0 where nothing was lost and memory stayed flat."""

import shutil
import sys
import tempfile
from pathlib import Path

import click

from tests.soak.graph import draw
from tests.soak.run import Plan, run
from tests.soak.samples import read


@click.command()
@click.option("--minutes", type=float, default=60.0, show_default=True, help="How long.")
@click.option("--folder", type=click.Path(path_type=Path), help="For data, CSV and graph; empty.")
@click.option("--seed", type=int, default=1, show_default=True, help="Of the schedule of faults.")
@click.option("--rooms", type=int, default=8, show_default=True)
@click.option("--members", type=int, default=25, show_default=True, help="Of each room.")
@click.option("--gigabytes", type=float, default=20.0, show_default=True, help="At most, on disk.")
def main(
    minutes: float, folder: Path | None, seed: int, rooms: int, members: int, gigabytes: float
) -> None:
    """Drive a real server at half of what it can do, with faults, and check everything."""
    folder = folder or Path(tempfile.mkdtemp(prefix="coterie-soak-"))
    plan = Plan(folder, minutes, seed, rooms, members, gigabytes)
    if plan.data.exists():
        raise click.UsageError(f"{folder} holds another run: choose an empty folder")
    verdict = run(plan)
    with plan.csv.open(encoding="utf-8") as lines:
        title = f"soak of {minutes:g} minutes: {rooms} rooms of {members}, half load, with faults"
        (folder / "soak.svg").write_text(draw(read(lines), title), encoding="utf-8")
    for fact in verdict.facts:
        click.echo(fact)
    for failure in verdict.failures:
        click.echo(f"FAILED: {failure}")
    if not verdict.failures:
        shutil.rmtree(plan.data)  # gigabytes; CSV and graph stay
    click.echo(f"{'failed' if verdict.failures else 'passed'}: {folder / 'soak.csv'} and soak.svg")
    sys.exit(1 if verdict.failures else 0)


if __name__ == "__main__":
    main()
