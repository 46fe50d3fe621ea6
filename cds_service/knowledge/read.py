"""Files of the tables -> plain rows, checked by JSON Schema; every problem as one line that says what to do.

A line reads `thresholds.toml: threshold "platelets-high-risk", value is "80" (text); write a number in `unit``.
The remedy is the `description` of the property in `schemas/*.json`.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Mapping
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker, ValidationError

SCHEMAS = Path(__file__).parent / "schemas"


@cache
def _validator(schema: str) -> Draft202012Validator:
    document = json.loads((SCHEMAS / f"{schema}.json").read_text("utf-8"))
    return Draft202012Validator(document, format_checker=FormatChecker())


def read_toml(path: Path, schema: str, problems: list[str]) -> dict[str, Any]:
    """The table of one file; problems are appended, and an unreadable file gives an empty table.

    Args:
        path: the file.
        schema: name of a schema in `schemas/`, without `.json`.
        problems: collects one line per mistake.

    Returns:
        The decoded table, numbers as Decimal.
    """
    try:
        data = tomllib.loads(path.read_text("utf-8"), parse_float=_finite)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        problems.append(f"{path.name}: can't be read as TOML ({error}); correct the line it names")
        return {}
    return _checked(path, data, schema, problems)


def _finite(text: str) -> Decimal:
    """TOML allows `nan` and `inf`, against which nothing can be compared."""
    number = Decimal(text)
    if not number.is_finite():
        raise tomllib.TOMLDecodeError(f"{text} is no number that a value can be compared with")
    return number


def read_json(path: Path, schema: str, problems: list[str]) -> dict[str, Any]:
    """The same for a FHIR resource in JSON."""
    try:
        data = json.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        problems.append(f"{path.name}: can't be read as JSON ({error}); correct the place it names")
        return {}
    return _checked(path, data, schema, problems)


def _checked(path: Path, data: Any, schema: str, problems: list[str]) -> dict[str, Any]:
    errors = sorted(_validator(schema).iter_errors(data), key=lambda e: [str(p) for p in e.absolute_path])
    problems += [f"{path.name}: {_line(error, data)}" for error in errors]
    return data if isinstance(data, dict) and not errors else {}


def _line(error: ValidationError, data: Any) -> str:
    error = min(error.context, key=lambda e: -len(e.absolute_path)) if error.context else error
    row, field = _place(list(error.absolute_path), data)
    remedy = error.schema.get("description") if isinstance(error.schema, Mapping) else None
    where = " ".join(part for part in (row, field) if part) or "the file"
    return f"{where}: {_what(error)}" + (f"; write {remedy}" if remedy and error.validator != "required" else "")


def _what(error: ValidationError) -> str:
    value = error.instance
    if error.validator == "required":
        missing = [name for name in error.validator_value if name not in value]
        return f"{', '.join(missing)} is missing; add it"
    if error.validator == "additionalProperties":
        known = error.schema.get("properties", {})
        extra = [name for name in value if name not in known]
        return f"{', '.join(extra)} is not a field here; known are {', '.join(sorted(known))}"
    if error.validator == "enum":
        return f"{_shown(value)} is none of {', '.join(map(str, error.validator_value))}"
    return f"{_shown(value)} is not right"


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return f'"{value}" (text)'
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | Decimal | float) else f"this {type(value).__name__}"


def _place(path: list[Any], data: Any) -> tuple[str, str]:
    """The innermost row that has an id, by name and id, and the field inside it."""
    row, node = "", data
    rest: list[Any] = []
    for depth, step in enumerate(path):
        node = node[step]
        if isinstance(node, dict) and "id" in node and depth and isinstance(step, int):
            row, rest = f'{path[depth - 1]} "{node["id"]}",', []
        else:
            rest.append(step)
    if not row and rest and isinstance(rest[0], str) and len(rest) > 1 and isinstance(rest[1], int):
        row, rest = f"{rest[0]} number {rest[1] + 1},", rest[2:]
    return row, ".".join(str(step) for step in rest)


def once(rows: Iterable[Mapping[str, Any]], file: str, kind: str, problems: list[str]) -> dict[str, Mapping[str, Any]]:
    """Rows by id; an id used twice is a problem, because ids are never reused."""
    found: dict[str, Mapping[str, Any]] = {}
    for row in rows:
        if row["id"] in found:
            problems.append(f'{file}: {kind} "{row["id"]}" is there twice; give the second an id of its own')
        found.setdefault(row["id"], row)
    return found
