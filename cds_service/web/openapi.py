"""The OpenAPI 3.1 document: `openapi.json`, completed with the version and the schemas that calls are checked by."""

from __future__ import annotations

import json
from importlib import metadata
from pathlib import Path
from typing import Any

from cds_service.hooks.catalog import SERVICES
from cds_service.hooks.schema_checks import schema

_DOCUMENT = Path(__file__).parent / "openapi.json"


def openapi_document(public_url: str | None) -> dict[str, Any]:
    """The description of every path of the service.

    Args:
        public_url: where EHRs reach the service; None leaves it to the address that the document came from.
    """
    document: dict[str, Any] = json.loads(_DOCUMENT.read_text("utf-8"))
    document["info"]["version"] = product_version()
    document["servers"] = [{"url": public_url or "/"}]
    document["components"]["parameters"]["serviceId"]["schema"]["enum"] = list(SERVICES)
    schemas = document["components"]["schemas"]
    files = {"HookRequest": "envelope.json", "HookResponse": "response.json", "Feedback": "feedback.json"}
    files |= {f"Context-{service.hook}": f"context/{service.hook}.json" for service in SERVICES.values()}
    for name, file in files.items():
        schemas[name] = _inside(schema(file), f"#/components/schemas/{name}")
    return document


def _inside(part: Any, place: str) -> Any:
    """A schema moved to a place of a larger document: its references follow, its own address is dropped."""
    if isinstance(part, list):
        return [_inside(item, place) for item in part]
    if not isinstance(part, dict):
        return part
    moved = {name: _inside(value, place) for name, value in part.items() if name not in ("$schema", "$id")}
    if "$ref" in moved:
        moved["$ref"] = moved["$ref"].replace("#", place, 1)
    return moved


def product_version() -> str:
    """The installed release, such as `2026.11`; `0` where the package runs without having been installed."""
    try:
        return metadata.version("ir-cds-service")
    except metadata.PackageNotFoundError:
        return "0"
