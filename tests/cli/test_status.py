"""``coterie status``."""

import json

from tests.cli.fakes import Runs


def test_status_for_people_and_for_programs(run: Runs) -> None:
    assert "account        alice" in run("status").out
    assert json.loads(run("status", "--json").out)["rooms"][1]["state"] == "forked"
