"""What the FHIR package is made from: the tables, and what is kept beside them in `fhir_profiles/`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from cds_service.knowledge.load import PROFILES, TABLES, load_shipped
from cds_service.knowledge.table_rows import TableRows
from cds_service.knowledge.tables import Knowledge


@dataclass(frozen=True, slots=True)
class Sources:
    """The tables as rows of any status and as what speaks of them, and the folder of the FHIR content.

    `of_site`: a hospital's changes are laid over them.
    """

    rows: TableRows
    knowledge: Knowledge
    folder: Path
    of_site: bool = False

    @property
    def release(self) -> str:
        """The version of every definition: the release of the tables, a hospital's followed by their hash."""
        return self.knowledge.version.replace("+", "-") if self.of_site else self.rows.release


def read_sources(folder: Path = PROFILES, tables: Path = TABLES, site: Path | None = None) -> Sources:
    """The sources, read anew.

    Args:
        folder: `fhir_profiles/` or a copy.
        tables: folder of the tables.
        site: a hospital's folder, laid over them.

    Raises:
        TableError: a table is wrong; `cds-service check` says the same.
    """
    rows, knowledge = load_shipped(tables=tables, profiles=folder, site=site)
    return Sources(rows, knowledge, folder, of_site=site is not None)


@cache
def shipped_sources() -> Sources:
    """The shipped sources, read once in a process."""
    return read_sources()
