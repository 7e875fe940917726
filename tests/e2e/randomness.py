"""Can bytes be told from random ones? Three chi-square tests, each of the 256 values of a byte.

They count the bytes, each byte XOR its neighbour, and each byte XOR the one 16 places on: a block of AES, and
the period of many a keystream that repeats. Each is two-sided: what is more even than chance is no chance either.
By Wilson and Hilferty the statistic, of 255 degrees of freedom, becomes a normal ``z``; beyond ``LIMIT`` it is an
alarm. Random bytes give one in 8e-11 of tests: with 10,000 tests in a run, one run in a million is a false alarm.
"""

from collections import Counter
from itertools import combinations

LIMIT = 6.5  # two-sided 8e-11 by the normal distribution
LEAST = 4096  # bytes: 16 of each value are expected, so that chi-square is what it is called
LAGS = (0, 1, 16)
FREEDOM = 255


def z_of(data: bytes) -> float:
    """How many standard deviations the counts of the bytes are off: about normal for random bytes."""
    expected = len(data) / 256
    counts = Counter(data)
    statistic = sum((counts[value] - expected) ** 2 for value in range(256)) / expected
    variance = 2 / (9 * FREEDOM)
    cube_root: float = (statistic / FREEDOM) ** (1 / 3)
    return float((cube_root - (1 - variance)) / variance**0.5)


def xor(one: bytes, other: bytes) -> bytes:
    """Of two strings, as far as the shorter one goes."""
    size = min(len(one), len(other))
    mixed = int.from_bytes(one[:size], "big") ^ int.from_bytes(other[:size], "big")
    return mixed.to_bytes(size, "big")


def alarms(data: bytes) -> list[str]:
    """What tells ``data``, of at least ``LEAST`` bytes, from random bytes."""
    scores = {lag: z_of(data if lag == 0 else xor(data, data[lag:])) for lag in LAGS}
    return [f"z = {z:.1f} at lag {lag}" for lag, z in scores.items() if abs(z) > LIMIT]


def shared_keystreams(records: list[bytes]) -> list[str]:
    """Pairs of records whose XOR is not random: two texts under one keystream give that of the texts."""
    numbered = enumerate(record for record in records if len(record) >= LEAST)
    return [
        f"records {a} and {b}: z = {z:.1f}"
        for (a, one), (b, other) in combinations(numbered, 2)
        if abs(z := z_of(xor(one, other))) > LIMIT
    ]
