"""``coterie room``."""

import json

import pytest
from msgspec import structs

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
        (("topic", "ops", "what we ship"), api.ChangeRoom("ops", topic="what we ship")),
        (("rename", "ops", "#war room"), api.ChangeRoom("ops", name="war room")),
        (("mute", "ops"), api.SetAttention("ops", "nothing")),
        (("mute", "ops", "mentions"), api.SetAttention("ops", "mentions")),
        (("seen", "ops"), api.MarkRead("ops")),
        (("seen", "ops", "--to", "40"), api.MarkRead("ops", 40)),
        (("renew", "ops"), api.RenewRoom("ops")),
        (("renew", "ops", "--instead-of", "bobb"), api.RenewRoom("ops", instead_of="bobb")),
        (("follow", "ops"), api.FollowRoom("ops")),
        (("follow", "ops", "--made-by", "bobb"), api.FollowRoom("ops", made_by="bobb")),
        (
            ("follow", "ops", "--accept", "carol", "--accept", "admin:carol"),
            api.FollowRoom("ops", accept=("carol", "admin:carol")),
        ),
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


def test_renewing_all_leaves_alone_what_goes_on_and_what_is_others(run: Runs) -> None:
    kinds = {"lost": True, "stuck": True, "open": True, "forked": True, "foreign": False}
    run.backend.rooms = tuple(
        structs.replace(
            OPS,
            room_id=name,
            name=name,
            state="lost" if name == "foreign" else name,
            admin=is_admin,
        )
        for name, is_admin in kinds.items()
    )
    assert run("room", "renew", "--all").status == 0
    assert run.backend.asked == [api.ListRooms(), api.RenewRoom("lost"), api.RenewRoom("stuck")]


def test_renewing_nothing_or_both_is_misuse(run: Runs) -> None:
    assert run("room", "renew").status == 2
    assert run("room", "renew", "ops", "--all").status == 2
    assert run("room", "renew", "--all", "--instead-of", "bobb").status == 2
    assert run.backend.asked == []
