"""The picture of a soak: four charts over one axis of time, as SVG, from its samples alone."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import log10

from tests.soak.samples import Sample

WIDTH, LEFT, RIGHT = 900, 70, 20  # pixels
HEIGHT, GAP, TOP = 120, 46, 40  # of a chart, between two, above the first
COLOURS = ("#1f6feb", "#d1602b", "#2da44e")
FAULT_COLOURS = {"kill": "#cf222e", "stop": "#9a6700"}  # of the server


@dataclass(frozen=True, slots=True)
class Chart:
    """Lines over time with one unit."""

    title: str
    lines: tuple[tuple[str, Callable[[Sample], float]], ...]
    is_log: bool = False


CHARTS = (
    Chart("memory, MB", (("server", lambda s: s.server_rss_mb), ("load", lambda s: s.load_rss_mb))),
    Chart("CPU, of one core", (("server", lambda s: s.server_cpu), ("load", lambda s: s.load_cpu))),
    Chart("deliveries a second", (("read and checked", lambda s: s.deliveries_per_s),)),
    Chart(
        "milliseconds from send to delivery (logarithmic; outages are in it)",
        (("p50", lambda s: s.p50_ms), ("p99", lambda s: s.p99_ms)),
        is_log=True,
    ),
)


def draw(samples: Sequence[Sample], title: str) -> str:
    """The whole document."""
    end_s = max((sample.at_s for sample in samples), default=0.0) or 1.0
    height = TOP + len(CHARTS) * (HEIGHT + GAP) + 20
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}"'
        f' viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        f'<text x="{LEFT}" y="18" font-size="14">{title}</text>',
    ]
    for number, chart in enumerate(CHARTS):
        parts += _chart(chart, samples, end_s, TOP + number * (HEIGHT + GAP) + 18)
    bottom = height - 8
    parts.append(
        f'<text x="{LEFT}" y="{bottom}" fill="#57606a">minutes; upright lines: the server was killed'
        f' (<tspan fill="{FAULT_COLOURS["kill"]}">red</tspan>) or stopped'
        f' (<tspan fill="{FAULT_COLOURS["stop"]}">ochre</tspan>) and started again</text>'
    )
    return "\n".join([*parts, "</svg>", ""])


def _chart(chart: Chart, samples: Sequence[Sample], end_s: float, top: float) -> list[str]:
    values = [of(sample) for _, of in chart.lines for sample in samples]
    highest = max([*values, 1e-9])
    lowest = min([v for v in values if v > 0] or [highest]) if chart.is_log else 0.0

    def x(at_s: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * at_s / end_s

    def y(value: float) -> float:
        if chart.is_log:
            span = max(log10(highest / lowest), 1e-9)
            part = log10(max(value, lowest) / lowest) / span
        else:
            part = value / highest
        return top + HEIGHT * (1 - part)

    parts = [f'<text x="{LEFT}" y="{top - 6}">{chart.title}</text>']
    for sample in samples:
        for fault, colour in FAULT_COLOURS.items():
            if fault in sample.faults.split():
                at = f'x1="{x(sample.at_s):.1f}" x2="{x(sample.at_s):.1f}"'
                parts.append(
                    f'<line {at} y1="{top}" y2="{top + HEIGHT}" stroke="{colour}" opacity="0.35"/>'
                )
    for value in (lowest, (lowest * highest) ** 0.5 if chart.is_log else highest / 2, highest):
        parts.append(
            f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(value):.1f}" y2="{y(value):.1f}" stroke="#d0d7de"/>'
        )
        parts.append(
            f'<text x="{LEFT - 6}" y="{y(value) + 4:.1f}" text-anchor="end" fill="#57606a">{_short(value)}</text>'
        )
    parts += [
        f'<text x="{x(minutes * 60):.1f}" y="{top + HEIGHT + 14}" text-anchor="middle"'
        f' fill="#57606a">{minutes:g}</text>'
        for minutes in _ticks(end_s / 60)
    ]
    for number, (name, of) in enumerate(chart.lines):
        points = " ".join(f"{x(s.at_s):.1f},{y(of(s)):.1f}" for s in samples if s.server_pid)
        colour = COLOURS[number]
        parts.append(
            f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.5"/>'
        )
        parts.append(
            f'<text x="{WIDTH - RIGHT - 90 * (len(chart.lines) - number)}" y="{top - 6}" fill="{colour}">{name}</text>'
        )
    return parts


def _ticks(end: float) -> list[float]:
    step = next((s for s in (0.1, 0.5, 1, 5, 10, 30, 60) if end / s <= 12), 240.0)
    return [round(step * n, 6) for n in range(int(end / step) + 1)]


def _short(value: float) -> str:
    if value >= 10_000:
        return f"{value / 1000:.0f}k"
    return f"{value:.0f}" if value >= 10 else f"{value:.2g}"
