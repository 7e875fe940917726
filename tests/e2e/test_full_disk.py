"""A full disk gets a clear sentence, and nothing that was saved or acknowledged is lost."""

import asyncio
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.e2e.crowd import crowd_on, until_each
from tests.e2e.stage import Stage

TOO_MUCH = "x" * 60_000  # characters: more than what SQLite's files have spare
CROWD_POSTS_PER_S = 50.0  # what waits meanwhile has room afterwards
MAY_MOUNT = "run the tests as root, or in `unshare --map-root-user --mount`, to include this one"


class SmallDisk:
    """A file system of few megabytes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._filler = folder / "filler"

    def fill(self) -> None:
        """To the last byte."""
        with self._filler.open("wb", buffering=0) as file:
            size = 2**16
            while size:
                try:
                    file.write(bytes(size))
                except OSError:
                    size //= 2

    def make_room(self) -> None:
        self._filler.unlink()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    mount, unmount = shutil.which("mount"), shutil.which("umount")
    if mount is None or unmount is None:
        pytest.skip("needs mount(8), which Linux has")
    folder = tmp_path / "disk"
    folder.mkdir()
    options = ["-t", "tmpfs", "-o", "size=8m", "coterie-test"]
    mounted = subprocess.run([mount, *options, str(folder)], capture_output=True, check=False)  # noqa: S603
    if mounted.returncode:
        pytest.skip(f"may not mount a small file system: {MAY_MOUNT}")
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run([unmount, "--lazy", str(folder)], check=True)  # noqa: S603


def test_a_profile_on_a_full_disk_says_so_and_keeps_what_it_had(
    disk: SmallDisk, stage: Stage, furnished: Stage
) -> None:
    stage.take_over(furnished)
    alice, bobb, _ = stage.people.values()
    shutil.copytree(alice.profile, disk.folder / "alice")
    alice = replace(alice, profile=disk.folder / "alice")
    alice.run("send", "ops", "kept from before").failed_with("kept on this device")
    disk.fill()
    full = ("alice", "the disk is full", "coterie: hint: free some space")
    alice.run("send", "ops", TOO_MUCH).failed_with(*full)
    stage.start_server()
    from_bobb = TOO_MUCH.upper()
    bobb.does("send", "ops", from_bobb)
    alice.run("send", "ops", TOO_MUCH).failed_with("the disk is full")
    disk.make_room()
    alice.does("send", "ops", "there is room")
    assert alice.reads("ops") == bobb.reads("ops")
    assert sorted(alice.reads("ops")) == sorted([from_bobb, "kept from before", "there is room"])


def test_nobody_joins_onto_a_full_disk_and_the_invite_is_not_spent(
    disk: SmallDisk, stage: Stage
) -> None:
    invite = stage.server.invite()
    disk.fill()
    place = ("--profile", str(disk.folder / "alice"))
    ended = stage.begin_to_join("alice", invite, *place).ended()
    ended.failed_with("the disk is full", "coterie: hint: free some space")
    disk.make_room()
    stage.begin_to_join("alice", invite, *place).ended().check()


def test_a_server_on_a_full_disk_says_so_and_stores_what_is_kept_once_there_is_room(
    disk: SmallDisk, stage: Stage, furnished: Stage
) -> None:
    stage.server_data = disk.folder / "server"
    stage.take_over(furnished)
    stage.start_server()  # while there is room
    alice, bobb, _ = stage.people.values()
    disk.fill()
    acknowledged: list[str] = []
    while True:  # some pages may be free inside of the database
        text = f"{len(acknowledged)} {TOO_MUCH}"
        ended = alice.run("send", "ops", text)
        if ended.status:
            break
        acknowledged.append(text)
    ended.failed_with("the server's disk is full", "it is kept on this device")
    assert bobb.reads("ops") == acknowledged
    assert not stage.server.program.has_ended
    disk.make_room()
    alice.does("send", "ops", "there is room")
    assert alice.reads("ops") == bobb.reads("ops") == [*acknowledged, text, "there is room"]
    stage.server.stop().check()


def test_a_server_whose_disk_fills_up_under_load_loses_nothing_that_it_acknowledged(
    disk: SmallDisk, stage: Stage
) -> None:
    stage.server_data = disk.folder / "server"

    async def fill_up() -> None:
        async with crowd_on(stage, posts_per_s=CROWD_POSTS_PER_S) as load:
            await asyncio.to_thread(disk.fill)
            await until_each(load, lambda device: device.refused_as_full > 0)
            assert not stage.server.program.has_ended
            disk.make_room()
        (await asyncio.to_thread(stage.server.examine)).check()

    asyncio.run(fill_up())


def test_a_server_does_not_start_on_a_full_disk_and_says_why(disk: SmallDisk, stage: Stage) -> None:
    disk.fill()
    where = ("--data", str(disk.folder / "server"), "--listen", "127.0.0.1:0")
    stage.programs.run("serve", *where).failed_with("the disk is full")
    disk.make_room()
    stage.server_data = disk.folder / "server"
    assert stage.server.stop().check().err == ""
