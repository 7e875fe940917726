"""The published MLS vectors, found by suite and number, so that tests have names before any file is read."""

import functools
import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from tests.vectors_path import vectors

SUPPORTED = (1, 2, 3, 5, 7)  # 4 and 6 need X448 and Ed448 in HPKE, which pyca has not
ALL = range(1, 8)  # the suites that the files have

Vector = dict[str, Any]


@functools.cache
def published(name: str) -> list[Vector]:
    """A whole file, unsupported suites too."""
    found: list[Vector] = json.loads(vectors("mls", *name.split("/")).read_text())
    return found


def each(per_suite: int) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Parametrises ``suite`` and ``number``: every entry of every supported suite of a file."""
    cases = [
        pytest.param(suite, number, id=f"suite-{suite}-number-{number}")
        for suite in SUPPORTED
        for number in range(per_suite)
    ]
    return pytest.mark.parametrize(("suite", "number"), cases)


def vector(name: str, suite: int, number: int) -> Vector:
    """The entry of that suite with that number among its suite's."""
    return [v for v in published(name) if v["cipher_suite"] == suite][number]


def assert_complete(name: str, per_suite: int) -> None:
    """Fails where the file holds other entries than ``each(per_suite)`` runs through."""
    assert Counter(v["cipher_suite"] for v in published(name)) == dict.fromkeys(ALL, per_suite)


def octets(v: Vector) -> Vector:
    """The same with every hex string as bytes; labels are text."""
    return {
        key: value.encode() if key == "label" else bytes.fromhex(value)
        for key, value in v.items()
        if isinstance(value, str)
    } | {key: value for key, value in v.items() if not isinstance(value, str)}
