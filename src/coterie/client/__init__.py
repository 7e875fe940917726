"""What a person's own machine does: connection, logs, store, and the SDK, ``Client``."""

from typing import TYPE_CHECKING, Any

__all__ = ["Client"]

if TYPE_CHECKING:
    from coterie.client.sdk import Client


def __getattr__(name: str) -> Any:  # so that a part of it does not load all of it
    if name == "Client":
        from coterie.client.sdk import Client  # noqa: PLC0415

        return Client
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
