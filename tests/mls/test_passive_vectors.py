"""A client that joins and follows: the official passive vectors, live interop captures and ts-mls's."""

import functools
import json
from typing import Any

import pytest

from coterie.mls import (
    SUITES,
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
from tests.vectors_path import vectors

COUNTS = {  # entries of supported suites
    "passive-client-welcome.json": 40,
    "passive-client-handling-commit.json": 65,
    "ts-mls-passive.json": 5,
    "interop-passive/application.json": 15,
    "interop-passive/branch.json": 80,
    "interop-passive/commit.json": 110,
    "interop-passive/external_join.json": 15,
    "interop-passive/external_proposals.json": 70,
    "interop-passive/reinit.json": 120,
    "interop-passive/welcome_join.json": 20,
}


@functools.cache
def published(name: str) -> list[dict[str, Any]]:
    found = json.loads(vectors("mls", *name.split("/")).read_text())
    return [v for v in found if v["cipher_suite"] in SUITES]


def joined(v: dict[str, Any]) -> Group:
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


@pytest.mark.parametrize("name", COUNTS)
def test_passive_client_follows(name: str) -> None:
    entries = published(name)
    assert len(entries) == COUNTS[name]
    for v in entries:
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
