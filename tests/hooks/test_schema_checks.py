"""The fast check of an envelope and the slow one that has the messages: the same schemas, the same judgment."""

from __future__ import annotations

from typing import Any

import fastjsonschema
import pytest

from cds_service.hooks.catalog import SERVICES
from cds_service.hooks.schema_checks import build_validator, compile_check
from tests.support.calls import CONTEXTS

WRONG: tuple[Any, ...] = (
    *(None, True, 0, 1.5, "", " ", "x", "a b", "x\n", "\n", "..", "Patient/..", "Patient/x", "Practitioner/x"),
    *(
        "https://ehr.example.org",
        "https://ehr.example.org\n",
        "http:// x",
        "ftp://x",
        "ü",
        "x" * 200,
        "Bearer",
        "bearer\n",
    ),
    *([], ["x"], [1], [None], {}, {"a": 1}, {"access_token": "t"}, {"access_token": "t\n", "token_type": "Bearer"}),
    *({"conditions": None}, {"conditions": []}, {"conditions": {}}),
)
ENVELOPE = {"hook": "order-sign", "hookInstance": "x", "context": {}}
SMALLEST = {"envelope.json": ENVELOPE} | {
    f"context/{service.hook}.json": CONTEXTS[service.id] for service in SERVICES.values()
}


@pytest.mark.parametrize("name", SMALLEST)
def test_both_checks_judge_alike(name: str) -> None:
    """Whatever stands in a member, or is missing, the fast check finds fault exactly where the slow one does."""
    validator, check = build_validator(name), compile_check(name)
    smallest = {key: {} if isinstance(value, dict) else value for key, value in SMALLEST[name].items()}
    members = [*validator.schema["properties"], "unheard-of"]
    tried = [smallest | {member: value} for member in members for value in WRONG]
    tried += [{key: value for key, value in smallest.items() if key != left_out} for left_out in smallest]
    judged = [(_is_right(check, instance), validator.is_valid(instance)) for instance in (smallest, *tried)]
    assert [fast for fast, _ in judged] == [slow for _, slow in judged]
    assert judged[0] == (True, True)
    assert {slow for _, slow in judged} == {True, False}


def _is_right(check: Any, instance: dict[str, Any]) -> bool:
    try:
        check(instance)
    except fastjsonschema.JsonSchemaValueException:
        return False
    return True
