"""MLS: what a step costs, beside its floor and beside other libraries.

``python benchmarks/mls.py [--sizes 2,10,100,1000] [--suites 1,default] [--rounds 5]`` prints medians in Markdown:
milliseconds, how often the floor's time that is (``mls_floor.py``), and how often ours a peer takes. Everything is
timed in turn, round by round, so that a change of the machine's speed meets all alike. ``--sizes 5000`` takes minutes.

Two peers come beside, in suite 1, each installed apart from this project:

``--mls-rs PYTHON`` is an interpreter that has ``agentvault-mls-rs-uniffi`` 0.1.1 (mls-rs, native)::

    python3 -m venv /tmp/mls-rs && /tmp/mls-rs/bin/pip install agentvault-mls-rs-uniffi==0.1.1

``--ts-mls FOLDER`` is a folder that has ``ts-mls`` 1.6.4 and what it imports::

    npm install --prefix /tmp/ts-mls ts-mls@1.6.4 @noble/hashes @noble/curves@2.0.1 @noble/ciphers@2.1.1

A member is timed as if it met the others for the first time: caches of public keys are emptied before each create and
join. "bulk-made" is a tree that one commit made, "worn-in" one in which each parent has a key. All libraries join,
process and decrypt the very same messages.
"""

import argparse
import gc
import random
import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import TypeVar

import mls_peers
from mls_floor import Floor
from mls_groups import Client, Crowd, create, forget, memory_of_group, new_client
from mls_peers import Peer

from coterie.mls import (
    DEFAULT_SUITE,
    CipherSuite,
    Group,
    KeyPackage,
    TakeAll,
    commit,
    join,
    load,
    process,
    rows,
    suite_of,
)
from coterie.mls.framing import decode_message, encode_message

T = TypeVar("T")
KIB = bytes(1024)
COMMITS, MESSAGES = 8, 20  # a round of so many, each timed
SLOW = 3  # rounds of ts-mls: its figures need no more
SMALL, MORE = 100, 5  # up to so many members, so many times the rounds
OURS, FLOOR = "coterie", "floor"
GUEST = 5  # the leaf from which a worn-in group is looked at; in one of two, leaf 1

Times = dict[str, dict[str, list[float]]]  # seconds by step and by whom


def timed(run: Callable[[], T]) -> tuple[float, T]:
    began = time.perf_counter()
    value = run()
    return time.perf_counter() - began, value


