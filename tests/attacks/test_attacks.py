"""Each attack is carried out: Coterie holds, the plain chat falls; and what would show otherwise does."""

import json
from pathlib import Path

import pytest

from coterie.attacks import lying_server, records
from coterie.attacks.lying_server import TEXTS, open_scene, shown_to
from coterie.attacks.pair import open_pair
from coterie.attacks.result import Result, Target
from coterie.attacks.run import attack, run
from coterie.attacks.table import ATTACKS, Attack
from coterie.client import Client
from coterie.demo.relay import Arrival
from tests.asynchronous import asynchronous

LOSING = {
    name: Attack("Not as promised.", "tests.attacks.losing", name) for name in ("won", "failed")
}


@pytest.mark.parametrize("name", ATTACKS)
def test_coterie_holds_against(name: str) -> None:
    result = attack(name, ATTACKS[name], Target.COTERIE)
    assert result.objections == []
    assert result.holds
    assert all(step.got for step in result.steps)


@pytest.mark.parametrize("name", ATTACKS)
def test_plain_chat_falls_to(name: str) -> None:
    """The control: each attack is one that would succeed, were there nothing to stop it."""
    result = attack(name, ATTACKS[name], Target.PLAIN)
    assert result.objections == []
    assert result.holds


def test_result_is_told_as_it_is() -> None:
    shown: list[Result] = []
    won, failed = run(["won", "failed"], Target.COTERIE, shown.append, LOSING)
    assert shown == [won, failed]
    assert (won.holds, won.claim, won.fact) == (False, "COTERIE DID NOT HOLD", "he got everything")
    assert failed.fact == "it could not be carried out: nothing listens"
    assert json.loads(json.dumps(won.as_json()))["steps"] == [
        {"did": "asked", "got": ["everything"]}
    ]


def test_result_without_a_step_or_an_outcome_does_not_hold() -> None:
    result = Result("nothing", Target.COTERIE, mechanism="luck")
    assert not result.holds
    result.did("tried")
    assert not result.holds
    result.got("nothing")
    assert result.holds


@asynchronous
async def test_record_that_passes_is_an_objection(tmp_path: Path) -> None:
    """As if Coterie noticed nothing: here because nothing was done."""
    result = Result("flip", Target.COTERIE, mechanism="none")
    async with open_pair(tmp_path / "server") as pair:
        await records.both_ways(pair, result, lambda: [Arrival], "did nothing to a record")
    assert [each.partition(" it")[0] for each in result.objections[::2]] == [
        "to the server",
        "to alice",
    ]
    assert not result.holds


@asynchronous
async def test_server_that_does_not_lie_raises_no_alarm(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        shown = await scene.read("honest", lambda server: None)
        assert [line.text for line in shown if line.kind == "text"][-2:] == list(TEXTS)
        assert lying_server.warning_in(shown) == ""
        scene.pair.relay.target = scene.pair.server.address
        async with Client.open(scene.bobb) as bobb:
            assert await shown_to(bobb) == shown
