"""A walk as one HTML page with a sequence diagram: nothing is fetched from anywhere, and nothing runs in it."""

from collections.abc import Iterator
from html import escape

from coterie.explain.step import Key, Part, Step, Walk, Who

WIDTH, ROW, TOP, ACTOR_HEIGHT = 960, 54, 16, 34  # pixels of the diagram
COLUMNS = {Who.ALICE: 150, Who.SERVER: 480, Who.BOBB: 810}  # where each one's line stands
NOTE_WIDTH = 292  # room for 36 characters behind a number

STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --dim: #5c6670; --line: #b9c2cb; --paper: #fff; --mark: #0b6e66;
  --soft: #f1f5f6; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e8ec; --dim: #9aa5b0; --line: #46515c; --paper: #14181c;
  --mark: #58c7ba; --soft: #1e2429; } }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); margin: 0 auto;
  max-width: 60rem; padding: 1.5rem 1rem 4rem; }
h1 { font-size: 1.7rem; } h2 { margin-top: 3rem; border-bottom: 1px solid var(--line); }
h3 { margin-bottom: .25rem; } h3 small, .standard { color: var(--dim); font-weight: normal; font-size: .85rem; }
table { border-collapse: collapse; font-size: .9rem; margin: .5rem 0; }
td { padding: .1rem .75rem .1rem 0; vertical-align: top; } td:first-child { text-align: right; }
code, .key { font: .85rem ui-monospace, monospace; } details { margin: .5rem 0; }
.scroll { overflow-x: auto; } svg { min-width: 44rem; width: 100%; height: auto; }
svg text { font: 13px system-ui, sans-serif; fill: var(--ink); text-anchor: middle; }
svg .actor { fill: var(--soft); stroke: var(--line); } svg .life { stroke: var(--line); stroke-dasharray: 3 4; }
svg .arrow { stroke: var(--mark); stroke-width: 1.6; } svg .tip { fill: var(--mark); }
svg .note { fill: var(--soft); stroke: var(--line); } svg .size { fill: var(--dim); font-size: 11px; }
svg a:hover text { fill: var(--mark); }
"""


def html_page(walk: Walk) -> str:
    """The page."""
    steps = [
        (f"{number}.{place}", step)
        for number, chapter in enumerate(walk, 1)
        for place, step in enumerate(chapter.steps, 1)
    ]
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8"/>',
            '<meta name="viewport" content="width=device-width, initial-scale=1"/>',
            f"<title>Coterie, step by step</title><style>{STYLE}</style></head><body>",
            "<h1>Coterie, step by step</h1>",
            "<p>Everything here was done on your machine a moment ago, by the code that does it in earnest. "
            "Fingerprints of keys are under a salt that is gone: equal ones are equal keys, and nothing else can be "
            "learned from them.</p>",
            *_diagram(steps),
            *_chapters(walk),
            "</body></html>\n",
        ]
    )


# --- the diagram ---------------------------------------------------------------------------------


def _diagram(steps: list[tuple[str, Step]]) -> Iterator[str]:
    height = TOP + ACTOR_HEIGHT + ROW * (len(steps) + 1)
    yield f'<div class="scroll"><svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="sequence diagram">'
    for who, x in COLUMNS.items():
        top = TOP + ACTOR_HEIGHT
        yield f'<line class="life" x1="{x}" y1="{top}" x2="{x}" y2="{height - TOP}"/>'
        yield f'<rect class="actor" x="{x - 75}" y="{TOP}" width="150" height="{ACTOR_HEIGHT}" rx="6"/>'
        yield f'<text x="{x}" y="{TOP + 22}">{escape(str(who))}</text>'
    for row, (number, step) in enumerate(steps, 1):
        y = TOP + ACTOR_HEIGHT + ROW * row
        yield f'<a href="#step-{number}">'
        yield from _arrow(number, step, y) if step.to is not None else _note(number, step, y)
        yield "</a>"
    yield "</svg></div>"


def _arrow(number: str, step: Step, y: int) -> Iterator[str]:
    start, end = COLUMNS[step.by], COLUMNS[step.to or step.by]
    back = -8 if end > start else 8
    middle = (start + end) // 2
    names = ", ".join(part.name for part in _told(step))
    yield f'<line class="arrow" x1="{start}" y1="{y}" x2="{end + back}" y2="{y}"/>'
    yield f'<path class="tip" d="M{end} {y} l{back} -5 v10 z"/>'
    yield f'<text x="{middle}" y="{y - 7}">{number} {escape(names)}</text>'
    yield f'<text class="size" x="{middle}" y="{y + 14}">{step.wire_size:,} bytes</text>'


def _told(step: Step) -> list[Part]:
    """What names the message: the tokens of a handshake, the frame of a record."""
    inside = [part for part in step.parts if part.name not in ("length", "type", "tag", "payload")]
    frames = [part for part in inside if ":" not in part.name]
    return frames or inside


def _note(number: str, step: Step, y: int) -> Iterator[str]:
    x = min(max(COLUMNS[step.by], NOTE_WIDTH // 2 + 4), WIDTH - NOTE_WIDTH // 2 - 4)
    words = step.title.removeprefix(f"{step.by} ").removeprefix("The server ")
    yield (
        f'<rect class="note" x="{x - NOTE_WIDTH // 2}" y="{y - 20}" width="{NOTE_WIDTH}" height="30" rx="4"/>'
    )
    yield f'<text x="{x}" y="{y}">{number} {escape(words)}</text>'


# --- the text ------------------------------------------------------------------------------------


def _chapters(walk: Walk) -> Iterator[str]:
    for number, chapter in enumerate(walk, 1):
        yield f"<h2>{number}. {escape(chapter.title)}</h2><p>{escape(chapter.text)}</p>"
        for place, step in enumerate(chapter.steps, 1):
            yield from _step(f"{number}.{place}", step)


def _step(number: str, step: Step) -> Iterator[str]:
    size = f" <small>{step.wire_size:,} bytes on the wire</small>" if step.to is not None else ""
    yield f'<h3 id="step-{number}">{number} {escape(step.title)}{size}</h3>'
    yield f"<p>{escape(step.text)}</p>"
    if step.parts:
        rows = "".join(
            f"<tr><td>{part.size:,}</td><td><code>{escape(part.name)}</code></td>"
            f"<td>{escape(part.meaning)}</td></tr>"
            for part in step.parts
        )
        yield f"<table>{rows}</table>"
    if step.keys:
        rows = "".join(map(_key, step.keys))
        yield f"<details><summary>{len(step.keys)} keys</summary><table>{rows}</table></details>"
    section = escape(step.section)
    yield f'<p class="standard">Protocol: {section}. {escape(step.standard)}.</p>'


def _key(key: Key) -> str:
    return (
        f'<tr class="key"><td>{key.size}</td><td>{escape(key.name)}</td><td>{key.fingerprint}</td>'
        f"<td>{escape(str(key.holder))}</td></tr>"
    )
