"""JSON Schemas of the protocol, and what a caller is told where one of them is broken.

A message is `/context/patientId is missing: send <description>`; the description stands in the schema, so a schema
file alone says what a field is for. No message repeats a value of the body.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker, ValidationError

from cds_service.errors import RequestError
from cds_service.hooks.catalog import SERVICES

SCHEMAS = Path(__file__).parent / "schemas"

_KINDS = {dict: "an object", list: "an array", str: "text", bool: "true or false", type(None): "null"}


def schema(name: str) -> dict[str, Any]:
    """One of the files in `schemas/`, for example `response.json`."""
    document: dict[str, Any] = json.loads((SCHEMAS / name).read_text("utf-8"))
    return document


def validator(name: str) -> Draft202012Validator:
    """A validator of one of the files in `schemas/`. Building one is slow: build it once."""
    return Draft202012Validator(schema(name), format_checker=FormatChecker())


_ENVELOPE = validator("envelope.json")
_FEEDBACK = validator("feedback.json")
_CONTEXTS = {service.hook: validator(f"context/{service.hook}.json") for service in SERVICES.values()}


def check_envelope(envelope: Mapping[str, Any]) -> None:
    """Holds a request, its FHIR objects seen as {}, against `envelope.json`.

    Raises:
        RequestError: every problem with its JSON pointer and what to send.
    """
    _check(_ENVELOPE, envelope, "")


def check_context(hook: str, context: Mapping[str, Any]) -> None:
    """Holds the context of a hook, its FHIR objects seen as {}, against `context/<hook>.json`.

    Raises:
        RequestError: every problem with its JSON pointer and what to send.
    """
    _check(_CONTEXTS[hook], context, "/context")


def check_feedback(body: Mapping[str, Any]) -> None:
    """Holds a batch of feedback against `feedback.json`.

    Raises:
        RequestError: every problem with its JSON pointer and what to send.
    """
    _check(_FEEDBACK, body, "")


def _check(checker: Draft202012Validator, instance: Mapping[str, Any], parent: str) -> None:
    problems = [problem for error in checker.iter_errors(instance) for problem in _problems(error, parent)]
    if problems:
        raise RequestError("; ".join(dict.fromkeys(problems)) + ".")


def _problems(error: ValidationError, parent: str) -> Iterator[str]:
    pointer = "".join([parent, *(f"/{step}" for step in error.absolute_path)])
    for name in _missing(error):
        yield f"{pointer}/{name} is missing: send {error.schema['properties'][name]['description']}"
    if error.validator == "type":
        kind = _KINDS.get(type(error.instance), "a number")
        yield f"{pointer} is {kind}: send {error.schema['description']}"
    elif error.validator in ("pattern", "minItems"):
        yield f"{pointer} can't be used as it is: send {error.schema['description']}"


def _missing(error: ValidationError) -> list[str]:
    """The members that an object lacks (jsonschema reports each alone and names it only inside its sentence)."""
    required: list[str] = []
    if error.validator == "required":
        required = error.validator_value
    elif error.validator == "dependentRequired":
        required = [name for cause, names in error.validator_value.items() if cause in error.instance for name in names]
    return [name for name in required if name not in error.instance]
