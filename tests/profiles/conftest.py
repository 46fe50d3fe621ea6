"""The shipped definitions, loaded once."""

from __future__ import annotations

import pytest

from cds_service.profiles.definitions import Definitions
from cds_service.profiles.validate import shipped_definitions


@pytest.fixture(scope="session")
def definitions() -> Definitions:
    """FHIR R4 and the product's own package."""
    return shipped_definitions()
