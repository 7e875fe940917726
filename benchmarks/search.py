"""Search: what a question to 100,000 messages costs, beside its floors.

``python benchmarks/search.py [--messages 100000] [--rounds 7]`` prints, for each question, the median of a first page
of 50 hits in milliseconds; beside it the same by reading every text (``LIKE``), which is what one does without an
index, and, where it has a word, FTS5 alone, which gives nothing but numbers. All are timed in turn, round by round, on
one encrypted file. Exits with 1 where a question takes longer than to read everything.

The hard questions are those whose common part says nothing of what is rare: a word that everybody says, of a sender
who said five messages. Texts are drawn by a law like that of a language: few words are in most messages.
"""

import argparse
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from coterie.client.conversation import Author, Row
from coterie.client.database import Database
from coterie.client.search_query import Query, parse
from coterie.client.store import APPLICATION_ID, SCHEMA, Store, TimelineRow
from coterie.content import Ref
from coterie.secret import Secret

AT_ONCE_MS = 100.0  # what feels so: the aim, on a machine with nothing else to do
PAGE = 51  # as the service asks: one more than it shows
WORDS = 20_000
LETTERS = "etaoinshrdlucmfwypvbgkjqxz"
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
MINUTE_MS = 60_000
ROOMS = [bytes([n]) * 16 for n in range(6)]  # the first is a rare one
RARE = 20_000  # one message of so many is by the rare sender, and one in the rare room
QUESTIONS = (
    ("a letter", "q", None),
    ("two letters", "th", None),
    ("a common word", '"the"', None),
    ("a word that nobody says", "zzzzz", None),
    ("a phrase", '"the end"', None),
    ("three beginnings", "e t a", None),
    ("from: of one who says much", "from:alice", None),
    ("from: of one who says little", "from:rare", None),
    ("a common word of one who says little", "the from:rare", None),
    ("a common word in a quiet room", "the", ROOMS[:1]),
    ("a common word, a year ago", "the before:2026-01-02", None),
    ("a year ago", "before:2026-01-02", None),
    ("has:link", "has:link", None),
    ("a common word with a link", "the has:link", None),
)


def filled(folder: Path, messages: int) -> Store:
    """A store of so many messages."""
    database = Database.open(
        folder / "client.db",
        Secret(bytes(32)),
        application_id=APPLICATION_ID,
        migrations=SCHEMA,
    )
    store, chance = Store(database), random.Random(1)  # noqa: S311  # no secret
    weights = [1 / (place + 1) for place in range(len(LETTERS))]
    words = ["the", "end"]
    while len(words) < WORDS:
        words.append("".join(chance.choices(LETTERS, weights, k=chance.randint(2, 9))))
    with store.transaction():
        for number in range(messages):
            said = [words[min(WORDS, int(chance.paretovariate(0.6))) - 1] for _ in range(12)]
            if number % 500 == 0:
                said.append("https://example.org/page")
            name = "rare" if number % RARE == 7 else chance.choice(["alice", "bobb", "carol"])
            room_id = ROOMS[0] if number % RARE == 9 else ROOMS[1 + number % 5]
            time_ms = int(BEGAN.timestamp() * 1000) + number * MINUTE_MS
            author = Author(name, name.encode().ljust(32))
            ref = Ref(name.encode().ljust(16), number.to_bytes(16, "big"))
            row = Row(ref, author, time_ms, " ".join(said))
            store.add_to_timeline(TimelineRow(0, room_id, bytes(16), number, "", time_ms, row))
    store.index_words(messages)
    store.tidy()
    return store


def timed(run: Callable[[], object]) -> float:
    """Milliseconds."""
    began = time.perf_counter()
    run()
    return (time.perf_counter() - began) * 1000


def scan(store: Store, query: Query) -> object:
    """Every text is looked at, as one does without an index."""
    likes = [f"%{term.text}%" for term in query.terms]
    where = " AND ".join(["text LIKE ?"] * len(likes) or ["sender = ?"])
    return store._all(
        f"SELECT number FROM timeline NOT INDEXED WHERE {where}",  # noqa: S608  # question marks
        likes or ["nobody"],
    )


def bare(store: Store, query: Query) -> object:
    """FTS5 alone: the numbers of the newest that have the words."""
    return store._all(
        "SELECT rowid FROM word WHERE word MATCH ? ORDER BY rowid DESC LIMIT ?", (query.match, PAGE)
    )


def main() -> int:
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    asked.add_argument("--messages", type=int, default=100_000)
    asked.add_argument("--rounds", type=int, default=7)
    options = asked.parse_args()
    slowest = most = 0.0
    with tempfile.TemporaryDirectory() as folder:
        store = filled(Path(folder), options.messages)
        print("| question | hits | ms | LIKE, ms | of LIKE | FTS5 alone, ms |")
        print("| --- | ---: | ---: | ---: | ---: | ---: |")
        for name, typed, room_ids in QUESTIONS:
            query = parse(typed, UTC)
            ours, like, floor = [], [], []
            for _ in range(options.rounds):
                like.append(timed(partial(scan, store, query)))
                floor += [timed(partial(bare, store, query))] if query.match else []
                ours.append(timed(partial(store.search, query, room_ids, None, PAGE)))
            hits = len(store.search(query, room_ids, None, PAGE))
            took, scanned = statistics.median(ours), statistics.median(like)
            alone = f"{statistics.median(floor):.2f}" if floor else ""
            print(
                f"| {name} | {hits} | {took:.2f} | {scanned:.1f} | {took / scanned:.3f} | {alone} |"
            )
            slowest, most = max(slowest, took), max(most, took / scanned)
        store.close()
    print(f"\nslowest: {slowest:.1f} ms, the aim is {AT_ONCE_MS:.0f}; at most {most:.2f} of LIKE")
    return int(most > 1)


if __name__ == "__main__":
    sys.exit(main())
