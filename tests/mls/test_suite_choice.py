"""Which suite a new group takes."""

import pytest

from coterie.errors import LocalProtocolError
from coterie.mls import DEFAULT_SUITE, SUITES, Capabilities, LeafNode, best_suite
from tests.mls.rooms import ONE, new_bundle, new_leaf

PREFERRED = [SUITES[DEFAULT_SUITE], SUITES[5], ONE]


def client(*suites: int, version: int = 1) -> LeafNode:
    capabilities = Capabilities((version,), suites, credentials=(1,))
    return new_bundle(
        ONE, new_leaf(ONE, "a client", capabilities=capabilities)
    ).key_package.leaf_node


def test_the_best_that_all_have_is_taken() -> None:
    able = client(1, 5, DEFAULT_SUITE)
    assert best_suite(PREFERRED, []) is PREFERRED[0]
    assert best_suite(PREFERRED, [able, able]) is PREFERRED[0]
    assert best_suite(PREFERRED, [able, client(1, 5)]) is SUITES[5]
    assert best_suite(PREFERRED, [client(1), able, client(0x0A0A, 1)]) is ONE


def test_clients_with_nothing_in_common_make_no_group() -> None:
    for other in (client(2), client(5), client(1, version=2)):
        with pytest.raises(LocalProtocolError, match="in common"):
            best_suite(PREFERRED, [client(1), other])
