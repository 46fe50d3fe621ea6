"""What the FHIR package is made from: the shipped tables, and what is kept beside them in `fhir_profiles/`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from cds_service.knowledge.load import PROFILES, TABLES, load_shipped
from cds_service.knowledge.table_rows import TableRows
from cds_service.knowledge.tables import Knowledge


@dataclass(frozen=True, slots=True)
class Sources:
    """The shipped tables as rows of any status and as what speaks of them, and the folder of the FHIR content."""

    rows: TableRows
    knowledge: Knowledge
    folder: Path

    @property
    def release(self) -> str:
        """Release of the tables, the version of every definition."""
        return self.rows.release


def read_sources(folder: Path = PROFILES, tables: Path = TABLES) -> Sources:
    """The sources, read anew.

    Args:
        folder: `fhir_profiles/` or a copy.
        tables: folder of the tables.

    Raises:
        TableError: a table is wrong; `cds-service check` says the same.
    """
    rows, knowledge = load_shipped(tables=tables, profiles=folder)
    return Sources(rows, knowledge, folder)


@cache
def shipped_sources() -> Sources:
    """The shipped sources, read once in a process."""
    return read_sources()
