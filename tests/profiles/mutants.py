"""Automatic mutants: one valid resource -> many invalid ones, each with one known error."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

from cds_service.profiles.definitions import Definitions
from cds_service.profiles.elements import Element
from cds_service.profiles.primitives import is_primitive

Json = dict[str, Any]
Spot = tuple[Json, str, Element, str]  # the object, its property, the element, the type
_NUMBERS = {"decimal", "integer", "positiveInt", "unsignedInt"}
_TEXTS = {"string", "markdown", "code", "uri", "url", "canonical", "id", "date", "dateTime", "instant", "time"}
_DATES = {"date", "dateTime", "instant"}


def mutants(resource: Json, definitions: Definitions) -> Iterator[tuple[str, Json]]:
    """(description and path of the error, mutated resource) pairs."""
    spots = len(list(_spots(copy.deepcopy(resource), definitions)))
    for name, mutate in _MUTATIONS.items():
        for number in range(spots):
            broken = copy.deepcopy(resource)
            spot = list(_spots(broken, definitions))[number]
            if mutate(spot, definitions):
                yield f"{name} at {spot[2].path} ({spot[1]})", broken


def _spots(resource: Json, definitions: Definitions) -> Iterator[Spot]:
    tree = definitions.type_tree(resource.get("resourceType", ""))
    if tree:
        yield from _within(resource, tree, definitions)


def _within(value: Json, tree: Element, definitions: Definitions) -> Iterator[Spot]:
    for key in list(value):
        if key not in tree.keys:
            continue
        child, code = tree.keys[key]
        yield value, key, child, code
        for inner in value[key] if isinstance(value[key], list) else [value[key]]:
            if isinstance(inner, dict):
                below = child if child.children else definitions.type_tree(code)
                if "resourceType" in inner:
                    yield from _spots(inner, definitions)
                elif below and code not in ("Extension", "xhtml"):
                    yield from _within(inner, below, definitions)


def _set(spot: Spot, value: Any) -> bool:
    """Replace the value, or the first one of an array."""
    owner, key, _, _ = spot
    if isinstance(owner[key], list):
        if not owner[key]:
            return False
        owner[key][0] = value
    else:
        owner[key] = value
    return True


def _first(spot: Spot) -> Any:
    value = spot[0][spot[1]]
    return value[0] if isinstance(value, list) and value else value


def _drop(spot: Spot, _: Definitions) -> bool:
    owner, key, element, _code = spot
    if element.min_occurs < 1:
        return False
    del owner[key]
    owner.pop(f"_{key}", None)
    return True


def _wrong_type(spot: Spot, _: Definitions) -> bool:
    code = spot[3]
    if code in _NUMBERS:
        return _set(spot, str(_first(spot)))
    if code == "boolean":
        return _set(spot, str(_first(spot)).lower())
    if code in _TEXTS:
        return _set(spot, 7)
    return not is_primitive(code) and _set(spot, "text")


def _bad_code(spot: Spot, _: Definitions) -> bool:
    binding = spot[2].binding
    return bool(spot[3] == "code" and binding and binding.strength == "required") and _set(spot, "no-such.code")


def _bad_coding(spot: Spot, _: Definitions) -> bool:
    binding = spot[2].binding
    if spot[3] != "CodeableConcept" or not binding or binding.strength != "required":
        return False
    return _set(spot, {"coding": [{"system": "http://example.org/none", "code": "none"}]})


def _month_13(spot: Spot, _: Definitions) -> bool:
    value = _first(spot)
    return spot[3] in _DATES and isinstance(value, str) and len(value) >= 7 and _set(spot, f"{value[:5]}13{value[7:]}")


def _day_of_no_calendar(spot: Spot, _: Definitions) -> bool:
    value = _first(spot)
    return (
        spot[3] in _DATES
        and isinstance(value, str)
        and len(value) >= 10
        and _set(spot, f"{value[:5]}02-30{value[10:]}")
    )


def _no_zone(spot: Spot, _: Definitions) -> bool:
    value = _first(spot)
    return (
        spot[3] in ("dateTime", "instant")
        and isinstance(value, str)
        and "T" in value
        and _set(spot, f"{value[:10]}T10:00:00")
    )


def _second_choice(spot: Spot, _: Definitions) -> bool:
    owner, _key, element, code = spot
    others = [one.code for one in element.types if one.code != code and is_primitive(one.code)]
    if not element.is_choice or not others:
        return False
    values = {"boolean": True, "integer": 1, "decimal": 1, "positiveInt": 1, "unsignedInt": 1}
    other = others[0]
    owner[element.name + other[0].upper() + other[1:]] = values.get(other, "2020-01-01")
    return True


def _unknown(spot: Spot, _: Definitions) -> bool:
    value = _first(spot)
    if not isinstance(value, dict):
        return False
    value["noSuchProperty"] = "x"
    return True


def _misspelled(spot: Spot, _: Definitions) -> bool:
    owner, key, _element, _code = spot
    owner[f"{key}X"] = owner.pop(key)
    return True


def _empty_text(spot: Spot, _: Definitions) -> bool:
    return spot[3] in _TEXTS and _set(spot, "")


def _empty_object(spot: Spot, _: Definitions) -> bool:
    return not is_primitive(spot[3]) and _set(spot, {})


def _empty_array(spot: Spot, _: Definitions) -> bool:
    spot[0][spot[1]] = []
    return True


def _null(spot: Spot, _: Definitions) -> bool:
    spot[0][spot[1]] = None
    return True


def _array_or_not(spot: Spot, _: Definitions) -> bool:
    value = spot[0][spot[1]]
    spot[0][spot[1]] = value[0] if isinstance(value, list) and value else [value]
    return True


def _broken_reference(text: str) -> Callable[[Spot, Definitions], bool]:
    def mutate(spot: Spot, _: Definitions) -> bool:
        value = _first(spot)
        if spot[3] != "Reference" or not isinstance(value, dict) or "reference" not in value:
            return False
        value["reference"] = text
        return True

    return mutate


def _wrong_target(spot: Spot, definitions: Definitions) -> bool:
    value = _first(spot)
    targets = {url.rpartition("/")[2] for one in spot[2].types if one.code == "Reference" for url in one.targets}
    if spot[3] != "Reference" or not isinstance(value, dict) or not targets or "Resource" in targets:
        return False
    value.clear()
    value["reference"] = f"{'Slot' if 'Slot' not in targets else 'Flag'}/1"
    return True


def _blank_in_code(spot: Spot, _: Definitions) -> bool:
    value = _first(spot)
    return spot[3] == "code" and isinstance(value, str) and _set(spot, f" {value}")


def _fraction(spot: Spot, _: Definitions) -> bool:
    return spot[3] in _NUMBERS - {"decimal"} and _set(spot, 1.5)


_MUTATIONS: dict[str, Callable[[Spot, Definitions], bool]] = {
    "required element dropped": _drop,
    "wrong JSON type": _wrong_type,
    "code outside the value set": _bad_code,
    "concept outside the value set": _bad_coding,
    "month 13": _month_13,
    "30 February": _day_of_no_calendar,
    "time without zone": _no_zone,
    "two values of a choice": _second_choice,
    "unknown property": _unknown,
    "misspelled property": _misspelled,
    "empty text": _empty_text,
    "empty object": _empty_object,
    "empty array": _empty_array,
    "null": _null,
    "array where none belongs, or none where one does": _array_or_not,
    "reference to nothing contained": _broken_reference("#nothing"),
    "reference to no resource type": _broken_reference("Nothing/1"),
    "reference that is no reference": _broken_reference("just text"),
    "reference to the wrong type": _wrong_target,
    "blank before a code": _blank_in_code,
    "fraction in a whole number": _fraction,
}
