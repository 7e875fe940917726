"""Key material, and the key objects that are made of it."""

import gc
import weakref

from coterie.secret import Secret


class Key:
    """What a primitive would load."""

    def __init__(self, value: bytes) -> None:
        self.value = value


class OtherKey(Key):
    """For another primitive."""


def test_key_object_is_made_once() -> None:
    secret = Secret(b"key")
    assert secret.exposed_to(Key) is secret.exposed_to(Key)
    assert secret.exposed_to(Key).value == b"key"


def test_key_object_of_another_primitive_is_another() -> None:
    secret = Secret(b"key")
    assert type(secret.exposed_to(Key)) is Key
    assert type(secret.exposed_to(OtherKey)) is OtherKey


def test_key_object_is_gone_when_its_secret_is() -> None:
    secret = Secret(b"key")
    key = weakref.ref(secret.exposed_to(Key))
    assert key() is not None
    del secret
    gc.collect()
    assert key() is None
