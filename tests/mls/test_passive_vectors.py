"""A client that joins and follows: the official passive vectors, live interop captures and ts-mls's."""

from pathlib import Path

import pytest

from coterie.mls import (
    ApplicationReceived,
    Group,
    KeyPackage,
    KeyPackageBundle,
    TakeAll,
    join,
    load,
    process,
    rows,
)
from coterie.mls.framing import decode_message
from coterie.secret import Secret
from tests.mls.published import SUPPORTED, Vector, assert_complete, published, vector
from tests.vectors_path import FOLDER

PER_SUITE = {
    "passive-client-welcome.json": 8,
    "passive-client-handling-commit.json": 13,
    "ts-mls-passive.json": 1,
    "interop-passive/application.json": 3,
    "interop-passive/branch.json": 16,
    "interop-passive/commit.json": 22,
    "interop-passive/external_join.json": 3,
    "interop-passive/external_proposals.json": 14,
    "interop-passive/reinit.json": 24,
    "interop-passive/welcome_join.json": 4,
}
CASES = [
    pytest.param(name, suite, number, id=f"{Path(name).stem}-suite-{suite}-number-{number}")
    for name, count in PER_SUITE.items()
    for suite in SUPPORTED
    for number in range(count)
]
RANDOM = "passive-client-random.json"


@pytest.mark.parametrize("name", PER_SUITE)
def test_all_entries_are_there(name: str) -> None:
    assert_complete(name, PER_SUITE[name])


def joined(v: Vector) -> Group:
    package = decode_message(bytes.fromhex(v["key_package"]))
    assert isinstance(package, KeyPackage)
    bundle = KeyPackageBundle(
        package,
        Secret(bytes.fromhex(v["init_priv"])),
        Secret(bytes.fromhex(v["encryption_priv"])),
    )
    psks = {bytes.fromhex(p["psk_id"]): Secret(bytes.fromhex(p["psk"])) for p in v["external_psks"]}
    tree = bytes.fromhex(v["ratchet_tree"]) if v["ratchet_tree"] else None
    return join(
        bytes.fromhex(v["welcome"]),
        bundle,
        Secret(bytes.fromhex(v["signature_priv"])),
        ratchet_tree=tree,
        policy=TakeAll(psks),
    ).group


def follow(v: Vector) -> None:
    group = joined(v)
    assert group.epoch_authenticator.expose().hex() == v["initial_epoch_authenticator"]
    for epoch in v["epochs"]:
        for application in epoch.get("application", []):
            received = process(group, bytes.fromhex(application["message"]))
            assert isinstance(received, ApplicationReceived)
            assert received.data.hex() == application["plaintext"]
            group = received.group
        for proposal in epoch["proposals"]:
            group = process(group, bytes.fromhex(proposal)).group
        group = process(group, bytes.fromhex(epoch["commit"])).group
        assert group.epoch_authenticator.expose().hex() == epoch["epoch_authenticator"]
        assert rows(load(rows(group), group.policy)) == rows(group)


@pytest.mark.parametrize(("name", "suite", "number"), CASES)
def test_passive_client_follows(name: str, suite: int, number: int) -> None:
    follow(vector(name, suite, number))


@pytest.mark.skipif(not (FOLDER / "mls" / RANDOM).exists(), reason=f"no {RANDOM}: it is large")
def test_passive_client_follows_thousands_of_random_steps() -> None:
    found = [v for v in published(RANDOM) if v["cipher_suite"] in SUPPORTED]
    assert found
    for v in found:
        follow(v)
