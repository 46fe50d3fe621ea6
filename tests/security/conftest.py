"""Two registered EHRs, and an application that accepts their tokens."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from cds_service.knowledge.tables import Knowledge
from cds_service.settings import Settings
from cds_service.web.app import create_app
from tests.support.ehr import PUBLIC_URL, Ehr, private_key, register

NORTH = Ehr()
SOUTH = Ehr("https://south.example.org", "key-1", "RS384", private_key("RSA"))
"""The same kid as NORTH: key ids are unique per EHR only."""
NORTH_MAY = """
name = "north"
fhir_servers = ["https://ehr.example.org/fhir"]
tenants = ["ward-1", "ward-2"]
"""
SOUTH_MAY = """
name = "south"
services = ["ir-order-sign"]
"""

StartService = Callable[..., FlaskClient]


@pytest.fixture
def start_service(knowledge: Knowledge, now: datetime, tmp_path: Path) -> StartService:
    """Starts the application for registered clients; each start has its own memory, like a separate process."""
    clients = register(tmp_path, (NORTH, NORTH_MAY), (SOUTH, SOUTH_MAY))

    def start(used_tokens_folder: str = "used", **settings: Any) -> FlaskClient:
        folder = tmp_path / used_tokens_folder
        folder.mkdir(exist_ok=True)
        given = Settings(clients=clients, public_url=PUBLIC_URL, **settings)
        return create_app(given, knowledge, clock=lambda: now, used_tokens_folder=folder).test_client()

    return start


@pytest.fixture
def service(start_service: StartService) -> FlaskClient:
    """The application for registered clients."""
    return start_service()
