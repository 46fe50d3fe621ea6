"""Is a code in a value set? Yes, no, or: can't be told with what is at hand.

Source: FHIR R4 ValueSet, section Value Set Composition; CodeSystem, section Filters.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from cds_service.profiles.definitions import Definitions

# Code systems that are a grammar, not a list. Source: RFC 6838 and RFC 2045 (and the short forms of FHIR R4
# CapabilityStatement.format); BCP 47 (RFC 5646); ISO 4217; The Unified Code for Units of Measure, section 2.1.
_GRAMMARS = {
    "urn:ietf:bcp:13": re.compile(r"[\w.+!#$&^-]+/[\w.+!#$&^*-]+(\s*;.*)?|xml|json|ttl"),
    "urn:ietf:bcp:47": re.compile(r"([A-Za-z]{2,3}(-[A-Za-z]{3}){0,3}|[A-Za-z]{4,8}|[xXiI])(-[A-Za-z0-9]{1,8})*"),
    "urn:iso:std:iso:4217": re.compile(r"[A-Z]{3}"),
    "http://unitsofmeasure.org": re.compile(r"[!-~]+"),
}
# Classifications whose families are prefixes of their codes, so that is-a can be told without the list.
_BY_PREFIX = {
    "http://hl7.org/fhir/sid/icd-10",
    "http://hl7.org/fhir/sid/icd-10-cm",
    "http://hl7.org/fhir/sid/icd-10-de",
    "http://fhir.de/CodeSystem/bfarm/icd-10-gm",
    "http://www.whocc.no/atc",
}

# Source: Using SNOMED CT with FHIR, section Implicit Value Sets.
_WHOLE_SYSTEM = "?fhir_vs"

_MOST_ANSWERS = 50_000
_NOT_ASKED = object()

Answer = bool | None


def holds(definitions: Definitions, url: str, system: str | None, code: str) -> Answer:
    """Whether a value set holds a code.

    Args:
        definitions: what is at hand.
        url: canonical URL of the value set.
        system: the code's system; None for an element of type `code`, whose system the value set implies.
        code: the code.

    Returns:
        True, False, or None where the value set, or a code system that it needs, is not at hand.
    """
    key = url, system, code
    answer = definitions.answers.get(key, _NOT_ASKED)
    if answer is _NOT_ASKED:
        if len(definitions.answers) >= _MOST_ANSWERS:
            definitions.answers.clear()
        answer = definitions.answers[key] = _holds(definitions, url, system, code, ())
    return answer  # type: ignore[return-value]  # the mark of what was not asked is gone


def _holds(definitions: Definitions, url: str, system: str | None, code: str, within: tuple[str, ...]) -> Answer:
    value_set = definitions.value_set(url)
    if url.endswith(_WHOLE_SYSTEM):
        base = url.removesuffix(_WHOLE_SYSTEM)
        return in_system(definitions, base, code) if system in (None, base) else False
    if value_set is None or url in within:
        return None
    compose, within = value_set.get("compose", {}), (*within, url)
    if not compose.get("include"):
        return _in_expansion(value_set, system, code)
    included = _any(_in_include(definitions, one, system, code, within) for one in compose["include"])
    excluded = _any(_in_include(definitions, one, system, code, within) for one in compose.get("exclude", ()))
    answer = _all([included, None if excluded is None else not excluded])
    return _in_expansion(value_set, system, code) if answer is None else answer


def _in_expansion(value_set: Mapping[str, Any], system: str | None, code: str) -> Answer:
    """As the value set was expanded by whoever published it; only a complete expansion can say no."""
    expansion = value_set.get("expansion")
    if not expansion or "contains" not in expansion:
        return None
    open_list = [expansion["contains"]]
    while open_list:
        for one in open_list.pop():
            if one.get("code") == code and system in (None, one.get("system")):
                return True
            open_list.append(one.get("contains", ()))
    return None if "total" not in expansion or expansion["total"] > _count(expansion["contains"]) else False


def _count(contains: Sequence[Mapping[str, Any]]) -> int:
    return sum(1 + _count(one.get("contains", ())) for one in contains)


def _in_include(
    definitions: Definitions, include: Mapping[str, Any], system: str | None, code: str, within: tuple[str, ...]
) -> Answer:
    """One include or exclude: its system's part and every value set that it names must hold the code."""
    parts = [_holds(definitions, url, system, code, within) for url in include.get("valueSet", ())]
    if "system" in include:
        parts.append(_in_system_part(definitions, include, system, code))
    return _all(parts) if parts else None


