"""How long to wait before what failed is tried again: later and later, so that nothing becomes a hot loop."""


class Patience:
    """Delays in a row: the first is ``first_s``, each next one twice as long, up to ``most_s``."""

    def __init__(self, first_s: float, most_s: float) -> None:
        self._first_s, self._most_s = first_s, most_s
        self._delay_s = first_s

    def next_s(self) -> float:
        """After one more failure."""
        delay_s, self._delay_s = self._delay_s, min(self._most_s, self._delay_s * 2)
        return delay_s

    def reset(self) -> None:
        """It went well."""
        self._delay_s = self._first_s
