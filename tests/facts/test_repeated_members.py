"""A member that is given twice is found wherever it stands, and however the JSON is written."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from cds_service.facts.repeated_members import any_repeats_a_member, repeats_a_member


class _Object(list[tuple[str, Any]]):
    """An object as its members, of which two may have one name."""


_NAMES = st.sampled_from(["code", "status", "ä", "a b", 'quote"', ""])
_VALUES = st.recursive(
    st.one_of(st.none(), st.integers(), st.text(max_size=4), st.sampled_from(['":', '{"code":1,"code":1}'])),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.lists(st.tuples(_NAMES, inner), max_size=4).map(_Object)),
    max_leaves=8,
)


def _written(value: Any, comma: str, *, ascii_only: bool) -> str:
    def inner(one: Any) -> str:
        return _written(one, comma, ascii_only=ascii_only)

    if isinstance(value, _Object):
        return "{" + comma.join(f"{inner(name)}:{inner(one)}" for name, one in value) + "}"
    if isinstance(value, list):
        return "[" + comma.join(map(inner, value)) + "]"
    return json.dumps(value, ensure_ascii=ascii_only)


def _repeats(value: Any) -> bool:
    if isinstance(value, _Object):
        names = [name for name, _ in value]
        return len(set(names)) < len(names) or any(_repeats(one) for _, one in value)
    return isinstance(value, list) and any(map(_repeats, value))


@given(
    st.lists(st.lists(st.tuples(_NAMES, _VALUES), max_size=4).map(_Object), max_size=3),
    st.sampled_from([",", ", "]),
    st.booleans(),
)
def test_a_repeated_member_is_found_at_any_depth(resources: list[_Object], comma: str, ascii_only: bool) -> None:
    """Of one resource and of several, where texts look like members, with blanks and without."""
    bodies = [_written(one, comma, ascii_only=ascii_only).encode() for one in resources]
    assert list(map(repeats_a_member, bodies)) == list(map(_repeats, resources))
    assert any_repeats_a_member(bodies) == any(map(_repeats, resources))
