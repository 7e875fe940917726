"""The walk through the protocol: done in earnest, told with its sizes, and without a key in it."""

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest

from coterie import secret
from coterie.explain.html_page import html_page
from coterie.explain.key_ring import KeyRing
from coterie.explain.page import page
from coterie.explain.step import Walk, Who, as_json
from coterie.explain.text import lines
from coterie.explain.walk import walk
from coterie.noise.production import MESSAGE_1_SIZE, MESSAGE_2_SIZE
from coterie.secret import Secret
from scripts import generate_walk
from tests.docs.pages import DOCS, headings, text_of

WALK = walk()
HANDSHAKE, LOGINS, MESSAGE = WALK


def fingerprints(told: Walk, who: Who) -> dict[str, str]:
    """The last of each key's name."""
    return {
        key.name: key.fingerprint
        for chapter in told
        for step in chapter.steps
        for key in step.keys
        if key.holder is who
    }


def test_sizes_of_the_handshake_are_those_of_the_protocol() -> None:
    first, second, *_ = HANDSHAKE.steps
    assert [step.wire_size for step in (first, second)] == [4 + MESSAGE_1_SIZE, 4 + MESSAGE_2_SIZE]
    for step in (first, second):
        assert sum(part.size for part in step.parts) == step.wire_size


def test_parts_of_a_record_are_all_of_it() -> None:
    records = [
        step
        for chapter in WALK
        for step in chapter.steps
        if step.to is not None and step.parts[1].name == "type"
    ]
    assert len(records) >= 9
    for step in records:
        outer = [part.size for part in step.parts if ": " not in part.name]
        inner = [part.size for part in step.parts if ": " in part.name]
        assert sum(outer) == step.wire_size
        assert sum(inner) < step.parts[2].size


def test_both_sides_come_to_the_same_keys() -> None:
    client, server, bobb = (fingerprints(WALK, who) for who in (Who.ALICE, Who.SERVER, Who.BOBB))
    shared = client.keys() & server.keys()
    assert {"noise.ee", "noise.ekem1", "noise.es", "opaque.session_key"} <= shared
    assert {name: client[name] for name in shared} == {name: server[name] for name in shared}
    key = "mls.application_key.leaf-0.generation-0"
    assert client[key] == bobb[key]
    assert key not in server
    assert "opaque.export_key" not in server
    assert not {name for name in server if name.startswith("mls.")}


def test_two_walks_have_no_fingerprint_in_common() -> None:
    first, second = (fingerprints(told, Who.ALICE) for told in (WALK, walk()))
    assert first.keys() == second.keys()
    assert not set(first.values()) & set(second.values())


class Tapped(KeyRing):
    """Keeps the keys themselves."""

    def __init__(self) -> None:
        super().__init__()
        self.values: set[bytes] = set()

    def fingerprint(self, value: Secret) -> str:
        self.values.add(value.expose())
        return super().fingerprint(value)


def test_no_key_is_told_nor_its_plain_hash() -> None:
    ring = Tapped()
    told = walk(ring)
    shown = json.dumps(as_json(told)) + "\n".join(lines(told, 100)) + html_page(told) + page(told)
    assert len(ring.values) > 40
    for value in ring.values:
        digest = hashlib.sha256(value).hexdigest()
        for part in (value.hex()[:16], base64.b64encode(value).decode()[:16], digest[:8]):
            assert part not in shown


def test_nobody_watches_keys_after_a_walk() -> None:
    seen: list[str] = []
    walk()
    secret.observe(lambda name, value: seen.append(name))
    try:
        secret.derived("test", Secret(b"x"))
    finally:
        secret.observe(None)
    assert seen == ["test"]


def test_page_of_the_docs_is_up_to_date() -> None:
    assert text_of(generate_walk.PAGE) == page(WALK), (
        "run scripts/generate_walk.py, and commit what it wrote"
    )


def test_every_step_names_a_section_that_is_there() -> None:
    sections = {text for _, text in headings(DOCS / "reference" / "protocol.md")}
    assert {step.section for chapter in WALK for step in chapter.steps} <= sections


def test_every_key_is_in_the_page_about_the_debug_log() -> None:
    described = set(
        re.findall(r"`([a-z]+\.[\w.-]+)`", text_of(DOCS / "reference" / "debug-log.md"))
    )
    told = {
        re.sub(r"-\d+", "-N", key.name)
        for chapter in WALK
        for step in chapter.steps
        for key in step.keys
    }
    assert len(told) > 30
    assert told <= described


class Links(HTMLParser):
    """Where a page leads, and what it brings along."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.targets: list[str] = []
        self.ids: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            if name in ("href", "src", "action", "xlink:href"):
                self.targets.append(value or "")
            if name == "id":
                self.ids.add(value or "")
            assert not name.startswith("on"), name


def test_html_page_needs_nothing_and_runs_nothing() -> None:
    text = html_page(WALK)
    links = Links(text)
    assert not links.tags & {"script", "link", "img", "iframe", "object", "form"}
    assert "http:" not in text
    assert "https:" not in text
    assert "url(" not in text
    steps = sum(len(chapter.steps) for chapter in WALK)
    assert len(links.targets) == len(links.ids) == steps
    assert {target.removeprefix("#") for target in links.targets} == links.ids


def test_diagram_has_an_arrow_for_each_message_and_stays_in_its_frame() -> None:
    found = re.search(r"<svg.*?</svg>", html_page(WALK), re.DOTALL)
    assert found is not None
    svg = ElementTree.fromstring(found[0])  # noqa: S314  # our own
    arrows = [line for line in svg.iter("line") if line.get("class") == "arrow"]
    messages = [step for chapter in WALK for step in chapter.steps if step.to is not None]
    assert len(arrows) == len(messages) > 10
    _, _, width, height = map(float, (svg.get("viewBox") or "").split())
    labels = [text.text or "" for text in svg.iter("text")]
    assert max(map(len, labels)) <= 4 + 36, "it would not fit into its box"
    for element in svg.iter():
        for name, most in (("x", width), ("x1", width), ("x2", width), ("y", height)):
            assert 0 <= float(element.get(name, "0")) <= most


@pytest.mark.parametrize("width", [60, 80, 200])
def test_text_is_ascii_and_keeps_to_its_width_where_it_can(width: int) -> None:
    told = list(lines(WALK, width))
    assert "\n".join(told).isascii()
    prose = [line for line in told if line.startswith("     ") and not line.startswith("      ")]
    assert [line for line in prose if len(line) > max(width, 60) and "see " not in line] == []
