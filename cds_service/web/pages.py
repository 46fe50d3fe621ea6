"""HTML pages: a start page with how to call the service, and the two tables with their sources."""

from __future__ import annotations

import json
import shlex
from itertools import groupby
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, render_template, request

from cds_service.hooks.catalog import SERVICES
from cds_service.kinds import CLINICAL
from cds_service.knowledge.review import ORIGINS, ReviewLine, change_lines, contraindication_lines, procedure_lines
from cds_service.knowledge.tables import Knowledge
from cds_service.settings import Settings
from cds_service.web.openapi import product_version

_STYLE = (Path(__file__).parent / "pages.css").read_bytes()


def page_routes(settings: Settings, knowledge: Knowledge) -> Blueprint:
    """`GET /`, `GET /knowledge` and their style sheet; no scripts."""
    routes = Blueprint("pages", __name__)

    @routes.get("/")
    def start() -> str:
        base = settings.public_url or request.url_root.rstrip("/")
        return render_template(
            "start.html",
            base=base,
            closed=settings.clients is not None,
            services=SERVICES.values(),
            call=_example_call(base, knowledge),
            knowledge=knowledge,
            version=product_version(),
        )

    @routes.get("/knowledge")
    def tables() -> str:
        return render_template(
            "knowledge.html",
            knowledge=knowledge,
            origins=_grouped(procedure_lines(knowledge), "origin", "region", "procedure"),
            headings=ORIGINS,
            rows=_grouped(contraindication_lines(knowledge), "row"),
            labels={row.id: row.label for row in knowledge.contraindications},
            changes=change_lines(knowledge),
        )

    @routes.get("/pages.css")
    def style() -> Response:
        return Response(_STYLE, mimetype="text/css")

    return routes


def _grouped(lines: list[ReviewLine], column: str, *inner: str) -> list[tuple[str, Any]]:
    """Consecutive lines with the same value in `column`, grouped by it; nested by the `inner` columns."""
    groups = [(value, list(group)) for value, group in groupby(lines, key=lambda line: line[column])]
    return [(value, _grouped(group, *inner) if inner else group) for value, group in groups]


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
