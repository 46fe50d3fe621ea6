"""Searches the log lines of all tests for content that must not be logged."""

from __future__ import annotations

import logging
import re

from cds_service.web.logs import json_formatter

# Complete tokens, and the names and dates of birth that tests put into records, tokens and URLs.
_FORBIDDEN = re.compile(
    r"eyJ[\w-]+\.[\w-]+\.|[Bb]earer ey|birthDate|\b19\d\d-\d\d-\d\d\b"
    r"|Featherstonehaugh|Clementine|Jane|\bRoe\b|Daniel|Ottoline|hunter2|opensesame"
)


class LogScan(logging.Handler):
    """Keeps the lines with forbidden content, and counts all lines."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.setFormatter(json_formatter())
        self.lines = 0
        self.leaks: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Check one log record."""
        line = self.format(record)
        self.lines += 1
        if _FORBIDDEN.search(line):
            self.leaks.append(line)
