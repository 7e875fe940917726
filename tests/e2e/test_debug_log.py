"""The debug log tells the story of keys and messages on both sides, and its page explains every line."""

import re
from typing import Any

import pytest

from tests.docs.pages import DOCS, ROOT, text_of
from tests.e2e.talk import Evidence

Story = list[dict[str, Any]]

PAGE = DOCS / "reference" / "debug-log.md"
NOISE = [  # NXhfs, token by token
    *("noise.ee", "noise.ck", "noise.handshake.k"),
    *("noise.ekem1", "noise.ck", "noise.handshake.k"),
    *("noise.es", "noise.ck", "noise.handshake.k"),
    *("noise.initiator-to-responder.k", "noise.responder-to-initiator.k"),
]
EPOCH = [  # RFC 9420, section 8
    f"mls.{name}"
    for name in (
        *("epoch_secret", "init_secret", "sender_data_secret", "exporter_secret"),
        *("external_secret", "confirmation_key", "membership_key", "resumption_psk"),
        *("epoch_authenticator", "encryption_secret"),
    )
]


def of(story: Story, event: str, **facts: object) -> Story:
    """The lines of an event, with these facts."""
    return [line for line in story if line["event"] == event and facts.items() <= line.items()]


def keys(story: Story) -> list[str]:
    """The names of the derived keys, in order."""
    return [line["name"] for line in of(story, "key-derived")]


def follows(wanted: list[str], found: list[str]) -> bool:
    """Whether ``wanted`` stands somewhere in ``found``, without anything in between."""
    return any(found[at : at + len(wanted)] == wanted for at in range(len(found)))


# --- the channel -------------------------------------------------------------------------------


def test_both_sides_tell_the_same_handshake(evidence: Evidence) -> None:
    client, server = evidence.story("alice", "join"), evidence.story("server")
    events = [line["event"] for line in client]
    assert events[:3] == ["connecting", "handshake-sent", "handshake-received"]
    assert (client[1]["message"], client[1]["size"]) == (1, 1440)
    assert (client[2]["message"], client[2]["size"]) == (2, 1648)
    done = of(client, "handshake-done")[0]
    (told,) = of(server, "handshake", handshake_hash=done["handshake_hash"])
    assert (told["received"], told["sent"]) == (1440, 1648)
    assert min(done["duration_ms"], told["duration_ms"]) > 0
    first = len(NOISE)
    assert keys(client)[:first] == keys(server)[:first] == NOISE
    sizes = [line["size"] for line in of(client, "key-derived")[:first]]
    assert sizes == [line["size"] for line in of(server, "key-derived")[:first]]
    assert sizes[0] == 256, "left-padded"


def test_a_key_has_one_fingerprint_in_a_process_and_another_in_the_next(evidence: Evidence) -> None:
    client = of(evidence.story("alice", "join"), "key-derived")
    server = of(evidence.story("server"), "key-derived")
    for mine, theirs in zip(client[: len(NOISE)], server, strict=False):
        assert mine["name"] == theirs["name"], "the same key"
        assert re.fullmatch("[0-9a-f]{8}", mine["fingerprint"])
        assert mine["fingerprint"] != theirs["fingerprint"]
    chat = of(evidence.story("alice", "chat"), "key-derived", name="mls.encryption_secret")
    assert len({line["fingerprint"] for line in chat}) == len(chat), "of each epoch another"


def test_requests_and_answers_are_told_with_sizes_and_durations(evidence: Evidence) -> None:
    client, server = evidence.story("alice", "join"), evidence.story("server")
    for name in ("Hello", "RegisterStart", "RegisterFinish", "DeviceLogin"):
        asked, answered = (
            of(client, "request", request=name)[0],
            of(client, "reply", request=name)[0],
        )
        taken = of(server, "request", request=name)[0]
        assert asked["id"] == answered["id"]
        assert answered["reply"] == taken["reply"]
        assert {asked["size"] - taken["size"], taken["reply_size"] - answered["size"]} == {4}
        assert min(answered["duration_ms"], taken["duration_ms"]) >= 0


