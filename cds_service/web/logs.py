"""How the service logs: one JSON object per line on standard error, in plain words where a person is looking.

Modules log with the standard library, and put what they have to say of a call in `extra`. Of an exception only the
lines of code are logged and never its message, which may quote a record.
"""

from __future__ import annotations

import logging
import select
import sys
import traceback
from collections.abc import Iterator
from typing import TextIO

import structlog
from gunicorn.glogging import Logger

# At lower levels they log the URLs of requests, and those name patients.
_TALKATIVE = ("urllib3", "requests", "werkzeug")


def configure_logs(level: str, stream: TextIO | None = None) -> None:
    """Sets up logging for the whole process.

    Args:
        level: least severity that is logged, such as `INFO`.
        stream: where to; None for standard error.
    """
    handler = _NonBlockingHandler(stream or sys.stderr)
    handler.setFormatter(_formatter(structlog.dev.ConsoleRenderer()) if handler.stream.isatty() else json_lines())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    logging.getLogger("alembic").setLevel(logging.WARNING)


class _NonBlockingHandler(logging.StreamHandler[TextIO]):
    """Writes a line only where nobody has to wait for it: a reader that has stopped must not stop the service.

    What could not be written is counted, and the count is written with the next line that can.
    """

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._lost = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Called by logging, with the handler's lock held."""
        if not _takes_a_line(self.stream):
            self._lost += 1
            return
        if self._lost:
            record.lines_lost = self._lost
            self._lost = 0
        super().emit(record)


def _takes_a_line(stream: TextIO) -> bool:
    """Whether a line can be written at once. A pipe that is ready takes 4096 bytes (POSIX, PIPE_BUF)."""
    try:
        return bool(select.select([], [stream], [], 0)[1])
    except (OSError, ValueError):
        return True  # no file of the system, such as a text in memory


def json_lines() -> logging.Formatter:
    """Gives each record as one JSON object: `event`, `level`, `logger`, `timestamp` (UTC) and what `extra` holds."""
    return _formatter(structlog.processors.JSONRenderer())


def _formatter(renderer: structlog.typing.Processor) -> logging.Formatter:
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.stdlib.ExtraAdder(),
        ],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            _code_without_message,
            renderer,
        ],
    )


def frames_of(error: BaseException | None) -> Iterator[str]:
    """The traceback of an error and its causes, without their messages."""
    while error is not None:
        for frame in traceback.extract_tb(error.__traceback__):
            yield f"{frame.filename}:{frame.lineno} {frame.name}"
        yield f"{type(error).__module__}.{type(error).__qualname__}"
        error = error.__cause__ or error.__context__


class ServerLogger(Logger):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's own messages, through the same handler as all others."""

    def setup(self, cfg: object) -> None:
        """Leaves formats and handlers to `configure_logs`; called by gunicorn, at each reload again."""
        self.cfg = cfg
        self._access_log_enabled = False
        self.error_log.propagate = True
        self.error_log.setLevel(logging.WARNING)


def _code_without_message(
    _logger: object, _method: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    info = event.pop("exc_info", None)
    if isinstance(info, tuple) and info[1] is not None:
        event["frames"] = list(frames_of(info[1]))
    return event
