"""The quick reader of JSON Schema passes only what jsonschema passes; what it refuses, jsonschema words."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import tomli

from cds_service.json_schema import JsonSchema
from cds_service.knowledge.load import PROFILES, TABLES
from cds_service.knowledge.read import read_toml, table_schema

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
    return tomli.loads(path.read_text("utf-8"), parse_float=Decimal)


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


def told(errors: list[Any]) -> list[tuple[list[Any], str, str]]:
    """Every mistake: where, by which keyword, in which words."""
    return sorted(((list(e.absolute_path), str(e.validator), e.message) for e in errors), key=str)


DOCUMENTS = documents()


@pytest.mark.slow
@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_same_mistakes_are_told(name: str) -> None:
    """Whatever is changed in a file, no mistake that jsonschema knows is passed."""
    schema_name, document = DOCUMENTS[name]
    schema = table_schema(schema_name)
    small = {key: value[:2] if isinstance(value, list) else value for key, value in document.items()}
    assert schema.errors(document) == []
    for number, mutant in enumerate(mutants(small)):
        assert told(schema.errors(mutant)) == told(schema.exact_errors(mutant)), number


def nested(depth: int) -> dict[str, Any]:
    """An object in an object, so many times."""
    return {"inner": nested(depth - 1)} if depth else {}


@pytest.mark.parametrize(
    ("schema", "value", "mistakes"),
    [
        ({"type": "string", "maxLength": 3}, "\ud800", 0),
        ({"type": "string", "maxLength": 0}, "\ud800", 1),
        ({"type": "object"}, nested(400), 0),
        ({"type": "array"}, nested(400), 1),
        ({"type": "number", "maximum": 1}, 10**400, 1),
        ({"type": "string", "format": "date"}, "2026-02-30", 1),
    ],
)
def test_what_the_quick_reader_cannot_read_is_judged_by_jsonschema(schema: Any, value: Any, mistakes: int) -> None:
    """Half of a surrogate pair, deep nesting and huge numbers are neither passed nor refused unread."""
    assert len(JsonSchema(schema).errors(value)) == mistakes


def test_a_decimal_is_no_integer(tmp_path: Path) -> None:
    """2.0 years is not read as 2, as what follows counts with whole numbers."""
    path = tmp_path / "release.toml"
    shipped = (TABLES / "contraindications.toml").read_text("utf-8")
    path.write_text(shipped.replace("acute_within_days = 30", "acute_within_days = 30.0", 1), "utf-8")
    problems: list[str] = []
    read_toml(path, "contraindications.toml", "contraindications", problems)
    assert len(problems) == 1
    assert "acute_within_days is 30.0; write " in problems[0]
