"""Checks for every response: our response schema, and no null or empty members."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cds_service.hooks.schema_checks import load_schema
from cds_service.json_schema import JsonSchema

_RESPONSE = JsonSchema(load_schema("response.json"))


def find_empty(value: Any, path: str = "") -> Iterator[str]:
    """Pointers to null, empty strings, arrays and objects; top-level `cards` or `services` may be empty.

    Source: CDS Hooks 2.0.1, Null and empty JSON elements.
    """
    if value in (None, "", [], {}) and path not in ("/cards", "/services"):
        yield path or "/"
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, child in children:
        yield from find_empty(child, f"{path}/{name}")


def response_problems(answer: Any) -> list[str]:
    """Everything that is wrong with a response body; empty if it is valid."""
    broken = [f"/{'/'.join(map(str, error.absolute_path))}: {error.message}" for error in _RESPONSE.errors(answer)]
    return broken + [f"{path} is empty" for path in find_empty(answer)]
