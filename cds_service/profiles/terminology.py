"""Whether a code is in a value set or code system: yes, no, or unknown if the definitions are not available.

Source: FHIR R4 ValueSet, section Value Set Composition; CodeSystem, section Filters.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from cds_service.profiles.definitions import Definitions
from cds_service.profiles.units import UCUM, unit_problem

# Code systems defined by a grammar, not a list. Source: RFC 6838 and RFC 2045 (and the short forms of FHIR R4
# CapabilityStatement.format); BCP 47 (RFC 5646); ISO 4217.
_GRAMMARS = {
    "urn:ietf:bcp:13": re.compile(r"[\w.+!#$&^-]+/[\w.+!#$&^*-]+(\s*;.*)?|xml|json|ttl"),
    "urn:ietf:bcp:47": re.compile(r"([A-Za-z]{2,3}(-[A-Za-z]{3}){0,3}|[A-Za-z]{4,8}|[xXiI])(-[A-Za-z0-9]{1,8})*"),
    "urn:iso:std:iso:4217": re.compile(r"[A-Z]{3}"),
}
# Classifications in which a parent code is a prefix of its children, so that is-a needs no list of codes.
_BY_PREFIX = {
    "http://hl7.org/fhir/sid/icd-10",
    "http://hl7.org/fhir/sid/icd-10-cm",
    "http://hl7.org/fhir/sid/icd-10-de",
    "http://fhir.de/CodeSystem/bfarm/icd-10-gm",
    "http://www.whocc.no/atc",
}

# Source: Using SNOMED CT with FHIR, section Implicit Value Sets.
_WHOLE_SYSTEM = "?fhir_vs"

_MAX_CACHED = 50_000
_MISSING = object()

Tristate = bool | None


def value_set_contains(definitions: Definitions, url: str, system: str | None, code: str) -> Tristate:
    """Whether a value set contains a code.

    Args:
        definitions: the available definitions.
        url: canonical URL of the value set.
        system: the code's system; None for an element of type `code`, whose system the value set implies.
        code: the code.

    Returns:
        True, False, or None if the value set, or a code system that it needs, is not available.
    """
    key = url, system, code
    answer = definitions.membership_cache.get(key, _MISSING)
    if answer is _MISSING:
        if len(definitions.membership_cache) >= _MAX_CACHED:
            definitions.membership_cache.clear()
        answer = definitions.membership_cache[key] = _value_set_contains(definitions, url, system, code, ())
    return answer  # type: ignore[return-value]  # never _MISSING here


def _value_set_contains(
    definitions: Definitions, url: str, system: str | None, code: str, visited: tuple[str, ...]
) -> Tristate:
    value_set = definitions.value_set(url)
    if url.endswith(_WHOLE_SYSTEM):
        base = url.removesuffix(_WHOLE_SYSTEM)
        return system_contains(definitions, base, code) if system in (None, base) else False
    if value_set is None or url in visited:
        return None
    return contains(definitions, value_set, system, code, (*visited, url))


def contains(
    definitions: Definitions,
    value_set: Mapping[str, Any],
    system: str | None,
    code: str,
    visited: tuple[str, ...] = (),
) -> Tristate:
    """Whether a ValueSet contains a code; `visited` are the URLs of those that include it."""
    compose = value_set.get("compose", {})
    if not compose.get("include"):
        return _in_expansion(value_set, system, code)
    included = _any(_in_include(definitions, one, system, code, visited) for one in compose["include"])
    excluded = _any(_in_include(definitions, one, system, code, visited) for one in compose.get("exclude", ()))
    answer = _all([included, None if excluded is None else not excluded])
    return _in_expansion(value_set, system, code) if answer is None else answer


def _in_expansion(value_set: Mapping[str, Any], system: str | None, code: str) -> Tristate:
    """Look up the code in the published expansion; only a complete expansion can answer no."""
    expansion = value_set.get("expansion")
    if not expansion or "contains" not in expansion:
        return None
    pending = [expansion["contains"]]
    while pending:
        for one in pending.pop():
            if one.get("code") == code and system in (None, one.get("system")):
                return True
            pending.append(one.get("contains", ()))
    return None if "total" not in expansion or expansion["total"] > _count(expansion["contains"]) else False


def _count(contains: Sequence[Mapping[str, Any]]) -> int:
    return sum(1 + _count(one.get("contains", ())) for one in contains)


def _in_include(
    definitions: Definitions, include: Mapping[str, Any], system: str | None, code: str, visited: tuple[str, ...]
) -> Tristate:
    """Whether one include or exclude contains the code: its system part and every value set in it must."""
    parts = [_value_set_contains(definitions, url, system, code, visited) for url in include.get("valueSet", ())]
    if "system" in include:
        parts.append(_in_system_part(definitions, include, system, code))
    return _all(parts) if parts else None


def _in_system_part(definitions: Definitions, include: Mapping[str, Any], system: str | None, code: str) -> Tristate:
    url = include["system"]
    if system is not None and system != url:
        return False
    if "concept" in include:
        return any(concept["code"] == code for concept in include["concept"])
    if "filter" in include:
        return _all([_passes_filter(definitions, url, one, code) for one in include["filter"]])
    return system_contains(definitions, url, code)


def system_contains(definitions: Definitions, url: str, code: str) -> Tristate:
    """Whether a code system has a code; None if the system is not completely available."""
    if url in _GRAMMARS:
        return _GRAMMARS[url].fullmatch(code) is not None
    if url == UCUM:
        return unit_problem(definitions, code) is None
    codes = _codes(definitions, url)
    if codes is None:
        return None
    return code in codes or _lower_case(definitions, url, code) in codes


def _lower_case(definitions: Definitions, url: str, code: str) -> str | None:
    system = definitions.code_system(url) or {}
    return code.lower() if system.get("caseSensitive") is False else None


def _codes(definitions: Definitions, url: str) -> dict[str, tuple[Mapping[str, Any], tuple[str, ...]]] | None:
    """Every code of a complete system, with its concept and parent codes; None if it is not available."""
    key = "codes", url
    if key not in definitions.cache:
        system = definitions.code_system(url)
        complete = system is not None and system.get("content") == "complete" and bool(system.get("concept"))
        definitions.cache[key] = _flatten(system or {}) if complete else None
    return definitions.cache[key]  # type: ignore[no-any-return]


def _flatten(system: Mapping[str, Any]) -> dict[str, tuple[Mapping[str, Any], tuple[str, ...]]]:
    found: dict[str, tuple[Mapping[str, Any], tuple[str, ...]]] = {}
    pending: list[tuple[Mapping[str, Any], tuple[str, ...]]] = [(one, ()) for one in system["concept"]]
    while pending:
        concept, above = pending.pop()
        code = concept["code"]
        parents = [p["valueCode"] for p in concept.get("property", ()) if p["code"] in ("parent", "subsumedBy")]
        found[code] = concept, (*above, *parents)
        if system.get("caseSensitive") is False:
            found.setdefault(code.lower(), found[code])
        pending += [(one, (*above, code)) for one in concept.get("concept", ())]
    return found


def _passes_filter(definitions: Definitions, url: str, one: Mapping[str, Any], code: str) -> Tristate:
    """Whether a code passes one filter of an include."""
    op, value = one["op"], one["value"]
    if one["property"] == "code" and op == "regex":
        return re.fullmatch(value, code) is not None
    codes = _codes(definitions, url)
    if codes is None:
        by_prefix = url in _BY_PREFIX and op == "is-a"
        return code.startswith(value) if by_prefix else None
    if code not in codes:
        return False
    answer = _FILTERS.get(op)
    return answer(codes, code, one["property"], value) if answer else None


def _above(codes: Mapping[str, Any], code: str) -> set[str]:
    """All ancestors of a code, by nesting and by parent properties."""
    found: set[str] = set()
    pending = [code]
    while pending:
        for parent in codes.get(pending.pop(), ({}, ()))[1]:
            if parent not in found:
                found.add(parent)
                pending.append(parent)
    return found


_FILTERS: dict[str, Callable[[Mapping[str, Any], str, str, str], Tristate]] = {
    "is-a": lambda codes, code, _name, value: code == value or value in _above(codes, code),
    "descendent-of": lambda codes, code, _name, value: value in _above(codes, code),
    "is-not-a": lambda codes, code, _name, value: code != value and value not in _above(codes, code),
    "in": lambda codes, code, name, value: (
        bool({code} & set(value.split(","))) if name in ("code", "concept") else None
    ),
}


def _any(answers: Iterable[Tristate]) -> Tristate:
    listed = list(answers)
    return True if True in listed else (None if None in listed else False)


def _all(answers: Sequence[Tristate]) -> Tristate:
    return False if False in answers else (None if None in answers else True)
