"""``coterie room``."""

import json

import pytest

from coterie.client import api
from tests.cli.fakes import OPS, Runs


@pytest.mark.parametrize(
    ("words", "request_"),
    [
        (("new", "ops", "bobb", "@carol"), api.CreateRoom("ops", ("bobb", "carol"))),
        (("new", "#ops"), api.CreateRoom("ops")),
        (("list",), api.ListRooms()),
        (("members", "ops"), api.ListMembers("ops")),
        (("add", "ops", "carol", "dave"), api.AddMembers("ops", ("carol", "dave"))),
        (("remove", "ops", "bobb"), api.RemoveMember("ops", "bobb")),
        (("leave", "#ops"), api.LeaveRoom("#ops")),
        (("admin", "ops", "bobb"), api.SetAdmin("ops", "bobb", admin=True)),
        (("admin", "ops", "bobb", "--revoke"), api.SetAdmin("ops", "bobb", admin=False)),
    ],
)
def test_each_command_is_one_request(
    run: Runs, words: tuple[str, ...], request_: api.Request
) -> None:
    assert run("room", *words).status == 0
    assert run.backend.asked == [request_]


def test_a_room_is_shown_after_it_changed(run: Runs) -> None:
    assert run("room", "new", "ops").out == "#ops  0a0a0a0a  2 members  admin  shipping\n"


def test_json_of_a_room(run: Runs) -> None:
    told = json.loads(run("room", "add", "ops", "carol", "--json").out)
    assert told["room_id"] == OPS.room_id
    assert told["members"] == 2


def test_adding_nobody_is_misuse(run: Runs) -> None:
    assert run("room", "add", "ops").status == 2
    assert run.backend.asked == []
