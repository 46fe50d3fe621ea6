"""Validates coded values against the value set that their element is bound to.

A code outside the value set is an error for a required binding and a warning for an extensible one. Preferred and
example bindings are not checked.
Source: FHIR R4 Terminologies, section Binding Strengths.
"""

from __future__ import annotations

from typing import Any

from cds_service.profiles.elements import Binding
from cds_service.profiles.terminology import Tristate, value_set_contains
from cds_service.profiles.validation_run import Node, ValidationRun
from cds_service.profiles.values import quoted

_STRENGTHS = {"required": "error", "extensible": "warning"}
_MEANT_EXTENSIBLE = frozenset({"http://hl7.org/fhir/ValueSet/ucum-vitals-common"})
"""Required in R4 of every component of a vital sign. HL7's own validator takes it for extensible, since it lacks the
L/min of a flow of oxygen, which US Core's pulse oximetry has."""
# With the types derived from them. Source: FHIR R4 ElementDefinition, eld-11.
_BOUND_TYPES = frozenset({"Coding", "CodeableConcept", "Quantity", "string", "uri"})


def check_binding(run: ValidationRun, node: Node, binding: Binding) -> None:
    """Check one value against its binding, which other types of a choice, such as boolean, do not have."""
    if _BOUND_TYPES.isdisjoint(run.definitions.ancestors(node.type)):
        return
    for further, url in binding.further:
        _check(run, node, further, url)
    strength = "extensible" if binding.value_set.partition("|")[0] in _MEANT_EXTENSIBLE else binding.strength
    if strength in _STRENGTHS:
        _check(run, node, strength, binding.value_set)


def _check(run: ValidationRun, node: Node, strength: str, url: str) -> None:
    codes = codes_of(node.value, node.type)
    if not codes and strength == "extensible":
        return
    answer = contains_any(run, url, codes)
    if answer is None:
        message = f"the value set {url} is not completely available: {_named(codes)} not checked"
        run.add("information", node, "binding-unknown", "not-found", message)
    elif answer is False:
        fault = f"{_named(codes)} is not in the value set" if codes else "no code from the value set"
        remedy = "a code from it is required" if strength == "required" else "use a code from it if one fits"
        run.add(_STRENGTHS[strength], node, "binding", "code-invalid", f"{fault} {url}: {remedy}")  # type: ignore[arg-type]


def contains_any(run: ValidationRun, url: str, codes: list[tuple[str | None, str]]) -> Tristate:
    """Whether a value set contains at least one of the codes; additional local codes are allowed."""
    if not codes:
        return False if run.definitions.value_set(url) or "?" in url else None
    answers = [value_set_contains(run.definitions, url, system, code) for system, code in codes]
    return True if True in answers else (None if None in answers else False)


def codes_of(value: Any, kind: str) -> list[tuple[str | None, str]]:
    """(system, code) pairs; the system is None if the element implies it, "" if it is missing."""
    if isinstance(value, str):
        return [(None, value)]
    if not isinstance(value, dict):
        return []
    codings = value.get("coding", ()) if kind == "CodeableConcept" else [value]
    return [
        (str(one.get("system", "")), one["code"])
        for one in (codings if isinstance(codings, list) else ())
        if isinstance(one, dict) and isinstance(one.get("code"), str)
    ]


def _named(codes: list[tuple[str | None, str]]) -> str:
    return ", ".join(quoted(code if system is None else f"{system}#{code}") for system, code in codes[:3]) or "it"