def _in_system_part(definitions: Definitions, include: Mapping[str, Any], system: str | None, code: str) -> Answer:
    url = include["system"]
    if system is not None and system != url:
        return False
    if "concept" in include:
        return any(concept["code"] == code for concept in include["concept"])
    if "filter" in include:
        return _all([_passes(definitions, url, one, code) for one in include["filter"]])
    return in_system(definitions, url, code)


def in_system(definitions: Definitions, url: str, code: str) -> Answer:
    """Whether a code system has a code; None where the system is not at hand in full."""
    if url in _GRAMMARS:
        return _GRAMMARS[url].fullmatch(code) is not None
    codes = _codes(definitions, url)
    if codes is None:
        return None
    return code in codes or _folded(definitions, url, code) in codes


def _folded(definitions: Definitions, url: str, code: str) -> str | None:
    system = definitions.code_system(url) or {}
    return code.lower() if system.get("caseSensitive") is False else None


def _codes(definitions: Definitions, url: str) -> dict[str, tuple[Mapping[str, Any], tuple[str, ...]]] | None:
    """Every code of a complete system, with its concept and the codes above it; None where it is not at hand."""
    key = "codes", url
    if key not in definitions.memory:
        system = definitions.code_system(url)
        complete = system is not None and system.get("content") == "complete" and bool(system.get("concept"))
        definitions.memory[key] = _flat(system or {}) if complete else None
    return definitions.memory[key]  # type: ignore[no-any-return]


def _flat(system: Mapping[str, Any]) -> dict[str, tuple[Mapping[str, Any], tuple[str, ...]]]:
    found: dict[str, tuple[Mapping[str, Any], tuple[str, ...]]] = {}
    open_list: list[tuple[Mapping[str, Any], tuple[str, ...]]] = [(one, ()) for one in system["concept"]]
    while open_list:
        concept, above = open_list.pop()
        code = concept["code"]
        parents = [p["valueCode"] for p in concept.get("property", ()) if p["code"] in ("parent", "subsumedBy")]
        found[code] = concept, (*above, *parents)
        if system.get("caseSensitive") is False:
            found.setdefault(code.lower(), found[code])
        open_list += [(one, (*above, code)) for one in concept.get("concept", ())]
    return found


def _passes(definitions: Definitions, url: str, one: Mapping[str, Any], code: str) -> Answer:
    """One filter of an include."""
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
    """Every code above one, through nesting and through parent properties."""
    found: set[str] = set()
    open_list = [code]
    while open_list:
        for parent in codes.get(open_list.pop(), ({}, ()))[1]:
            if parent not in found:
                found.add(parent)
                open_list.append(parent)
    return found


_FILTERS: dict[str, Callable[[Mapping[str, Any], str, str, str], Answer]] = {
    "is-a": lambda codes, code, _name, value: code == value or value in _above(codes, code),
    "descendent-of": lambda codes, code, _name, value: value in _above(codes, code),
    "is-not-a": lambda codes, code, _name, value: code != value and value not in _above(codes, code),
    "in": lambda codes, code, name, value: (
        bool({code} & set(value.split(","))) if name in ("code", "concept") else None
    ),
}


def _any(answers: Iterable[Answer]) -> Answer:
    listed = list(answers)
    return True if True in listed else (None if None in listed else False)


def _all(answers: Sequence[Answer]) -> Answer:
    return False if False in answers else (None if None in answers else True)
