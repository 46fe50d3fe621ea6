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
from cds_service.profiles.background import BackgroundValidator
from cds_service.settings import Settings
from cds_service.web.app import create_app
from cds_service.web.metrics import Metrics

ORIGIN = "https://ehr.example.org"

MakeApp = Callable[..., Flask]


def numbered_ids() -> Callable[[], str]:
    """A source of UUIDs, the same in every run."""
    numbers = iter(range(1, 10_000))
    return lambda: str(UUID(int=next(numbers)))


@pytest.fixture
def make_app(knowledge: Knowledge, now: datetime, tmp_path: Path) -> MakeApp:
    """Creates the application with some settings, a SQLite store of the test, and shared used tokens."""
    used_tokens_folder = tmp_path / "used-tokens"
    used_tokens_folder.mkdir()

    def make(
        tables: Knowledge = knowledge,
        *,
        metrics: Metrics | None = None,
        validator: BackgroundValidator | None = None,
        **settings: Any,
    ) -> Flask:
        stored = {"database_url": f"sqlite:///{tmp_path}/records.db"} | settings
        return create_app(
            Settings(**stored),
            tables,
            lambda: now,
            numbered_ids(),
            metrics=metrics,
            validator=validator,
            used_tokens_folder=used_tokens_folder,
        )

    return make


@pytest.fixture
def client(make_app: MakeApp) -> FlaskClient:
    """A client of the application with one allowed origin and otherwise the default settings."""
    return make_app(cors_origins=(ORIGIN,)).test_client()
