"""Logging: structlog over the standard library, to stderr; and the story that keys tell, without the keys.

Loggable are ids, sizes, counts, epochs, durations and error classes. Never text, names of files, keys, tokens,
passwords or whole frames.
"""

import hashlib
import logging
import os
import secrets
import sys
from typing import Any

import structlog

from coterie import secret
from coterie.secret import Secret

_LOGGER = "coterie"  # of the standard library: its level and handlers are the program's to set
_standard = logging.getLogger(_LOGGER)


class _Facts(dict[str, Any]):
    """What one call logs. Formatters that know nothing of structlog show it as ``event key=value …``."""

    def __str__(self) -> str:
        facts = (f"{key}={value}" for key, value in self.items() if key not in _SHOWN_ANYWAY)
        return " ".join((str(self.get("event", "")), *facts))


_SHOWN_ANYWAY = frozenset({"event", "level", "timestamp", "exception"})  # or by every formatter


def _facts(
    logger: object, method: str, event_dict: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    return _Facts(event_dict)


_CONTEXT: tuple[Any, ...] = (
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
)
_PROCESSORS: tuple[Any, ...] = (
    structlog.stdlib.filter_by_level,
    *_CONTEXT,
    _facts,
    structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
)


def get_logger() -> structlog.stdlib.BoundLogger:
    """For every module: through the standard library, so that nothing is printed that the program does not want.

    In a program that sets nothing up, such as somebody's bot, only warnings show, on stderr. How the program has
    configured structlog for itself does not matter.
    """
    logger: structlog.stdlib.BoundLogger = structlog.wrap_logger(
        logging.getLogger(_LOGGER),
        processors=_PROCESSORS,
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    return logger


def is_debugging() -> bool:
    """Whether debug lines are wanted: asked first where one would be made for every message."""
    return _standard.isEnabledFor(logging.DEBUG)


def configure(*, debug: bool) -> None:
    """For a program's start: people's lines on a terminal, JSON elsewhere. ``debug`` adds the story of the keys.

    Of other libraries only warnings are told, also with ``debug``: they do not keep our rules.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_CONTEXT,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _renderer()],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger(_LOGGER).setLevel(logging.DEBUG if debug else logging.WARNING)
    secret.observe(KeyFingerprints() if debug else None)


def _renderer() -> structlog.typing.Processor:
    if not sys.stderr.isatty():
        return structlog.processors.JSONRenderer()
    return structlog.dev.ConsoleRenderer(colors=not os.environ.get("NO_COLOR"))


class KeyFingerprints:
    """Logs each derived key's name, size and fingerprint: 8 hex digits of SHA-256 under a salt of this process.

    Two sides of one program can be compared line by line; nothing can be guessed from it, since the salt is lost
    with the process.
    """

    def __init__(self) -> None:
        self._salt = secrets.token_bytes(32)
        self._log = get_logger()

    def __call__(self, name: str, value: Secret) -> None:
        """``secret.Observer``."""
        digest = hashlib.sha256(self._salt + value.expose()).hexdigest()
        self._log.debug("key-derived", name=name, size=len(value), fingerprint=digest[:8])


def short(identifier: bytes) -> str:
    """The beginning of an id, for logs."""
    return identifier.hex()[:8]
