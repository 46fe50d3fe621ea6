"""`POST /validate`: one resource in, an OperationOutcome out; and background validation of the data of calls.

The endpoint is for a playground and off unless CDS_VALIDATE_ENDPOINT is on: validating costs more than a call.
"""

from __future__ import annotations

from collections.abc import Sequence

import orjson
from flask import Blueprint, Response, request

from cds_service.hooks.request import HookRequest
from cds_service.profiles.background import BackgroundValidator
from cds_service.profiles.issues import operation_outcome
from cds_service.settings import Settings
from cds_service.web.bodies import json_body
from cds_service.web.calling_client import client_name
from cds_service.web.error_responses import error_response

# Context members that hold FHIR resources.
_RESOURCE_MEMBERS = ("draftOrders", "appointments")


def validation_routes(settings: Settings) -> Blueprint:
    """`POST /validate?profile=URL`."""
    routes = Blueprint("validation", __name__)

    @routes.post("/validate")
    def validate() -> Response:
        if not settings.validate_endpoint:
            return error_response(404, "Validation is off; the setting CDS_VALIDATE_ENDPOINT turns it on.")
        # Imported here: a service that does not validate is 15 MB smaller and starts sooner without it.
        from cds_service.profiles.validate import shipped_definitions, validate_json

        profiles = request.args.getlist("profile")
        unknown = [url for url in profiles if shipped_definitions().tree(url) is None]
        if unknown:
            return error_response(422, f"The profile {unknown[0]} is not available.", issue_type="not-found")
        issues = validate_json(json_body(settings.max_body), profiles)
        return Response(orjson.dumps(operation_outcome(issues)), mimetype="application/fhir+json")

    return routes


def submit_for_validation(validator: BackgroundValidator, hook_request: HookRequest, fetched: Sequence[bytes]) -> None:
    """Submit the data of a call: its prefetch, the resources in its context and the `fetched` resources."""
    resources = [hook_request.context[name] for name in _RESOURCE_MEMBERS if name in hook_request.context]
    validator.submit(client_name(), [*hook_request.prefetch.values(), *resources, *fetched])
