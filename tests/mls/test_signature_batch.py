"""Signatures verified over threads: the answer is that of one thread."""

from dataclasses import replace

import pytest

from coterie.mls import KeyPackage
from coterie.mls.key_package import verify_ahead
from coterie.mls.signature_batch import Signed, first_invalid
from tests.mls.rooms import ONE, new_bundle, refuses

PRIVATE, PUBLIC = ONE.signature.generate()
SIGNED = [
    Signed(PUBLIC, b"label", content, ONE.sign_with_label(PRIVATE, b"label", content))
    for content in map(str.encode, map(str, range(64)))
]
WRONG = bytes(64)


@pytest.mark.parametrize("size", [0, 1, 7, 15, 16, 33, 64])
def test_signatures_that_hold_have_no_first_that_does_not(size: int) -> None:
    assert first_invalid(ONE, SIGNED[:size]) is None


@pytest.mark.parametrize("places", [[0], [63], [17, 18], [40, 3], list(range(64))])
def test_the_first_that_does_not_hold_is_found_whichever_thread_meets_it(places: list[int]) -> None:
    signed = list(SIGNED)
    for place in places:
        signed[place] = replace(signed[place], signature=WRONG)
    assert first_invalid(ONE, signed) == min(places)


def packages() -> list[KeyPackage]:
    return [KeyPackage.from_bytes(new_bundle(ONE, "x").key_package.encode()) for _ in range(12)]


def test_key_package_with_a_wrong_signature_is_refused_after_a_look_ahead() -> None:
    many = packages()
    many[7] = replace(many[7], signature=WRONG)
    verify_ahead(ONE, many)
    for package in (*many[:7], *many[8:]):
        package.validate(ONE)
    with refuses("key-package-signature"):
        many[7].validate(ONE)


def test_key_package_that_was_looked_at_and_then_changed_is_refused() -> None:
    """What was found out about a value is not handed on to one that was made of it."""
    many = packages()
    verify_ahead(ONE, many)
    with refuses("key-package-signature"):
        replace(many[0], extensions=()).validate(ONE)
    leaf = replace(many[0].leaf_node, signature=WRONG)
    with refuses("leaf-signature"):
        replace(many[0], leaf_node=leaf).validate(ONE)


def test_key_package_of_another_suite_is_not_taken_as_verified() -> None:
    package = replace(packages()[0], cipher_suite=3)
    verify_ahead(ONE, [package])
    assert not package._is_verified
