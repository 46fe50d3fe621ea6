"""The quick check of table rows refuses exactly what JSON Schema refuses, in the same words."""

from __future__ import annotations

import copy
import json
import tomllib
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from cds_service.knowledge.load import PROFILES, TABLES
from cds_service.knowledge.row_validator import SCHEMAS, plainly_right, row_validator

OTHER_VALUES = (None, "", "x", 0, -1, 2.5, True, [], [""], ["x", "x"], {}, {"unknown": 1})


def documents() -> dict[str, tuple[str, Any]]:
    """Name -> schema and content of one file of every kind."""
    found = {}
    for name in ("thresholds", "labs", "contraindications", "conditions", "allergies", "code_systems"):
        found[name] = name, toml(TABLES / f"{name}.toml")
    found["procedures"] = "procedures", toml(TABLES / "procedures" / "venous-access.toml")
    for name in ("procedure-tips", "condition-kidney-trauma", "procedure-liver-ablation"):
        found[name] = "value_set", json.loads((PROFILES / "value_sets" / f"{name}.json").read_text("utf-8"))
    return found


def toml(path: Any) -> dict[str, Any]:
    """A table as it is read."""
    return tomllib.loads(path.read_text("utf-8"), parse_float=Decimal)


def places(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place of a document, the first two of each list."""
    yield path
    steps = list(node) if isinstance(node, dict) else list(range(min(len(node), 2))) if isinstance(node, list) else []
    for step in steps:
        yield from places(node[step], (*path, step))


def mutants(document: Any) -> Iterator[Any]:
    """The document with a value gone, replaced or with one too many, one place at a time."""
    for path in places(document):
        for other in OTHER_VALUES if path else ():
            changed = copy.deepcopy(document)
            at(changed, path[:-1])[path[-1]] = other
            yield changed
        inner = at(document, path)
        if isinstance(inner, dict):
            changed = copy.deepcopy(document)
            at(changed, path)["one-too-many"] = "x"
            yield changed
            for name in inner:
                changed = copy.deepcopy(document)
                del at(changed, path)[name]
                yield changed


def at(document: Any, path: tuple[Any, ...]) -> Any:
    """What stands at a place."""
    for step in path:
        document = document[step]
    return document


def told(validator: Any, document: Any) -> list[tuple[list[Any], str, str]]:
    """Every mistake: where, by which keyword, in which words."""
    return sorted(
        ((list(e.absolute_path), str(e.validator), e.message) for e in validator.iter_errors(document)), key=str
    )


DOCUMENTS = documents()


@pytest.mark.slow
@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_same_mistakes_are_told(name: str) -> None:
    """Whatever is changed in a file, the quick check tells what JSON Schema tells."""
    schema, document = DOCUMENTS[name]
    small = {key: value[:2] if isinstance(value, list) else value for key, value in document.items()}
    whole = Draft202012Validator(
        json.loads((SCHEMAS / f"{schema}.json").read_text("utf-8")), format_checker=FormatChecker()
    )
    assert told(row_validator(schema), document) == []
    for number, mutant in enumerate(mutants(small)):
        assert told(row_validator(schema), mutant) == told(whole, mutant), number


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({}, "x"),
        (True, "x"),
        ({"type": ["string", "null"]}, "x"),
        ({"oneOf": [{"minLength": 1}, {"pattern": "y"}]}, "x"),
        ({"anyOf": [{"type": "string"}]}, "x"),
        ({"$ref": "#/$defs/missing"}, "x"),
        ({"if": {"required": ["x"]}, "then": {"required": ["y"]}}, {"z": "x"}),
        ({"type": "integer"}, True),
        ({"type": "string", "format": "date"}, "2026-11-02"),
        ({"type": "boolean"}, 1),
        ({"enum": [1]}, True),
    ],
)
def test_what_it_does_not_know_is_left_to_json_schema(schema: Any, value: Any) -> None:
    """A keyword or a type that the quick check does not know is never passed by it."""
    assert not plainly_right(schema, value, {})
