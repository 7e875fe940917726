"""Coterie: group chat that its own server cannot read."""

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = ["Client", "__version__"]

if TYPE_CHECKING:
    from coterie.client import Client


def __getattr__(name: str) -> Any:  # loaded when asked for, so that `coterie --version` stays quick
    if name == "Client":
        from coterie.client import Client  # noqa: PLC0415

        return Client
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
