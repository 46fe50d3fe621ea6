"""The tables in the form that the builders of findings want."""

from __future__ import annotations

import pytest

from cds_service.cards.wording import Wording
from cds_service.knowledge.tables import Knowledge
from tests.cards.builders import Tables


@pytest.fixture(scope="session")
def tables(knowledge: Knowledge) -> Tables:
    """The shipped tables, asked by id."""
    return Tables(knowledge)


@pytest.fixture(scope="session")
def wording(knowledge: Knowledge) -> Wording:
    """The shipped sentences."""
    return Wording(knowledge.wording)
