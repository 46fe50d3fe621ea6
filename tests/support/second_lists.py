"""Lists beside the tables: a line that is lost or says something else is a mistake; what is new needs no line yet."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path

Line = Mapping[str, str]


def read_list(path: Path) -> list[dict[str, str]]:
    """The lines of a list."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def deviating(listed: Iterable[Line], said: Iterable[Line], key: str) -> list[str]:
    """Keys of the lines that the tables no longer say, or say otherwise."""
    by_key = {line[key]: line for line in said}
    return [line[key] for line in listed if by_key.get(line[key]) != line]
