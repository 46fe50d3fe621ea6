"""JSON Schema of the tables, quick over what is plainly right.

Most of a table is texts, words out of a list and rows of them. `plainly_right` passes those at once; whatever it does
not pass goes the whole way of `jsonschema`, which alone refuses and words the mistake.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker, ValidationError
from jsonschema.validators import extend

SCHEMAS = Path(__file__).parent / "schemas"

_TYPES: Mapping[str, type] = {"object": dict, "array": list, "string": str, "boolean": bool}


@cache
def row_validator(name: str) -> Any:
    """The validator of one of the files in `schemas/`, named without `.json`; it is built once."""
    document = json.loads((SCHEMAS / f"{name}.json").read_text("utf-8"))
    return _Quick(document, format_checker=FormatChecker())


def plainly_right(schema: Any, value: Any) -> bool:
    """Whether the value keeps the schema, by the keywords that this knows; False where there is any doubt."""
    if not isinstance(schema, dict) or not schema:
        return False
    for keyword, asked in schema.items():
        keeps = _KEYWORDS.get(keyword)
        if keeps is None or not keeps(asked, value, schema):
            return False
    return True


_KEYWORDS: Mapping[str, Callable[[Any, Any, Mapping[str, Any]], bool]] = {
    "description": lambda *_: True,
    "type": lambda asked, value, _: type(value) is _TYPES.get(asked) if isinstance(asked, str) else False,
    "const": lambda word, value, _: isinstance(value, str) and value == word,
    "enum": lambda words, value, _: isinstance(value, str) and value in words,
    "minLength": lambda least, value, _: isinstance(value, str) and len(value) >= least,
    "maxLength": lambda most, value, _: isinstance(value, str) and len(value) <= most,
    "pattern": lambda pattern, value, _: isinstance(value, str) and re.search(pattern, value) is not None,
    "items": lambda schema, values, _: isinstance(values, list) and all(plainly_right(schema, v) for v in values),
    "minItems": lambda least, values, _: isinstance(values, list) and len(values) >= least,
    "uniqueItems": lambda _, values, __: (
        isinstance(values, list) and all(isinstance(v, str) for v in values) and len(set(values)) == len(values)
    ),
    "required": lambda names, row, _: isinstance(row, dict) and all(name in row for name in names),
    "additionalProperties": lambda allowed, row, schema: (
        allowed is False and isinstance(row, dict) and row.keys() <= schema.get("properties", {}).keys()
    ),
    "properties": lambda schemas, row, _: (
        isinstance(row, dict) and all(plainly_right(schemas[name], row[name]) for name in schemas if name in row)
    ),
}


def _items(validator: Any, schema: Any, values: Any, _: Any) -> Iterator[ValidationError]:
    for place, value in enumerate(values) if validator.is_type(values, "array") else ():
        if not plainly_right(schema, value):
            yield from validator.descend(value, schema, path=place)


def _properties(validator: Any, schemas: Any, row: Any, _: Any) -> Iterator[ValidationError]:
    for name in schemas if validator.is_type(row, "object") else ():
        if name in row and not plainly_right(schemas[name], row[name]):
            yield from validator.descend(row[name], schemas[name], path=name, schema_path=name)


_Quick: Any = extend(Draft202012Validator, {"items": _items, "properties": _properties})
