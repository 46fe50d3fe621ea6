"""The shipped tables, loaded once for all the tests of a process."""

from __future__ import annotations

from functools import cache

from cds_service.knowledge.load import load_knowledge
from cds_service.knowledge.tables import Knowledge


@cache
def shipped_knowledge() -> Knowledge:
    """The shipped tables; nothing in them can be changed, so tests may share them."""
    return load_knowledge()
