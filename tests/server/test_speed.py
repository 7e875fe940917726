"""What makes the server fast, without a clock: how few statements, records and tasks it takes for many posts."""

import asyncio
from pathlib import Path

from coterie.noise.records import MessageSplitter
from coterie.server.store import Store
from coterie.wire import chain
from coterie.wire import frames as f
from tests.asynchronous import asynchronous
from tests.fakes import settle
from tests.server.people import GROUP, Writer, entries
from tests.server.raw import MemoryPeer
from tests.server.statements import statements
from tests.server.test_peer import world
from tests.server.world import post

POSTS = 100
ROWS = 64  # of a query or an insert


def test_batch_of_a_hundred_posts_takes_a_few_statements(store: Store, anna: Writer) -> None:
    jobs = [anna.job(anna.post(after=0)) for _ in range(POSTS)]
    with statements() as seen:
        store.batch(jobs, anna.now)
    chunks = -(-POSTS // ROWS)
    # the group, its keepers and the member; and the message ids, 64 at a time
    looked = ["WITH"] * (3 + chunks)
    written = [*["INSERT"] * chunks, *["UPDATE"] * 2]
    assert [text.split()[0] for text in seen] == ["BEGIN", *looked, *written, "COMMIT"]
    assert len(entries(store, anna.device)) == POSTS


def test_batch_of_one_post_looks_only_for_its_message_id(store: Store, anna: Writer) -> None:
    """Groups and members are held from one batch to the next."""
    store.batch([anna.job(anna.post(after=0))], anna.now)
    with statements() as seen:
        store.batch([anna.job(anna.post(after=0))], anna.now)
    words = [text.split()[0] for text in seen]
    assert words == ["BEGIN", "WITH", "INSERT", "UPDATE", "UPDATE", "COMMIT"]


def test_keys_of_any_number_are_all_found(store: Store, anna: Writer) -> None:
    """Queries have room for 1, 8 or 64."""
    posts = [anna.post(after=0) for _ in range(2 * ROWS + 2)]
    made = store.batch([anna.job(post) for post in posts], anna.now).results
    for count in (1, 2, 7, 8, 9, 63, 64, 65, len(posts)):
        again = store.batch([anna.job(post) for post in posts[:count]], anna.now).results
        assert again == made[:count]


def _records(written: list[bytes]) -> int:
    """How many were sealed, in all that a peer has written."""
    splitter, count = MessageSplitter(), 0
    for data in written:
        splitter.receive_data(data)
        while splitter.next_message() is not None:
            count += 1
    return count


def _posts(peer: MemoryPeer, *groups: bytes) -> bytes:
    """Five to each group, as one record."""
    frames = [peer.client.request(post(group, n)) for group in groups for n in range(1, 6)]
    return peer.client.seal(b"".join(frames))


OTHER_GROUP = b"h" * 16


@asynchronous
async def test_posts_become_no_tasks(tmp_path: Path) -> None:
    """But for the writer's, which is one for all."""
    async with world(tmp_path) as w:
        peer = await w.log_in(w.device("anna"))
        await w.group(peer)
        before = len(asyncio.all_tasks())
        peer.peer.data_received(_posts(peer, GROUP))
        assert len(asyncio.all_tasks()) == before + 1
        await peer.run()
        assert len(peer.client.replies()[-5:]) == 5


@asynchronous
async def test_answers_and_entries_of_a_batch_are_one_record_for_each_connection(
    tmp_path: Path,
) -> None:
    """Of all its rooms: one seal, one write."""
    async with world(tmp_path) as w:
        anna = w.device("anna")
        poster, listener = await w.log_in(anna), await w.log_in(anna)
        assert await poster.ask(f.CreateGroup(GROUP), f.CreateGroup(OTHER_GROUP)) == [f.Done()] * 2
        for peer in (poster, listener):
            for group in (GROUP, OTHER_GROUP):
                assert await peer.ask(f.Subscribe(group, 0, chain.first(group))) == [
                    f.Subscribed(0, 0)
                ]
        poster.peer.data_received(_posts(poster, GROUP, OTHER_GROUP))
        await settle()
        for peer in (poster, listener):
            assert len(peer.transport.written) == 1
            assert _records(peer.transport.written) == 1
            await peer.run()
            heard = [(e.group, len(e.entries)) for e in peer.client.events()]  # type: ignore[union-attr]
            assert heard == [(GROUP, 5), (OTHER_GROUP, 5)]
        accepted = poster.client.replies()[-10:]
        assert all(isinstance(reply, f.Accepted) for reply in accepted)
