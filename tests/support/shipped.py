"""The shipped tables, and the package that is made of them, once for all the tests of a process."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from cds_service.cases import SHIPPED_CASES, Case, read_cases
from cds_service.knowledge.table_rows import TableRows
from cds_service.knowledge.tables import Knowledge
from cds_service.publishing.archive import archive
from cds_service.publishing.package import make_files
from cds_service.publishing.sources import shipped_sources


def shipped_knowledge() -> Knowledge:
    """What of the shipped tables speaks; nothing in it can be changed, so tests may share it."""
    return shipped_sources().knowledge


def shipped_rows() -> TableRows:
    """The shipped tables as rows of any status; who changes one takes a copy of it."""
    return shipped_sources().rows


@cache
def shipped_cases() -> tuple[Case, ...]:
    """The clinical cases."""
    return tuple(read_cases(SHIPPED_CASES))


@cache
def shipped_files() -> Mapping[str, str]:
    """The text of every file of the package, by its path in it."""
    return MappingProxyType(make_files(shipped_sources()))


@cache
def shipped_archive() -> bytes:
    """The package as one file."""
    return archive(shipped_sources())
