"""Line and column of an issue."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_service.profiles.issues import Issue
from cds_service.profiles.positions import with_positions
from cds_service.profiles.validate import validate_json
from tests.profiles.resources import bundle, observation, patient

TEXT = """{
  "resourceType": "Patient", "gender": "bogus",
  "_birthDate": {"extension": [{"url": "x y"}]},
  "name": [
    {"family": "\\"name\\": [{"},
    {"given": ["b",
     ""]}
  ],
  "deceasedBoolean": "no",
  "contact": [{}]
}"""
PLACES = {
    "Patient": (1, 1),
    "Patient.gender": (2, 30),
    "Patient.birthDate": (3, 3),
    "Patient.birthDate.extension[0].url": (3, 33),
    "Patient.name[0].family": (5, 6),
    "Patient.name[1].given[1]": (7, 6),
    "Patient.deceased.ofType(boolean)": (9, 3),
    "Patient.contact[0].name": (10, 15),
    "Patient.name[7].family": (4, 3),
    "": (1, 1),
}


@pytest.mark.parametrize(("expression", "place"), PLACES.items())
def test_where_an_element_is(expression: str, place: tuple[int, int]) -> None:
    """An issue has the line and column of its element, or of the nearest element around it that is there."""
    issue = with_positions([Issue("error", "value", "x", expression, "x")], TEXT)[0]
    assert (issue.line, issue.column) == place


def test_every_issue_of_a_text_has_its_place() -> None:
    """Issues in a Bundle point at the property at fault, also in indented JSON with a byte order mark."""
    text = json.dumps(bundle(patient(gender="bogus"), observation(status="x")), default=float, indent=1)
    lines = text.splitlines()
    errors = [issue for issue in validate_json(b"\xef\xbb\xbf" + text.encode()) if issue.is_error]
    assert sorted(lines[(one.line or 0) - 1].strip() for one in errors) == ['"gender": "bogus",', '"status": "x",']
    assert all(lines[(one.line or 0) - 1][(one.column or 0) - 1] == '"' for one in errors)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.from_regex(r"[a-z]{1,3}", fullmatch=True), inner),
    max_leaves=20,
)


@given(VALUES, st.sampled_from([None, 1]), st.booleans())
def test_every_value_of_any_json_is_found(value: Any, indent: int | None, ascii_only: bool) -> None:
    """In any JSON text, the place of each object's property is where its name is."""
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    lines = text.split("\n")
    for expression, name in _properties(value, "R"):
        issue = with_positions([Issue("error", "value", "x", expression, "x")], text)[0]
        assert lines[(issue.line or 0) - 1][(issue.column or 0) - 1 :].startswith(json.dumps(name))


def _properties(value: Any, path: str) -> list[tuple[str, str]]:
    found = []
    for name, inner in value.items() if isinstance(value, dict) else ():
        found.append((f"{path}.{name}", name))
        found += _properties(inner, f"{path}.{name}")
        if isinstance(inner, list):
            for index, one in enumerate(inner):
                found += _properties(one, f"{path}.{name}[{index}]")
    return found
