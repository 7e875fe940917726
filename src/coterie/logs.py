"""Logging: structlog over the standard library, to stderr; and the story that keys tell, without the keys.

Loggable are ids, sizes, counts, epochs, durations and error classes. Never text, names of files, keys, tokens,
passwords or whole frames.
"""

import hashlib
import logging
import secrets
import sys

import structlog

from coterie import secret
from coterie.secret import Secret


def configure(*, debug: bool) -> None:
    """For a program's start: people's lines on a terminal, JSON elsewhere. ``debug`` adds the story of the keys."""
    level = logging.DEBUG if debug else logging.WARNING
    handler = logging.StreamHandler(sys.stderr)
    is_terminal = sys.stderr.isatty()
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer() if is_terminal else structlog.processors.JSONRenderer()
    )
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer]
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    logging.getLogger("asyncio").setLevel(logging.WARNING)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    if debug:
        secret.observe(KeyFingerprints())


class KeyFingerprints:
    """Logs each derived key's name, size and fingerprint: 8 hex digits of SHA-256 under a salt of this process.

    Two sides of one program can be compared line by line; nothing can be guessed from it, since the salt is lost
    with the process.
    """

    def __init__(self) -> None:
        self._salt = secrets.token_bytes(32)
        self._log = structlog.get_logger()

    def __call__(self, name: str, value: Secret) -> None:
        """``secret.Observer``."""
        digest = hashlib.sha256(self._salt + value.expose()).hexdigest()
        self._log.debug("key-derived", name=name, size=len(value), fingerprint=digest[:8])


def short(identifier: bytes) -> str:
    """The beginning of an id, for logs."""
    return identifier.hex()[:8]
