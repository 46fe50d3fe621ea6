"""JSON Schema of the tables, quick over what is plainly right.

Most of a table is texts, words out of a list and rows of them. `plainly_right` passes those at once; whatever it does
not pass goes the whole way of `jsonschema`, which alone refuses and words the mistake.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from functools import cache, partial
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker, ValidationError
from jsonschema.validators import extend

SCHEMAS = Path(__file__).parent / "schemas"

_TYPES: Mapping[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float, Decimal),
}
Schema = Mapping[str, Any]


@cache
def row_validator(name: str) -> Any:
    """The validator of one of the files in `schemas/`, named without `.json`; it is built once."""
    document = json.loads((SCHEMAS / f"{name}.json").read_text("utf-8"))
    parts = {"items": partial(_items, root=document), "properties": partial(_properties, root=document)}
    return extend(Draft202012Validator, parts)(document, format_checker=FormatChecker())


def plainly_right(schema: Any, value: Any, root: Schema) -> bool:
    """Whether the value keeps the schema, by the keywords that this knows; False where there is any doubt.

    Args:
        schema: a part of `root`.
        value: what is checked.
        root: the whole schema, for `$ref`.
    """
    if not isinstance(schema, dict) or not schema:
        return False
    for keyword, asked in schema.items():
        keeps = _KEYWORDS.get(keyword)
        if keeps is None or not keeps(asked, value, schema, root):
            return False
    return True


def _is_number(value: Any) -> bool:
    return type(value) in _TYPES["number"]


def _properties_right(schemas: Schema, row: Any, _: Schema, root: Schema) -> bool:
    return isinstance(row, dict) and all(
        plainly_right(schemas[name], row[name], root) for name in schemas if name in row
    )


def _no_more(allowed: Any, row: Any, schema: Schema, root: Schema) -> bool:
    """Members that `properties` does not name: none where they are refused, else each by its schema."""
    if not isinstance(row, dict):
        return False
    more = row.keys() - schema.get("properties", {}).keys()
    if allowed is False:
        return not more
    return isinstance(allowed, dict) and all(plainly_right(allowed, row[name], root) for name in more)


def _if_right(condition: Schema, value: Any, schema: Schema, root: Schema) -> bool:
    """`if` one member is a certain word, `then`; a condition of another form is left to `jsonschema`."""
    (asked,) = condition["properties"].values() if set(condition) == {"properties"} else ({},)
    if set(asked) != {"const"} or "else" in schema or not isinstance(value, dict):
        return False
    (name,) = condition["properties"]
    applies = name not in value or value[name] == asked["const"]
    return not applies or plainly_right(schema["then"], value, root)


def _one_right(schemas: Sequence[Schema], value: Any, _: Schema, root: Schema) -> bool:
    """Right by one of them, and of the others plainly of another type or word, or without a member they require."""
    right = [schema for schema in schemas if plainly_right(schema, value, root)]
    others = [schema for schema in schemas if schema not in right]
    return len(right) == 1 and all(_is_another(schema, value) for schema in others)


def _is_another(schema: Schema, value: Any) -> bool:
    kind = schema.get("type")
    if isinstance(kind, str) and type(value) not in _TYPES.get(kind, ()):
        return True
    if not isinstance(value, dict):
        return False
    words = {name: part["const"] for name, part in schema.get("properties", {}).items() if "const" in part}
    other_word = any(name in value and value[name] != word for name, word in words.items())
    return other_word or any(name not in value for name in schema.get("required", ()))


def _referred_right(reference: str, value: Any, _: Schema, root: Schema) -> bool:
    name = reference.removeprefix("#/$defs/")
    return name in root.get("$defs", {}) and plainly_right(root["$defs"][name], value, root)


_KEYWORDS: Mapping[str, Callable[[Any, Any, Schema, Schema], bool]] = {
    "$schema": lambda *_: True,
    "$id": lambda *_: True,
    "$defs": lambda *_: True,
    "$ref": _referred_right,
    "description": lambda *_: True,
    "type": lambda asked, value, *_: isinstance(asked, str) and type(value) in _TYPES.get(asked, ()),
    "const": lambda word, value, *_: isinstance(value, str) and value == word,
    "enum": lambda words, value, *_: isinstance(value, str) and value in words,
    "minimum": lambda least, value, *_: _is_number(value) and value >= least,
    "exclusiveMinimum": lambda least, value, *_: _is_number(value) and value > least,
    "maximum": lambda most, value, *_: _is_number(value) and value <= most,
    "minLength": lambda least, value, *_: isinstance(value, str) and len(value) >= least,
    "maxLength": lambda most, value, *_: isinstance(value, str) and len(value) <= most,
    "pattern": lambda pattern, value, *_: isinstance(value, str) and re.search(pattern, value) is not None,
    "items": lambda schema, values, _, root: (
        isinstance(values, list) and all(plainly_right(schema, v, root) for v in values)
    ),
    "minItems": lambda least, values, *_: isinstance(values, list) and len(values) >= least,
    "maxItems": lambda most, values, *_: isinstance(values, list) and len(values) <= most,
    "uniqueItems": lambda _, values, *__: (
        isinstance(values, list) and all(isinstance(v, str) for v in values) and len(set(values)) == len(values)
    ),
    "required": lambda names, row, *_: isinstance(row, dict) and all(name in row for name in names),
    "minProperties": lambda least, row, *_: isinstance(row, dict) and len(row) >= least,
    "properties": _properties_right,
    "additionalProperties": _no_more,
    "allOf": lambda schemas, value, _, root: all(plainly_right(schema, value, root) for schema in schemas),
    "oneOf": _one_right,
    "if": _if_right,
    "then": lambda _, __, schema, root: "if" in schema,
}


def _items(validator: Any, schema: Any, values: Any, _: Any, *, root: Schema) -> Iterator[ValidationError]:
    for place, value in enumerate(values) if validator.is_type(values, "array") else ():
        if not plainly_right(schema, value, root):
            yield from validator.descend(value, schema, path=place)


def _properties(validator: Any, schemas: Any, row: Any, _: Any, *, root: Schema) -> Iterator[ValidationError]:
    for name in schemas if validator.is_type(row, "object") else ():
        if name in row and not plainly_right(schemas[name], row[name], root):
            yield from validator.descend(row[name], schemas[name], path=name, schema_path=name)