class Benchmark:
    """One suite and one size."""

    def __init__(self, suite: CipherSuite, size: int, rounds: int, peers: list[Peer]) -> None:
        self.suite, self.size, self.rounds, self.peers = suite, size, rounds, peers
        self.floor = Floor(suite)
        self.times: Times = {}

    def add(self, step: str, who: str, seconds: float) -> None:
        self.times.setdefault(step, {}).setdefault(who, []).append(seconds)

    def add_pair(self, step: str, run: Callable[[], T], floor: Callable[[], None]) -> T:
        """The floor, then ours."""
        self.add(step, FLOOR, timed(floor)[0])
        seconds, value = timed(run)
        self.add(step, OURS, seconds)
        return value

    def peers_of(self, this_round: int) -> list[Peer]:
        return [p for p in self.peers if p.name != "ts-mls" or this_round < SLOW]

    def run(self) -> None:
        for i in range(self.rounds):
            self.bulk_made(i)
        crowd = Crowd(self.suite, self.size)
        crowd.wear_in()
        gc.freeze()  # the crowd is the benchmark's, not a member's
        for i in range(self.rounds):
            self.worn_in(crowd, i)

    # --- a bulk-made group ---------------------------------------------------------------------

    def bulk_made(self, this_round: int) -> None:
        """Create, join and update."""
        gc.collect()
        clients = [new_client(self.suite, f"member {i}") for i in range(1, self.size)]
        encoded = [c.bundle.key_package.encode() for c in clients]
        forget()
        packages = list(map(KeyPackage.from_bytes, encoded))
        pending = self.add_pair(
            "create", lambda: create(self.suite, packages), lambda: self.floor.create(self.size)
        )
        last = clients[-1]
        forget()
        self.add_pair("join", lambda: joined(pending.welcome, last), self.join_floor)
        seals = self.size - 1
        self.add_pair(
            "update, bulk-made",
            lambda: commit(pending.group),
            lambda: self.floor.update(self.size, seals),
        )
        messages = [encode_message(package).hex() for package in packages]
        for peer in self.peers_of(this_round):
            self.add("create", peer.name, peer("create", key_packages=messages)[0])
            self.add("update, bulk-made", peer.name, peer("update")[0])
            guest = decode_message(peer("key_package")[1])
            assert isinstance(guest, KeyPackage)
            welcome = create(self.suite, [*packages[:-1], guest]).welcome
            assert welcome is not None
            self.add("join", peer.name, peer("join", message=welcome.hex())[0])

    def join_floor(self) -> None:
        self.floor.join(self.size)

    # --- a worn-in group -----------------------------------------------------------------------

    def worn_in(self, crowd: Crowd, this_round: int) -> None:
        """All that a member does from day to day, of us and of each peer in the same place."""
        gc.collect()
        place = min(GUEST, self.size - 1)
        others = [i for i in range(self.size) if i != place]
        senders = random.Random(this_round).choices(others, k=COMMITS)  # noqa: S311  # no secret
        self.ours(crowd.fork(), place, senders)
        for peer in self.peers_of(this_round):
            self.of_peer(peer, crowd.fork(), place, senders)

    def ours(self, crowd: Crowd, place: int, senders: list[int]) -> None:
        client = new_client(self.suite, "guest")
        welcome = crowd.let_in(place, client.bundle.key_package)
        forget()
        group = self.add_pair("join, worn-in", lambda: joined(welcome, client), self.join_floor)
        for sender in senders:
            message = crowd.commit(sender).message
            derived = group.tree.width.bit_length() - (sender ^ place).bit_length()  # above both
            group = self.add_pair(
                "process a commit, worn-in",
                partial(processed, group, message),
                partial(self.floor.process, self.size, derived),
            )
        self.add_pair(
            "update, worn-in",
            lambda: commit(group),
            lambda: self.floor.update(self.size, (self.size - 1).bit_length()),
        )
        sender = crowd.as_member(senders[0])
        for _ in range(MESSAGES):
            encrypt, decrypt = partial(self.floor.encrypt, 1024), partial(self.floor.decrypt, 1024)
            group = self.add_pair("encrypt 1 KiB", partial(group.protect, KIB), encrypt)[0]
            sender, message = sender.protect(KIB)
            group = self.add_pair("decrypt 1 KiB", partial(processed, group, message), decrypt)
        seconds, saved = timed(lambda: rows(group))
        self.add("save", OURS, seconds)
        forget()
        self.add("load", OURS, timed(lambda: load(saved, TakeAll()))[0])

    def of_peer(self, peer: Peer, crowd: Crowd, place: int, senders: list[int]) -> None:
        guest = decode_message(peer("key_package")[1])
        assert isinstance(guest, KeyPackage)
        welcome = crowd.let_in(place, guest)
        self.add("join, worn-in", peer.name, peer("join", message=welcome.hex())[0])
        for sender in senders:
            message = crowd.commit(sender).message
            seconds, _ = peer("process", message=message.hex())
            self.add("process a commit, worn-in", peer.name, seconds)
        group = crowd.as_member(senders[0])
        for _ in range(MESSAGES):
            self.add("encrypt 1 KiB", peer.name, peer("encrypt", data=KIB.hex())[0])
            group, message = group.protect(KIB)
            seconds, data = peer("process", message=message.hex())
            assert data == KIB
            self.add("decrypt 1 KiB", peer.name, seconds)
        self.add("update, worn-in", peer.name, peer("update")[0])

    # --- the table -----------------------------------------------------------------------------

    def print(self) -> None:
        """As Markdown."""
        names = [peer.name for peer in self.peers]
        columns = ["", "ms", "of the floor", *(f"{name} takes" for name in names)]
        print(f"\nSuite {self.suite.number}, {self.size} members\n")
        print(f"| {' | '.join(columns)} |")
        print(f"| --- |{' ---: |' * (len(columns) - 1)}")
        for step, by_whom in self.times.items():
            medians = {who: statistics.median(times) for who, times in by_whom.items()}
            ours = medians[OURS]
            cells = [step, f"{ours * 1000:.3g}"]
            cells.append(f"{ours / medians[FLOOR]:.2f} ×" if FLOOR in medians else "")
            cells += (f"{medians[n] / ours:.1f} ×" if n in medians else "" for n in names)
            print(f"| {' | '.join(cells)} |", flush=True)


def processed(group: Group, message: bytes) -> Group:
    return process(group, message).group


def joined(welcome: bytes | None, client: Client) -> Group:
    assert welcome is not None
    return join(welcome, client.bundle, client.signature_private).group


def main() -> None:
    parser = argparse.ArgumentParser(description="What a step of MLS costs.")
    parser.add_argument("--sizes", default="2,10,100,1000")
    parser.add_argument("--suites", default="1,default")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--mls-rs", metavar="PYTHON")
    parser.add_argument("--ts-mls", metavar="FOLDER")
    given = parser.parse_args()
    peers = [mls_peers.mls_rs(given.mls_rs)] if given.mls_rs else []
    peers += [mls_peers.ts_mls(given.ts_mls)] if given.ts_mls else []
    for name in given.suites.split(","):
        suite = suite_of(DEFAULT_SUITE if name == "default" else int(name))
        Benchmark(suite, 2, 1, []).run()  # what is done once in a process is not timed
        for size in map(int, given.sizes.split(",")):
            rounds = given.rounds * (MORE if size <= SMALL else 1)
            benchmark = Benchmark(suite, size, rounds, peers if suite.number == 1 else [])
            benchmark.run()
            benchmark.print()
            if size == 1000:
                print(f"\nA loaded group holds {memory_of_group(suite, size) / 1e6:.1f} MB.")
    for peer in peers:
        peer.close()


if __name__ == "__main__":
    main()
