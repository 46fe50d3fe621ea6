"""Logging: one JSON object per line on standard error, or plain text on a terminal.

Modules use the standard library and pass structured fields as `extra`. For an exception only the stack frames are
logged, never its message, which may quote a record.
"""

from __future__ import annotations

import logging
import select
import sys
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, TextIO

from gunicorn.glogging import Logger
from pythonjsonlogger.orjson import OrjsonFormatter

# At lower levels they log request URLs, which contain patient ids.
_VERBOSE_LOGGERS = ("urllib3", "requests", "werkzeug")


def configure_logs(level: str, stream: TextIO | None = None) -> None:
    """Set up logging for the whole process.

    Args:
        level: lowest level that is logged, such as `INFO`.
        stream: where to write; None for standard error.
    """
    handler = _NonBlockingHandler(stream or sys.stderr)
    plain = _PlainLines(["message"], rename_fields={"message": "event"})
    handler.setFormatter(plain if handler.stream.isatty() else json_formatter())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name in _VERBOSE_LOGGERS:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    logging.getLogger("alembic").setLevel(logging.WARNING)


class _NonBlockingHandler(logging.StreamHandler[TextIO]):
    """Drops a line rather than blocking: a log reader that has stopped must not stop the service.

    Dropped lines are counted, and the count is logged with the next line that can be written.
    """

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._lines_lost = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Write or drop one record; logging calls this with the handler's lock held."""
        if not _is_writable(self.stream):
            self._lines_lost += 1
            return
        if self._lines_lost:
            record.lines_lost = self._lines_lost
            self._lines_lost = 0
        super().emit(record)


def _is_writable(stream: TextIO) -> bool:
    """Whether a line can be written without blocking. A ready pipe accepts 4096 bytes (POSIX, PIPE_BUF)."""
    try:
        return bool(select.select([], [stream], [], 0)[1])
    except (OSError, ValueError):
        return True  # not a file descriptor, such as a StringIO


def json_formatter() -> logging.Formatter:
    """Formats each record as one JSON object: `event`, `level`, `logger`, `timestamp` (UTC) and the `extra` fields."""
    return _JsonLines(["message"], rename_fields={"message": "event"})


class _JsonLines(OrjsonFormatter):
    def add_fields(self, log_data: dict[str, Any], record: logging.LogRecord, message_dict: dict[str, Any]) -> None:
        """The fields of one line; of an exception only its stack frames, as its message may quote a record."""
        super().add_fields(log_data, record, {})
        log_data["level"] = record.levelname.lower()
        log_data["logger"] = record.name
        log_data["timestamp"] = datetime.fromtimestamp(record.created, UTC).isoformat().replace("+00:00", "Z")
        if record.exc_info and record.exc_info[1] is not None:
            log_data["frames"] = list(traceback_frames(record.exc_info[1]))


class _PlainLines(_JsonLines):
    def jsonify_log_record(self, log_data: dict[str, Any]) -> str:
        """The same fields in one line for people."""
        time, level, event = (log_data.pop(name) for name in ("timestamp", "level", "event"))
        return f"{time} [{level}] {event} {' '.join(f'{name}={value}' for name, value in log_data.items())}"


def traceback_frames(error: BaseException | None) -> Iterator[str]:
    """The stack frames of an error and its causes, without their messages."""
    while error is not None:
        for frame in traceback.extract_tb(error.__traceback__):
            yield f"{frame.filename}:{frame.lineno} {frame.name}"
        yield f"{type(error).__module__}.{type(error).__qualname__}"
        error = error.__cause__ or error.__context__


class GunicornLogger(Logger):  # type: ignore[misc]  # gunicorn has no types
    """Sends gunicorn's own messages through the same handler as all others."""

    def setup(self, cfg: object) -> None:
        """Leave formats and handlers to `configure_logs`; gunicorn calls this at start and at each reload."""
        self.cfg = cfg
        self._access_log_enabled = False
        self.error_log.propagate = True
        self.error_log.setLevel(logging.WARNING)
