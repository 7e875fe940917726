"""Key material that cannot print, compare or pickle by accident, and a way to watch derivations."""

import hmac
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

T = TypeVar("T")


class Secret:
    """Secret bytes. ``expose()`` is the one way out, so ``grep expose`` lists every use."""

    __slots__ = ("_loaded", "_value")

    def __init__(self, value: bytes) -> None:
        self._value = bytes(value)
        self._loaded: tuple[Callable[[bytes], Any], Any] | None = None

    def expose(self) -> bytes:
        """The bytes themselves: for a primitive or an encrypted store, never for a log or an error."""
        return self._value

    def exposed_to(self, load: Callable[[bytes], T]) -> T:
        """The key object that ``load`` makes of the bytes: made once, and gone when this is."""
        if self._loaded is None or self._loaded[0] != load:
            self._loaded = load, load(self._value)
        return self._loaded[1]

    def __len__(self) -> int:
        return len(self._value)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._value, other._value)

    __hash__ = None  # type: ignore[assignment]  # a hash would be a key in somebody's table

    def __repr__(self) -> str:
        return f"<Secret of {len(self._value)} bytes>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret does not pickle")

    def __copy__(self) -> "Secret":
        return self

    def __deepcopy__(self, memo: object) -> "Secret":
        return self


Observer = Callable[[str, Secret], None]
_observer: Observer | None = None


def observe(observer: Observer | None) -> None:
    """Calls ``observer`` with the name and value of each key derived from now on; None ends it.

    The cores do not log. The debug log is an observer; the key log is none, since it must know whose keys they are:
    ``noise.channel.Channel.log_keys``.
    """
    global _observer  # noqa: PLW0603
    _observer = observer


def derived(name: str, value: Secret) -> Secret:
    """``value``, after the observer has seen it under ``name`` ("noise.handshake.k", "mls.exporter")."""
    if _observer is not None:
        _observer(name, value)
    return value
