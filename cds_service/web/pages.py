"""HTML pages: how to connect an EHR, the way to the other pages, and their style sheet."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

from flask import Blueprint, Response, render_template, request

from cds_service.hooks.catalog import SERVICES
from cds_service.kinds import CLINICAL
from cds_service.knowledge.tables import Knowledge
from cds_service.settings import Settings
from cds_service.web.access import can_try
from cds_service.web.openapi import product_version

_STYLE = (Path(__file__).parent / "pages.css").read_bytes()


def page_routes(settings: Settings, knowledge: Knowledge) -> Blueprint:
    """`GET /`, `GET /connect` and the style sheet of all pages; no scripts."""
    routes = Blueprint("pages", __name__)

    @routes.get("/")
    def first() -> Response:
        """Newcomers try an order; where they can't, they read how to connect."""
        return Response(status=303, headers={"Location": "try" if can_try(settings) else "connect"})

    @routes.get("/connect")
    def connect() -> str:
        base = settings.public_url or request.url_root.rstrip("/")
        return render_template(
            "connect.html",
            base=base,
            closed=settings.clients is not None,
            services=SERVICES.values(),
            call=_example_call(base, knowledge),
            knowledge=knowledge,
            version=product_version(),
        )

    @routes.get("/pages.css")
    def style() -> Response:
        return Response(_STYLE, mimetype="text/css")

    return routes


def _example_call(base: str, knowledge: Knowledge) -> str:
    """A curl command that signs an order for a patient with an empty record."""
    procedure = next(procedure for procedure in knowledge.procedures.values() if procedure.offered)
    order = {
        "resourceType": "ServiceRequest",
        "id": "draft-1",
        "status": "draft",
        "intent": "order",
        "subject": {"reference": "Patient/example"},
        "code": {"text": max(procedure.synonyms, key=len)},
    }
    body = {
        "hook": "order-sign",
        "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
        "context": {
            "userId": "Practitioner/example",
            "patientId": "example",
            "draftOrders": {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": order}]},
        },
        "prefetch": {
            "patient": {"resourceType": "Patient", "id": "example"},
            **dict.fromkeys(kind.key for kind in CLINICAL),
        },
    }
    return (
        f"curl {shlex.quote(f'{base}/cds-services/ir-order-sign')} \\\n"
        "  --header 'Content-Type: application/json' \\\n"
        f"  --data {shlex.quote(json.dumps(body, indent=1))}"
    )
