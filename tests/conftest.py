"""Shared fixtures: the shipped tables, and a frozen clock in a zone that is not UTC."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from cds_service.knowledge.load import load_knowledge
from cds_service.knowledge.tables import Knowledge


@pytest.fixture(scope="session")
def knowledge() -> Knowledge:
    """The shipped tables, loaded once."""
    return load_knowledge()


@pytest.fixture(scope="session")
def now() -> datetime:
    """The time of every test call; 03:00 in Shanghai is still the day before in UTC."""
    return datetime(2026, 11, 24, 3, 0, tzinfo=ZoneInfo("Asia/Shanghai"))
