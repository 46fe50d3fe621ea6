"""JSON Schema validation of the protocol, with messages for the caller.

A message reads `/context/patientId is missing: send <description>`, with the description from the schema. No message
quotes a value of the body.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cds_service.errors import RequestError
from cds_service.hooks.catalog import SERVICES
from cds_service.json_schema import JsonSchema

if TYPE_CHECKING:
    from jsonschema import ValidationError

SCHEMAS = Path(__file__).parent / "schemas"

_TYPE_NAMES = {dict: "an object", list: "an array", str: "text", bool: "true or false", type(None): "null"}


def load_schema(name: str) -> dict[str, Any]:
    """A file of `schemas/`, such as `response.json`."""
    document: dict[str, Any] = json.loads((SCHEMAS / name).read_text("utf-8"))
    return document


_ENVELOPE = JsonSchema(load_schema("envelope.json"))
_FEEDBACK = JsonSchema(load_schema("feedback.json"))
_CONTEXTS = {service.hook: JsonSchema(load_schema(f"context/{service.hook}.json")) for service in SERVICES.values()}


def check_envelope(envelope: Mapping[str, Any]) -> None:
    """Validate a request, with FHIR objects as {}, against `envelope.json`.

    Raises:
        RequestError: every problem with its JSON pointer and what to send.
    """
    _check(_ENVELOPE, envelope, "")


def check_context(hook: str, context: Mapping[str, Any]) -> None:
    """Validate the context of a hook, with FHIR objects as {}, against `context/<hook>.json`.

    Raises:
        RequestError: every problem with its JSON pointer and what to send.
    """
    _check(_CONTEXTS[hook], context, "/context")


def check_feedback(body: Mapping[str, Any]) -> None:
    """Validate a batch of feedback against `feedback.json`.

    Raises:
        RequestError: every problem with its JSON pointer and what to send.
    """
    _check(_FEEDBACK, body, "")


def _check(schema: JsonSchema, instance: Mapping[str, Any], parent: str) -> None:
    problems = [problem for error in schema.errors(instance) for problem in _problems(error, parent)]
    if problems:
        raise RequestError("; ".join(dict.fromkeys(problems)) + ".")


def _problems(error: ValidationError, parent: str) -> Iterator[str]:
    pointer = "".join([parent, *(f"/{step}" for step in error.absolute_path)])
    for name in _missing_members(error):
        yield f"{pointer}/{name} is missing: send {error.schema['properties'][name]['description']}"
    if error.validator == "type":
        kind = _TYPE_NAMES.get(type(error.instance), "a number")
        yield f"{pointer} is {kind}: send {error.schema['description']}"
    elif error.validator in ("pattern", "minItems"):
        yield f"{pointer} is not valid: send {error.schema['description']}"


def _missing_members(error: ValidationError) -> list[str]:
    """The required members that an object lacks; jsonschema names them only inside its message."""
    required: list[str] = []
    if error.validator == "required":
        required = error.validator_value
    elif error.validator == "dependentRequired":
        required = [name for cause, names in error.validator_value.items() if cause in error.instance for name in names]
    return [name for name in required if name not in error.instance]
