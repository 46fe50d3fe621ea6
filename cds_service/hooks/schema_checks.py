"""JSON Schema validation of the protocol, with messages for the caller.

A message reads `/context/patientId is missing: send <description>`, with the description from the schema. No message
quotes a value of the body.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import fastjsonschema
from jsonschema import Draft202012Validator, FormatChecker, ValidationError

from cds_service.errors import RequestError
from cds_service.hooks.catalog import SERVICES

SCHEMAS = Path(__file__).parent / "schemas"

_TYPE_NAMES = {dict: "an object", list: "an array", str: "text", bool: "true or false", type(None): "null"}


def load_schema(name: str) -> dict[str, Any]:
    """A file of `schemas/`, such as `response.json`."""
    document: dict[str, Any] = json.loads((SCHEMAS / name).read_text("utf-8"))
    return document


def build_validator(name: str) -> Draft202012Validator:
    """A validator for a file of `schemas/`. Building one is slow: build it once."""
    return Draft202012Validator(load_schema(name), format_checker=FormatChecker())


def compile_check(name: str) -> Callable[[Any], Any]:
    """A function that raises JsonSchemaValueException where a value violates a file of `schemas/`.

    Twenty times as fast as a validator, and without what our messages need, so it only finds out that nothing is wrong.
    It knows the keywords of draft 7, which `feedback.json` goes beyond.
    """
    schema = load_schema(name) | {"$schema": "http://json-schema.org/draft-07/schema#"}
    check: Callable[[Any], Any] = fastjsonschema.compile(schema, use_default=False)
    return check


_FEEDBACK = build_validator("feedback.json")
_SCHEMAS = ("envelope.json", *(f"context/{service.hook}.json" for service in SERVICES.values()))
_VALIDATORS = {name: build_validator(name) for name in _SCHEMAS}
_CHECKS = {name: compile_check(name) for name in _SCHEMAS}


def check_envelope(envelope: Mapping[str, Any]) -> None:
    """Validate a request, with FHIR objects as {}, against `envelope.json`.

    Raises:
        RequestError: every problem with its JSON pointer and what to send.
    """
    _check_compiled("envelope.json", envelope, "")


def check_context(hook: str, context: Mapping[str, Any]) -> None:
    """Validate the context of a hook, with FHIR objects as {}, against `context/<hook>.json`.

    Raises:
        RequestError: every problem with its JSON pointer and what to send.
    """
    _check_compiled(f"context/{hook}.json", context, "/context")


def check_feedback(body: Mapping[str, Any]) -> None:
    """Validate a batch of feedback against `feedback.json`.

    Raises:
        RequestError: every problem with its JSON pointer and what to send.
    """
    _check(_FEEDBACK, body, "")


def _check_compiled(name: str, instance: Mapping[str, Any], parent: str) -> None:
    try:
        _CHECKS[name](instance)
    except fastjsonschema.JsonSchemaValueException:
        _check(_VALIDATORS[name], instance, parent)


def _check(validator: Draft202012Validator, instance: Mapping[str, Any], parent: str) -> None:
    problems = [problem for error in validator.iter_errors(instance) for problem in _problems(error, parent)]
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
