"""What the service logs while the tests run, as it would stand in the log, searched for what must not be there."""

from __future__ import annotations

import logging
import re

from cds_service.web.logs import json_formatter

# A token in whole, and the names and dates of birth that tests put into records, tokens and addresses.
_FORBIDDEN = re.compile(
    r"eyJ[\w-]+\.[\w-]+\.|[Bb]earer ey|birthDate|\b19\d\d-\d\d-\d\d\b"
    r"|Featherstonehaugh|Clementine|Jane|\bRoe\b|Daniel|Ottoline|hunter2|opensesame"
)


class LogScan(logging.Handler):
    """Keeps the lines that hold what must not be there, and counts all of them."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.setFormatter(json_formatter())
        self.lines = 0
        self.leaks: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """One line of the log."""
        line = self.format(record)
        self.lines += 1
        if _FORBIDDEN.search(line):
            self.leaks.append(line)
