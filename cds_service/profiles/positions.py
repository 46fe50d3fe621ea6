"""Where in its JSON an issue is: line and column of the element that its FHIRPath expression names.

Positions are found only for resources with issues, in one more pass over the text.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from json.decoder import scanstring  # type: ignore[attr-defined]  # not in the type stubs

from cds_service.profiles.issues import Issue

_SPACE = re.compile(r"[ \t\r\n]*")
_SCALAR = re.compile(r"[^\s,\]}]+")
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[^\s,:\[\]{}"]+')
_STEP = re.compile(r"(?P<name>[A-Za-z]\w*)(\.ofType\((?P<type>\w+)\))?(\[(?P<index>\d+)\])?")


@dataclass(slots=True)
class _Spot:
    """The offset of one value (of its name, if it has one), and the values below it by property or index."""

    offset: int
    below: dict[str | int, _Spot] = field(default_factory=dict)


def with_positions(issues: Sequence[Issue], text: str) -> list[Issue]:
    """The issues with `line` and `column`, from 1, of the element or its nearest ancestor that is there.

    Args:
        issues: of one resource.
        text: its JSON, which must be well-formed.
    """
    root = _scan(text)
    starts = [0, *(found.end() for found in re.finditer("\n", text))]
    return [_placed(issue, root, starts) for issue in issues]


def place_of(before: str) -> tuple[int, int]:
    """Line and column, from 1, of what follows this text."""
    return before.count("\n") + 1, len(before) - before.rfind("\n")


def offset_of(text: str, token: str) -> int:
    """The offset of the first number, or word, that is `token`; 0 if there is none."""
    return next((found.start() for found in _TOKEN.finditer(text) if found[0] == token), 0)


def places_of_duplicates(text: str) -> list[tuple[str, str]]:
    """Each property that is in its object already, and the text before it; the text must be well-formed JSON."""
    again: list[tuple[str, int]] = []
    _scan(text, again)
    return [(name, text[:offset]) for name, offset in again]


def _placed(issue: Issue, root: _Spot, starts: Sequence[int]) -> Issue:
    if issue.line is not None:
        return issue
    offset = _find(root, issue.expression).offset
    line = bisect_right(starts, offset)
    return replace(issue, line=line, column=offset - starts[line - 1] + 1)


def _find(spot: _Spot, expression: str) -> _Spot:
    _, _, path = expression.partition(".")
    for step in _STEP.finditer(path):
        name = step["name"] + (step["type"][0].upper() + step["type"][1:] if step["type"] else "")
        # The id and extensions of a primitive are in the property with _.
        inner = [one for key in (name, f"_{name}") if (one := spot.below.get(key))]
        if not inner:
            return spot
        rest = _STEP.match(path, step.end() + 1)
        spot = next((one for one in inner if rest and rest["name"] in _names_below(one, step["index"])), inner[0])
        if step["index"] is not None:
            if int(step["index"]) not in spot.below:
                return spot
            spot = spot.below[int(step["index"])]
    return spot


def _names_below(spot: _Spot, index: str | None) -> set[str | int]:
    here = spot if index is None else spot.below.get(int(index), spot)
    return set(here.below)


def _scan(text: str, again: list[tuple[str, int]] | None = None) -> _Spot:
    """The tree of positions of a JSON value, without recursion; `again` takes properties that are there twice."""
    root = _Spot(_after_space(text, 0))
    open_: list[tuple[_Spot, bool]] = []  # the objects and arrays that are open; True for an object
    spot, at = root, root.offset
    while True:
        if text[at] in "{[":
            open_.append((spot, text[at] == "{"))
            at = _after_space(text, at + 1)
        elif text[at] == '"':
            at = _after_space(text, scanstring(text, at + 1, True)[1])
        else:
            found = _SCALAR.match(text, at)
            at = _after_space(text, found.end() if found else at + 1)
        while open_ and text[at] in "}]":
            open_.pop()
            at = _after_space(text, at + 1)
        if not open_:
            return root
        if text[at] == ",":
            at = _after_space(text, at + 1)
        owner, is_object = open_[-1]
        spot = _Spot(at)
        if is_object:
            name, end = scanstring(text, at + 1, True)
            if name in owner.below and again is not None:
                again.append((name, spot.offset))
            owner.below[name] = spot
            at = _after_space(text, _after_space(text, end) + 1)
        else:
            owner.below[len(owner.below)] = spot


def _after_space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at
