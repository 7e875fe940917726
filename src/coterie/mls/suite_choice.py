"""Which suite a new group takes: RFC 9420 section 11."""

from collections.abc import Sequence

from coterie.errors import LocalProtocolError
from coterie.mls.leaf_node import MLS10, LeafNode
from coterie.mls.suites import CipherSuite


def best_suite(preferred: Sequence[CipherSuite], leaves: Sequence[LeafNode]) -> CipherSuite:
    """The first of ``preferred`` that all these clients list in their capabilities.

    "The creator MUST use the capabilities information in these KeyPackages to verify that the chosen version and
    cipher suite is the best option supported by all members": against a server that hands out key packages of a weak
    suite alone, ask each client's key packages of any suite, and fetch those of the suite found.
    Raises LocalProtocolError where they have none in common.
    """
    listed = [
        set(leaf.capabilities.cipher_suites)
        for leaf in leaves
        if MLS10 in leaf.capabilities.versions
    ]
    if len(listed) == len(leaves):
        for suite in preferred:
            if all(suite.number in numbers for numbers in listed):
                return suite
    raise LocalProtocolError("these clients have no suite in common")
