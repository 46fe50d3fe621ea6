"""Any JSON in any place of a resource is an issue at most, never a crash."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_service.profiles.definitions import Definitions
from cds_service.profiles.validate import validate_json
from tests.profiles import test_questionnaires, test_references, test_slicing, test_vital_signs
from tests.profiles.resources import GOOD, OURS, Json, observation, with_core

RESOURCES: list[Json] = [
    *GOOD.values(),
    test_vital_signs.HEART_RATE,
    test_questionnaires.response(test_questionnaires.one("1.5", {"valueString": "a"})),
    test_references.ON_THE_SECOND,
    observation(component=[test_slicing.COMPONENT, test_slicing.OTHER]),
]
ODD = [None, [], {}, [[]], [None], {"a": 1}, [{"a": [1]}], 0, 1.5, "x", True, "#x", {"resourceType": "Patient"}]


@pytest.fixture(scope="module")
def known() -> Definitions:
    """Definitions whose rules read the resources in many ways."""
    placed = test_references.placed(("fhirpath", "Patient.name.where(family = 'b')"))
    return with_core(test_questionnaires.QUESTIONNAIRE, test_questionnaires.VALUES, placed, test_slicing.BY_OWN_CODE)


@given(st.data())
def test_any_value_in_any_place(known: Definitions, data: st.DataObject) -> None:
    """A value of any shape in any place of a valid resource ends in issues with a place, not in an exception."""
    resource = copy.deepcopy(data.draw(st.sampled_from(RESOURCES)))
    owner, key = data.draw(st.sampled_from(list(_places(resource))))
    owner[key] = data.draw(st.sampled_from(ODD))
    profiles = [OURS + "profile"] if resource.get("resourceType") == "Observation" else []
    for issue in validate_json(json.dumps(resource, default=float).encode(), profiles, known):
        assert issue.message
        assert issue.line == 1


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every property and array entry, as its owner and key."""
    for key, inner in list(value.items() if isinstance(value, dict) else enumerate(value)):
        yield value, key
        if isinstance(inner, dict | list):
            yield from _places(inner)
