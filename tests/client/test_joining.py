"""A new account and its first profile: made once, whatever is lost on the way."""

from pathlib import Path

import pytest

from coterie.client import api
from coterie.client.backend import open_backend
from coterie.client.custody import Custody
from coterie.client.joining import JoinedAccount, join
from coterie.client.profile import Profile
from coterie.client.profile_file import ProfileFile
from coterie.errors import InvalidInput, Refused, StorageError, Unavailable
from coterie.secret import Secret
from coterie.wire import frames as f
from coterie.wire.invite import Invite
from tests.asynchronous import asynchronous
from tests.client.house import House, house_in

PASSWORD = Secret(b"correct horse battery staple")


async def joined(house: House, folder: Path, invite: Invite, name: str = "alice") -> JoinedAccount:
    return await join(folder, invite, name, PASSWORD, custody=Custody.FILE, seams=house.seams)


@asynchronous
async def test_a_newcomer_has_a_profile_and_can_be_added_before_coming_online_again(
    tmp_path: Path,
) -> None:
    async with house_in(tmp_path) as house:
        told = await joined(house, tmp_path / "a", house.invite())
        assert (told.name, told.fingerprint) == ("alice", house.shared.keys.fingerprint)
        assert "in a file" in told.custody_sentence
        counted = house.shared.store.reading.count_key_packages(told.device, house.clock.now())
        assert counted.one_time > 0
        assert counted.has_last_resort
        assert ProfileFile.load(tmp_path / "a").has_account
        async with open_backend(tmp_path / "a", seams=house.seams) as backend:
            status = await backend.call(api.GetStatus())
            assert isinstance(status, api.Status)
            assert (status.account, status.connection) == ("alice", "connected")


@asynchronous
async def test_a_spent_invite_a_taken_name_and_a_server_that_is_away_leave_no_folder(
    tmp_path: Path,
) -> None:
    async with house_in(tmp_path) as house:
        house.person("bobb")
        invite = house.invite()
        for name, given, error in (
            ("bobb", invite, Refused),
            ("alice", Invite(invite.address, invite.fingerprint, b"x" * 16), Refused),
            ("No Name", invite, InvalidInput),
        ):
            with pytest.raises(error):
                await joined(house, tmp_path / "a", given, name)
            assert not (tmp_path / "a").exists()
        house.is_down = True
        with pytest.raises(Unavailable):
            await joined(house, tmp_path / "a", invite)
        assert not (tmp_path / "a").exists()
        house.is_down = False
        await joined(house, tmp_path / "a", invite)


@asynchronous
async def test_a_profile_that_has_an_account_is_left_as_it_is(tmp_path: Path) -> None:
    async with house_in(tmp_path) as house:
        folder = house.person("bobb").make_profile(tmp_path / "b")
        with pytest.raises(InvalidInput, match="is bobb's on"):
            await joined(house, folder, house.invite())
        assert Profile.exists(folder)


@asynchronous
async def test_an_answer_that_is_lost_makes_no_second_account(tmp_path: Path) -> None:
    async with house_in(tmp_path) as house:
        invite = house.invite()

        def lose(body: f.RequestBody, reply: f.ReplyBody) -> f.ReplyBody | None:
            if isinstance(body, f.RegisterFinish):
                house.go_down()
                return None
            return reply

        house.twist = lose
        with pytest.raises(Unavailable) as raised:
            await joined(house, tmp_path / "a", invite)
        assert "nothing is made twice" in raised.value.hint
        assert Profile.exists(tmp_path / "a")
        house.is_down = False
        with pytest.raises(StorageError, match="has no account yet"):
            async with open_backend(tmp_path / "a", seams=house.seams):
                pass
        told = await joined(house, tmp_path / "a", invite)
        assert told.name == "alice"
        assert len(house.asked(f.RegisterFinish)) == 1
        async with open_backend(tmp_path / "a", seams=house.seams) as backend:
            await backend.call(api.CreateRoom("ops"))


@asynchronous
async def test_a_refusal_after_all_that_was_saved_leaves_no_folder(tmp_path: Path) -> None:
    """Somebody took the name in the second that the password's stretching takes."""
    async with house_in(tmp_path) as house:
        house.lie = lambda body, name: (
            f.Failed(f.Code.NAME_TAKEN, "the name alice is taken")
            if isinstance(body, f.RegisterFinish)
            else None
        )
        with pytest.raises(Refused, match="taken"):
            await joined(house, tmp_path / "a", house.invite())
        assert not (tmp_path / "a").exists()


@pytest.mark.parametrize(
    "answer", [f.Failed(f.Code.FULL, "the disk is full"), f.Failed(f.Code.WAIT, "wait"), f.Done()]
)
@asynchronous
async def test_key_packages_that_cannot_be_left_now_are_left_at_the_next_start(
    tmp_path: Path, answer: f.ReplyBody
) -> None:
    async with house_in(tmp_path) as house:
        house.lie = lambda body, name: answer if isinstance(body, f.UploadKeyPackages) else None
        told = await joined(house, tmp_path / "a", house.invite())
        house.tells_the_truth()
        async with open_backend(tmp_path / "a", seams=house.seams) as backend:
            await backend.call(api.GetStatus())
            await house.clock.advance(1.0)
        counted = house.shared.store.reading.count_key_packages(told.device, house.clock.now())
        assert counted.one_time > 0
