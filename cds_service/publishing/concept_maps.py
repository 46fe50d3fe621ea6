"""The ConceptMap from recorded codes to indications: which code of a Condition supports which reason.

A code settles an indication where the map says `equivalent` or `wider` (the indication is the wider one). Everything
else needs more than this code, and its comment says what. Families of ICD codes are mapped by their first code.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from cds_service.knowledge.expressions import Expression
from cds_service.knowledge.review import expression_text
from cds_service.knowledge.tables import Indication, Knowledge
from cds_service.knowledge.value_sets import SUFFICIENT, CodeRule, rules_of
from cds_service.publishing.definition import Resource, canonical, copyright_of, definition

_KEY = "codes-to-indications"
_SUREST_FIRST = ("equivalent", "wider", "narrower", "inexact", "relatedto")


@dataclass(frozen=True, slots=True)
class _Part:
    """One condition of an indication; `whole` where it is all of it, `needs` what else must hold.

    `wider_counts`: a wider code settles it, too.
    """

    condition: str
    whole: bool
    needs: str = ""
    wider_counts: bool = False


def indication_map(knowledge: Knowledge, value_sets: Mapping[str, Mapping[str, Any]], release: str) -> Resource:
    """Codes of conditions -> ids of the indications that they support.

    Args:
        knowledge: the tables.
        value_sets: ValueSets by id.
        release: of the tables.
    """
    groups: dict[str, dict[str, Resource]] = {}
    for indication in _indications(knowledge):
        for part in _parts(indication, knowledge):
            value_set = value_sets[knowledge.conditions[part.condition].value_set]
            excepted = _excepted(value_set)
            for rule in rules_of(value_set)[0]:
                element = groups.setdefault(rule.system, {}).setdefault(rule.code, _element(rule))
                _add(element["target"], _target(indication, part, rule, excepted.get(rule.system, "")))
    head = definition(
        "ConceptMap",
        _KEY,
        release,
        title="Recorded codes to indications",
        description="Which codes of a Condition support which indication of the first table, and how far.",
    )
    used = {
        knowledge.conditions[part.condition].value_set for i in _indications(knowledge) for part in _parts(i, knowledge)
    }
    return head | {
        "copyright": copyright_of(value_sets[name] for name in sorted(used)),
        "group": [
            {
                "source": system,
                "target": canonical("CodeSystem", "indications"),
                "element": [elements[code] for code in sorted(elements)],
            }
            for system, elements in sorted(groups.items())
        ],
    }


def _indications(knowledge: Knowledge) -> Iterator[Indication]:
    yield from (i for procedure in knowledge.procedures.values() for i in procedure.indications)


def _parts(indication: Indication, knowledge: Knowledge) -> Iterator[_Part]:
    """Every condition that settles the indication, alone or with others; then those that only make it possible."""
    yield from _conditions(indication.present_if, knowledge)
    settled = set(indication.present_if.conditions())
    if indication.possible_if is not None:
        because = knowledge.wording[f"reason.{indication.possible_because}"]
        for name in indication.possible_if.conditions():
            if name not in settled:
                yield _Part(name, whole=False, needs=because)


def _conditions(expression: Expression, knowledge: Knowledge, needs: str = "") -> Iterator[_Part]:
    if expression.operator == "is":
        dated = expression.has_dates and not expression.undated_counts
        needs = needs or (f"only as: {expression_text(expression, knowledge)}" if dated else "")
        yield _Part(expression.condition, whole=not needs, needs=needs, wider_counts=expression.wider_counts)
    elif expression.operator == "any_of":
        for part in expression.parts:
            yield from (replace(p, whole=False) for p in _conditions(part, knowledge, needs))
    elif expression.operator == "all_of":
        for place, part in enumerate(expression.parts):
            others = [*expression.parts[:place], *expression.parts[place + 1 :]]
            also = " and ".join(expression_text(other, knowledge) for other in others)
            yield from _conditions(part, knowledge, f"only together with: {also}")
    # none_of: a condition that must not be there supports nothing


def _element(rule: CodeRule) -> Resource:
    return {"code": rule.code} | ({"display": rule.display} if rule.display else {}) | {"target": []}


def _add(targets: list[Resource], target: Resource) -> None:
    """One target an indication: the surest of those that its conditions give for the code."""
    known = next((t for t in targets if t["code"] == target["code"]), None)
    if known is None:
        targets.append(target)
    elif _SUREST_FIRST.index(target["equivalence"]) < _SUREST_FIRST.index(known["equivalence"]):
        targets[targets.index(known)] = target


def _target(indication: Indication, part: _Part, rule: CodeRule, excepted: str) -> Resource:
    comments = [
        part.needs,
        "" if _settles(part, rule) else f"the code is {rule.relation} and does not settle it",
        f"with every code below it{excepted}" if rule.prefix else "",
    ]
    comment = "; ".join(text for text in comments if text)
    target = {"code": indication.id, "display": indication.label, "equivalence": _equivalence(part, rule)}
    return target | ({"comment": comment} if comment else {})


def _equivalence(part: _Part, rule: CodeRule) -> str:
    """FHIR R4 ConceptMap.group.element.target.equivalence, which speaks of the target: `wider` than the source."""
    if part.needs:
        return "relatedto"
    if _settles(part, rule):
        return "equivalent" if part.whole and rule.relation == "exact" and not rule.prefix else "wider"
    return "narrower" if part.whole and rule.relation == "broader" else "inexact"


def _settles(part: _Part, rule: CodeRule) -> bool:
    return rule.relation in SUFFICIENT or part.wider_counts


def _excepted(value_set: Mapping[str, Any]) -> Mapping[str, str]:
    """By system, what a family of the value set leaves out."""
    return {
        exclude["system"]: f", except those like {' and '.join(f['value'] for f in exclude['filter'])}"
        for exclude in value_set["compose"].get("exclude", ())
    }
