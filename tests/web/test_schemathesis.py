"""Calls generated from the OpenAPI document: the service answers as described and never fails."""

from __future__ import annotations

import tempfile

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from cds_service.hooks.catalog import SERVICES
from cds_service.settings import Settings
from cds_service.web.app import create_app
from tests.support.calls import CONTEXTS, NOTHING_RECORDED
from tests.support.reading import NOW
from tests.support.shipped import shipped_knowledge

pytestmark = pytest.mark.slow

FOLDER = tempfile.TemporaryDirectory()
"""Folder of the store, deleted after the test run."""
SETTINGS = Settings(rate_limit=None, database_url=f"sqlite:///{FOLDER.name}/records.db")
APP = create_app(SETTINGS, shipped_knowledge(), clock=lambda: NOW)
SCHEMA = schemathesis.openapi.from_wsgi("/openapi.json", APP)
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
LOOSE = settings(max_examples=settings.default.max_examples // 2, suppress_health_check=list(HealthCheck))


@SCHEMA.parametrize()
@LOOSE
def test_no_call_makes_the_service_fail(case: schemathesis.Case) -> None:
    """Valid and invalid generated calls are answered as documented, and none with a server error."""
    case.call_and_validate(checks=CHECKS)


@SCHEMA.include(method="POST", path="/cds-services/{service_id}").parametrize()
@LOOSE
def test_no_call_of_the_right_hook_makes_the_service_fail(case: schemathesis.Case) -> None:
    """The same with valid hook and context, so that the calls reach later stages."""
    service = SERVICES.get(str(case.path_parameters.get("service_id")))
    if service and isinstance(case.body, dict):
        made_up = case.body.get("prefetch")
        prefetch = NOTHING_RECORDED | (made_up if isinstance(made_up, dict) else {})
        case.body |= {"hook": service.hook, "context": CONTEXTS[service.id], "prefetch": prefetch, "hookInstance": "1"}
        # Generated values would make most calls fail at once.
        for name in ("fhirServer", "fhirAuthorization"):
            case.body.pop(name, None)
    response = case.call()
    case.validate_response(response, checks=CHECKS)
    if response.status_code >= 400:
        assert response.json()["resourceType"] == "OperationOutcome"
