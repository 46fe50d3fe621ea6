"""The OpenAPI 3.1 document: `openapi.json`, completed with the version and the schemas that validate calls."""

from __future__ import annotations

import json
from importlib import metadata
from pathlib import Path
from typing import Any

from cds_service.hooks.catalog import SERVICES
from cds_service.hooks.schema_checks import load_schema

_DOCUMENT = Path(__file__).parent / "openapi.json"


def openapi_document(public_url: str | None) -> dict[str, Any]:
    """The OpenAPI document.

    Args:
        public_url: where EHRs reach the service; None for the URL the document is read from.
    """
    document: dict[str, Any] = json.loads(_DOCUMENT.read_text("utf-8"))
    document["info"]["version"] = product_version()
    document["servers"] = [{"url": public_url or "/"}]
    document["components"]["parameters"]["serviceId"]["schema"]["enum"] = list(SERVICES)
    schemas = document["components"]["schemas"]
    files = {"HookRequest": "envelope.json", "HookResponse": "response.json", "Feedback": "feedback.json"}
    files |= {f"Context-{service.hook}": f"context/{service.hook}.json" for service in SERVICES.values()}
    for name, file in files.items():
        schemas[name] = _relocate(load_schema(file), f"#/components/schemas/{name}")
    return document


def _relocate(part: Any, place: str) -> Any:
    """A schema embedded at `place` of a larger document: references are adjusted, `$schema` and `$id` dropped."""
    if isinstance(part, list):
        return [_relocate(item, place) for item in part]
    if not isinstance(part, dict):
        return part
    moved = {name: _relocate(value, place) for name, value in part.items() if name not in ("$schema", "$id")}
    if "$ref" in moved:
        moved["$ref"] = moved["$ref"].replace("#", place, 1)
    return moved


def product_version() -> str:
    """The installed release, such as `2026.11`; `0` if the package is not installed."""
    try:
        return metadata.version("ir-cds-service")
    except metadata.PackageNotFoundError:
        return "0"
