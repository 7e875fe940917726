"""The picture and the file that a soak leaves."""

from dataclasses import fields, replace
from pathlib import Path
from xml.etree import ElementTree

from tests.soak.graph import CHARTS, draw
from tests.soak.samples import CSV, Sample, read
from tests.soak.test_verdict import CALM, hour


def test_a_picture_has_a_line_for_each_thing_measured_and_a_mark_for_each_fault() -> None:
    samples = [replace(s, faults="cut 3 kill 1" if n == 5 else "") for n, s in enumerate(hour())]
    picture = ElementTree.fromstring(draw(samples, "an hour"))  # noqa: S314  # our own
    tags = [element.tag.rpartition("}")[2] for element in picture.iter()]
    assert tags.count("polyline") == sum(len(chart.lines) for chart in CHARTS)
    plain = ElementTree.fromstring(draw(hour(), "an hour"))  # noqa: S314
    lines = [element for element in plain.iter() if element.tag.endswith("line")]
    assert len([t for t in tags if t.endswith("line")]) == len(lines) + len(CHARTS)


def test_a_picture_of_nothing_is_one() -> None:
    ElementTree.fromstring(draw([], "nothing"))  # noqa: S314


def test_samples_come_back_from_their_file(tmp_path: Path) -> None:
    path = tmp_path / "samples.csv"
    csv = CSV(path)
    csv.add(CALM)
    csv.add(replace(CALM, at_s=10.0, faults="cut 1 kill 2"))
    csv.close()
    with path.open(encoding="utf-8") as lines:
        first, second = read(lines)
    assert first == CALM
    assert second.faults == "cut 1 kill 2"
    assert isinstance(second.server_pid, int)
    assert len(fields(Sample)) == len(path.read_text(encoding="utf-8").splitlines()[0].split(","))
