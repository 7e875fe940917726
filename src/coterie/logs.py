"""Logging: structlog over the standard library, to stderr; and the story that keys tell, without the keys.

Loggable are ids, sizes, counts, epochs, durations and error classes. Never text, names of files, keys, tokens,
passwords or whole frames.
"""

import hashlib
import logging
import os
import secrets
import sys
from functools import cached_property
from typing import TYPE_CHECKING, Any

from coterie import secret
from coterie.secret import Secret

if (
    TYPE_CHECKING
):  # loaded by the first line that is told: most processes tell none, and it takes long
    import structlog

_LOGGER = "coterie"  # of the standard library: its level and handlers are the program's to set
_standard = logging.getLogger(_LOGGER)


class _Facts(dict[str, Any]):
    """What one call logs. Formatters that know nothing of structlog show it as ``event key=value …``."""

    def __str__(self) -> str:
        facts = (f"{key}={value}" for key, value in self.items() if key not in _SHOWN_ANYWAY)
        return " ".join((str(self.get("event", "")), *facts))


_SHOWN_ANYWAY = frozenset({"event", "level", "timestamp", "exception"})  # or by every formatter


def _facts(
    logger: object, method: str, event_dict: "structlog.typing.EventDict"
) -> "structlog.typing.EventDict":
    return _Facts(event_dict)


def _context() -> tuple[Any, ...]:
    import structlog  # noqa: PLC0415

    return (
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    )


class Logger:
    """An event's name first, then the facts. How the program has configured structlog for itself does not matter."""

    def debug(self, event: str, **facts: object) -> None:
        """The story, for who looks."""
        if _standard.isEnabledFor(logging.DEBUG):
            self._structlog.debug(event, **facts)

    def info(self, event: str, **facts: object) -> None:
        """What a person who runs it may want to know."""
        if _standard.isEnabledFor(logging.INFO):
            self._structlog.info(event, **facts)

    def warning(self, event: str, **facts: object) -> None:
        """What should not be."""
        self._structlog.warning(event, **facts)

    def error(self, event: str, **facts: object) -> None:
        """What has gone wrong."""
        self._structlog.error(event, **facts)

    def exception(self, event: str, **facts: object) -> None:
        """A bug, with the traceback of what is being handled."""
        self._structlog.exception(event, **facts)

    @cached_property
    def _structlog(self) -> "structlog.stdlib.BoundLogger":
        import structlog  # noqa: PLC0415

        logger: structlog.stdlib.BoundLogger = structlog.wrap_logger(
            _standard,
            processors=(
                structlog.stdlib.filter_by_level,
                *_context(),
                _facts,
                structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
            ),
            wrapper_class=structlog.stdlib.BoundLogger,
            cache_logger_on_first_use=True,
        )
        return logger


def get_logger() -> Logger:
    """For every module: through the standard library, so that nothing is printed that the program does not want.

    In a program that sets nothing up, such as somebody's bot, only warnings show, on stderr.
    """
    return Logger()


def is_debugging() -> bool:
    """Whether debug lines are wanted: asked first where one would be made for every message."""
    return _standard.isEnabledFor(logging.DEBUG)


def configure(*, debug: bool) -> None:
    """For a program's start: people's lines on a terminal, JSON elsewhere. ``debug`` adds the story of the keys.

    Of other libraries only warnings are told, also with ``debug``: they do not keep our rules.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Formatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger(_LOGGER).setLevel(logging.DEBUG if debug else logging.WARNING)
    secret.observe(KeyFingerprints() if debug else None)


class _Formatter(logging.Formatter):
    """Structlog's, made when there is something to format."""

    def format(self, record: logging.LogRecord) -> str:
        return self._structlog.format(record)

    @cached_property
    def _structlog(self) -> logging.Formatter:
        import structlog  # noqa: PLC0415

        renderer: structlog.typing.Processor = structlog.processors.JSONRenderer()
        if sys.stderr.isatty():
            renderer = structlog.dev.ConsoleRenderer(colors=not os.environ.get("NO_COLOR"))
        return structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_context(),
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )


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
