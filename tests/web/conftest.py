"""The application under test, with the shipped tables, a frozen clock and numbered ids."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient

from cds_service.knowledge.tables import Knowledge
from cds_service.settings import Settings
from cds_service.web.app import create_app

ORIGIN = "https://ehr.example.org"

MakeApp = Callable[..., Flask]


def numbered_ids() -> Callable[[], str]:
    """A source of UUIDs that are the same in every run."""
    numbers = iter(range(1, 10_000))
    return lambda: str(UUID(int=next(numbers)))


@pytest.fixture
def make_app(knowledge: Knowledge, now: datetime, tmp_path: Path) -> MakeApp:
    """Makes the application with some settings; its store is a SQLite file of the test, and used tokens are shared."""
    used_tokens = tmp_path / "used-tokens"
    used_tokens.mkdir()

    def make(tables: Knowledge = knowledge, **settings: Any) -> Flask:
        stored = {"database_url": f"sqlite:///{tmp_path}/records.db"} | settings
        return create_app(Settings(**stored), tables, lambda: now, numbered_ids(), used_tokens=used_tokens)

    return make


@pytest.fixture
def client(make_app: MakeApp) -> FlaskClient:
    """A client of the application with one allowed origin and otherwise the default settings."""
    return make_app(cors_origins=(ORIGIN,)).test_client()
