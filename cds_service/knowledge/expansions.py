"""Value sets by SNOMED CT hierarchy: the ECL of a value set, and pinned expansions of it in a site folder.

The shipped lists of SNOMED CT codes are flat. A terminology server adds what is below them, once, into files that the
site reviews; a call never asks a terminology server. Source: SNOMED CT Expression Constraint Language 2.2; FHIR R4
ValueSet.expansion.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cds_service.knowledge.table_rows import TableRows
from cds_service.knowledge.value_sets import SNOMED_CT, SUFFICIENT, CodeRule, procedure_of, rules_of


def expandable(rows: TableRows) -> list[str]:
    """The value sets to expand where none is named: what may raise a row, indicate a procedure or name an order.

    What lifts a row (`unless`) or says that there is none is not among them: there, more codes would mean fewer cards.
    """
    questions = [criterion for row in rows.contraindications.values() for criterion in row["criterion"]]
    asked = {name for question in questions for name in question.get("value_sets", ())}
    asked |= {condition["value_set"] for condition in rows.conditions.values()}
    lifting = {
        rows.conditions[name]["value_set"]
        for row in [*rows.contraindications.values(), *questions]
        for name in _conditions_in(row.get("unless"))
        if name in rows.conditions
    }
    orders = {name for name in rows.value_sets if procedure_of(name) in rows.procedures}
    return [name for name in rows.value_sets if name in (asked - lifting) | orders and codes_of(rows, name)]


def codes_of(rows: TableRows, value_set: str) -> dict[str, str]:
    """The SNOMED CT codes of a shipped value set that by themselves mean it, with their displays."""
    rules = rules_of(rows.value_sets[value_set])[0]
    return {
        r.code: r.display or "" for r in rules if r.system == SNOMED_CT and not r.prefix and r.relation in SUFFICIENT
    }


def ecl(codes: Sequence[str]) -> str:
    """The expression for the codes and everything below them."""
    return " OR ".join(f"<< {code}" for code in codes)


def expansion_rules(expansion: Mapping[str, Any]) -> Iterator[CodeRule]:
    """The codes that a pinned expansion adds to its value set; each is narrower than one that is shipped."""
    for entry in expansion["expansion"]["contains"]:
        yield CodeRule(expansion["id"], entry["system"], entry["code"], "narrower", False, entry.get("display"))


def edition_of(expansion: Mapping[str, Any]) -> str:
    """The edition and version of the terminology of a pinned expansion, as the server named it; or an empty text."""
    for parameter in expansion["expansion"].get("parameter", ()):
        if parameter["name"] in ("version", "used-codesystem"):
            return str(next((value for name, value in parameter.items() if name.startswith("value")), ""))
    return ""


def _conditions_in(expression: Any) -> Iterator[str]:
    match expression:
        case str():
            yield expression
        case list():
            for part in expression:
                yield from _conditions_in(part)
        case dict():
            yield from _conditions_in(list(expression.values()))