# --- the login ---------------------------------------------------------------------------------


def test_registration_and_password_login_are_told_key_by_key(evidence: Evidence) -> None:
    client = keys(evidence.story("alice", "join"))
    servers = [story for who, story in evidence.stories if who == "server"]
    for name in ("randomized_password", "masking_key", "auth_key", "export_key"):
        assert f"opaque.{name}" in client
        assert not any(f"opaque.{name}" in keys(story) for story in servers)
    assert "identity.vault_key" in client
    assert "opaque.oprf_key" in keys(servers[0])
    login = ["handshake_secret", "server_mac_key", "client_mac_key", "session_key"]
    assert follows([f"opaque.{name}" for name in login], keys(servers[1]))


# --- rooms -------------------------------------------------------------------------------------


def test_each_epoch_is_told_secret_by_secret_to_who_makes_it_and_who_joins_it(
    evidence: Evidence,
) -> None:
    maker, joiner = evidence.story("alice", "chat"), evidence.story("bobb", "send")
    for story, first in ((maker, "mls.commit_secret"), (joiner, "mls.psk_secret")):
        assert follows(EPOCH, keys(story))
        assert first in keys(story)
    assert of(joiner, "joined", epoch=1)
    assert "mls.welcome_secret" in keys(maker)


def test_the_way_of_a_message_is_told_from_key_to_key(evidence: Evidence) -> None:
    sender, reader = evidence.story("alice", "chat"), evidence.story("bobb", "send")
    key = r"mls\.application_key\.leaf-0\.generation-0"
    assert any(re.fullmatch(key, name) for name in keys(sender))
    posted = of(sender, "posted", kind="MESSAGE")[0]
    (stored,) = of(evidence.story("server"), "posted", seq=posted["seq"])
    (read,) = of(reader, "entry-read", seq=posted["seq"])
    for line in (stored, read):
        assert (line["group"], line["size"]) == (posted["group"], posted["size"])
    assert (read["kind"], read["epoch"], read["counts"]) == ("MESSAGE", posted["epoch"], True)
    assert posted["duration_ms"] > 0
    assert any(re.fullmatch(key, name) for name in keys(reader))
    assert "mls.sender_data_key" in keys(sender)
    assert of(evidence.story("server"), "flushed"), "and when it was durable"


# --- the page ----------------------------------------------------------------------------------


def in_source(pattern: str) -> set[str]:
    """What the pattern finds in all of our code."""
    sources = (ROOT / "src").rglob("*.py")
    return {found for path in sources for found in re.findall(pattern, path.read_text("utf-8"))}


def rows(heading: str) -> set[str]:
    """The first cells of a section's table."""
    section = text_of(PAGE).partition(f"## {heading}\n")[2].partition("\n## ")[0]
    cells = re.findall(r"^\| (`.+?`) \|", section, re.MULTILINE)
    return {name for cell in cells for name in re.findall(r"`([^`]+)`", cell)}


def test_the_page_explains_every_event_and_no_other() -> None:
    logged = in_source(r"log\.(?:debug|info|warning|error|exception)\(\s*\"([^\"]+)\"")
    assert len(logged) > 20, "the search finds them"
    assert rows("Events") == logged


def test_the_page_explains_every_key_that_is_told(evidence: Evidence) -> None:
    told = {
        re.sub(r"(?<=-)\d+", "N", name) for _, story in evidence.stories for name in keys(story)
    }
    assert len(told) > 30
    assert told <= rows("Keys")
    fixed = in_source(r"derived\(\s*\"([^\"]+)\"")
    assert fixed <= rows("Keys")


@pytest.mark.parametrize("part", ["fingerprint", "size", "duration_ms", "epoch", "seq", "group"])
def test_the_page_explains_the_facts_of_a_line(part: str) -> None:
    assert part in rows("Facts")
