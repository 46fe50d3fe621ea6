"""The application under test, with the shipped tables, a frozen clock and numbered ids."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
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


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    """A test that starts the server in this process leaves the log of the others alone."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def make_app(knowledge: Knowledge, now: datetime, tmp_path: Path) -> MakeApp:
    """Makes the application with some settings; all that a test makes remember used tokens together."""
    used_tokens = tmp_path / "used-tokens"
    used_tokens.mkdir()

    def make(tables: Knowledge = knowledge, **settings: Any) -> Flask:
        return create_app(Settings(**settings), tables, lambda: now, numbered_ids(), used_tokens)

    return make


@pytest.fixture
def client(make_app: MakeApp) -> FlaskClient:
    """A client of the application with one allowed origin and otherwise the default settings."""
    return make_app(cors_origins=(ORIGIN,)).test_client()
