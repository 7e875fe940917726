"""How far a long piece of work has come, for who waits for it."""

from collections.abc import Callable

Progress = Callable[[str, int, int], object]  # what is being done, how much of it, of how much


def unwatched(work: str, done: int, total: int) -> None:
    """Nobody waits."""
