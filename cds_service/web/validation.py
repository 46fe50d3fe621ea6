"""`POST /validate`: one resource in, an OperationOutcome out, for a playground; and what calls brought, counted.

Off unless CDS_VALIDATE_ENDPOINT is on: validating costs more than a call, and nobody needs it to be served.
"""

from __future__ import annotations

from collections.abc import Sequence

import orjson
from flask import Blueprint, Response, request

from cds_service.hooks.request import HookRequest
from cds_service.profiles.background import VALIDATOR
from cds_service.profiles.issues import operation_outcome
from cds_service.profiles.validate import shipped_definitions, validate_json
from cds_service.settings import Settings
from cds_service.web.bodies import json_body
from cds_service.web.problems import problem
from cds_service.web.records import client_name

# Members of the context that hold FHIR resources.
_CLINICAL_CONTEXT = ("draftOrders", "appointments")


def validation_routes(settings: Settings) -> Blueprint:
    """`POST /validate?profile=URL`."""
    routes = Blueprint("validation", __name__)

    @routes.post("/validate")
    def check() -> Response:
        if not settings.validate_endpoint:
            return problem(404, "Validation is not offered here; the setting CDS_VALIDATE_ENDPOINT turns it on.")
        profiles = request.args.getlist("profile")
        unknown = [url for url in profiles if shipped_definitions().tree(url) is None]
        if unknown:
            return problem(422, f"The profile {unknown[0]} is not at hand.", issue_type="not-found")
        issues = validate_json(json_body(settings.max_body), profiles)
        return Response(orjson.dumps(operation_outcome(issues)), mimetype="application/fhir+json")

    return routes


def validate_in_background(hook_request: HookRequest, fetched: Sequence[bytes]) -> None:
    """Leaves the data of a call to the background: its prefetch, the orders in its context, and what was fetched."""
    orders = [hook_request.context[name] for name in _CLINICAL_CONTEXT if name in hook_request.context]
    VALIDATOR.submit(client_name(), [*hook_request.prefetch.values(), *orders, *fetched])
