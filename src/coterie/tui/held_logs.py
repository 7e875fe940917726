"""Log lines wait while the screen is up, since they would be written across it."""

import logging
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

MOST = 1_000  # lines kept: the latest


class _Held(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.records: deque[logging.LogRecord] = deque(maxlen=MOST)

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@contextmanager
def held_logs() -> Iterator[None]:
    """What is logged inside is told afterwards."""
    root, held = logging.getLogger(), _Held()
    handlers, root.handlers[:] = root.handlers[:], [held]
    try:
        yield
    finally:
        root.handlers[:] = handlers
        for record in held.records:
            for handler in handlers:
                handler.handle(record)
