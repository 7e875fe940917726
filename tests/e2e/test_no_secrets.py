"""No text, name, password or key of a whole conversation is where it should not be."""

import secrets
from pathlib import Path

from tests.e2e import searching
from tests.e2e.talk import Evidence, mark

# --- controls ----------------------------------------------------------------------------------


def test_the_search_finds_what_is_planted_in_every_form(evidence: Evidence) -> None:
    secrets_ = {"a key": secrets.token_bytes(32), "a text": mark().encode()}
    for name, secret in secrets_.items():
        for form, planted in searching.plant(secret):
            assert f"{name} in it, {form}" in searching.find(secrets_, [("it", planted)])
    assert searching.find(secrets_, [("it", b"nothing of the kind")]) == []
    assert {form for form, _ in searching.plant(b"x")} == searching.FORMS.keys()


def test_there_is_something_to_find(evidence: Evidence) -> None:
    """The keys were read, the logs were written, and both processes of the server left files."""
    for part in (
        "device_key",
        "account_key",
        "epoch_secrets",
        "ratchets",
        "private_keys",
        "init_private",
    ):
        for who in ("alice", "bobb"):
            assert any(part in name and name.startswith(who) for name in evidence.keys), part
    assert {"server.static.private", "server.opaque.oprf_seed"} <= evidence.server_keys.keys()
    assert sum(len(log) for _, log in evidence.logs) > 50_000
    names = {Path(name).name for name, _ in evidence.server_files}
    assert {"coterie.db", "coterie.db-wal"} <= names
    stored = searching.find(evidence.names, evidence.server_files)
    assert len({hit.partition(" in ")[0] for hit in stored}) == 2, "account names are stored"
    read = [ran.out for who, ran in evidence.ended if "read" in ran.words]
    for text in ("typed by alice", "sent by bobb", "kept by bobb", "sent by alice"):
        assert evidence.said[text].decode() in read[0]


# --- the promise -------------------------------------------------------------------------------


def test_no_log_and_no_error_has_a_text_a_name_a_password_or_a_key(evidence: Evidence) -> None:
    """A command that was given a name on its command line may repeat it: none was."""
    assert searching.find(evidence.everything, evidence.logs) == []


def test_the_servers_files_have_no_text_no_rooms_name_no_password_and_no_key(
    evidence: Evidence,
) -> None:
    """The file ``secrets`` aside, which holds the server's own keys."""
    hidden = evidence.said | evidence.typed | evidence.keys | evidence.server_keys
    assert searching.find(hidden, evidence.server_files) == []


def test_a_profile_has_nothing_in_the_clear(evidence: Evidence) -> None:
    """The file ``key`` aside, where the key of its database is kept in one."""
    assert searching.find(evidence.everything, evidence.profile_files) == []


def test_process_arguments_have_no_text_no_rooms_name_no_password_and_no_key(
    evidence: Evidence,
) -> None:
    sampled = [("arguments", one) for one in evidence.arguments]
    hidden = evidence.said | evidence.typed | evidence.keys | evidence.server_keys
    assert searching.find(hidden, sampled) == []
    assert any(b"\0serve\0" in one for one in evidence.arguments), "the control"
    assert searching.find(evidence.names, sampled), "the control: join is given a name"


def test_what_holds_keys_does_not_print_them(evidence: Evidence) -> None:
    printed = [(what, text.encode()) for what, text in evidence.printed]
    assert len(printed) > 10
    hidden = evidence.said | evidence.typed | evidence.keys | evidence.server_keys
    assert searching.find(hidden, printed) == []
