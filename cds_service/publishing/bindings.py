"""Unions of value sets that profiles bind to: what the rows of the tables read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from cds_service.knowledge.lab_types import Lab
from cds_service.knowledge.lab_units import with_inputs
from cds_service.knowledge.questions.antithrombotic import ANTITHROMBOTIC_CODES, antithrombotic_value_sets
from cds_service.knowledge.questions.condition import ConditionQuestion
from cds_service.knowledge.table_rows import Row
from cds_service.knowledge.tables import Contraindication, Knowledge
from cds_service.knowledge.value_sets import procedure_of
from cds_service.publishing.definition import Resource, canonical, definition

_OWN = canonical("CodeSystem", "procedures")


def binding_sets(knowledge: Knowledge, value_sets: Mapping[str, Row], release: str) -> list[Resource]:
    """Unions of value sets that profiles bind to; no code is listed in them.

    Args:
        knowledge: the tables.
        value_sets: ValueSets by id.
        release: of the tables.
    """

    def union(key: str, title: str, names: Iterable[str], systems: Iterable[str] = ()) -> Resource:
        parts: list[Row] = [{"valueSet": [canonical("ValueSet", name)]} for name in sorted(set(names))]
        parts += [{"system": system} for system in systems]
        text = "No code is listed here: a union of what this package holds elsewhere."
        head = definition("ValueSet", key, release, title=title, description=text)
        return head | {"compose": {"include": parts}}

    labs = {key: [lab.value_set for lab in read] for key, read in labs_by_row(knowledge).items()}
    by_row = []
    for row in knowledge.contraindications:
        for kind, names in (("labs", labs.get(row.id)), ("allergies", _groups_of(row, knowledge))):
            by_row += [union(f"{kind}-{row.id}", f"{kind.capitalize()} read for: {row.label}", names)] if names else []
    procedures = [key for key in value_sets if procedure_of(key)]
    return [
        union("order-codes", "Codes of interventional-radiology orders", procedures, [_OWN]),
        union("condition-codes", "Codes of conditions that the tables ask for", _conditions(knowledge)),
        union("lab-codes", "Codes of labs that the tables read", (name for names in labs.values() for name in names)),
        union(ANTITHROMBOTIC_CODES, "Codes of antithrombotic medications", antithrombotic_value_sets(knowledge)),
        union("code-relations", "How exactly a code means a concept", (), [canonical("CodeSystem", "code-relations")]),
        *by_row,
    ]


def labs_by_row(knowledge: Knowledge) -> dict[str, list[Lab]]:
    """By id of each contraindication row that reads labs: the labs, by their id."""
    return {row.id: labs for row in knowledge.contraindications if (labs := _labs_of(row, knowledge))}


def _labs_of(row: Contraindication, knowledge: Knowledge) -> list[Lab]:
    """Labs of a row's limits, of what tells their severity, and of what they are computed from; by id."""
    found = with_inputs((lab for criterion in row.criteria for lab in criterion.question.labs), knowledge.labs)
    return [found[key] for key in sorted(found) if found[key].value_set]


def _groups_of(row: Contraindication, knowledge: Knowledge) -> list[str]:
    """Value sets of the allergies that a severe reaction makes graver: of others the reaction is not asked."""
    needs = [need for criterion in row.criteria for need in criterion.question.needs(knowledge)]
    return list(dict.fromkeys(need.value_set for need in needs if need.with_reaction))


def _conditions(knowledge: Knowledge) -> set[str]:
    """Value sets of every condition that an indication, a gate or a criterion names."""
    reasons = [i for procedure in knowledge.procedures.values() for i in procedure.indications]
    expressions = [e for i in reasons for e in (i.present_if, i.possible_if)]
    gates = [gate for row in knowledge.contraindications for gate in (row.gate, *(c.gate for c in row.criteria))]
    expressions += [e for gate in gates for e in (gate.when, gate.unless)]
    names = {name for expression in expressions if expression for name in expression.conditions()}
    needs = [n for row in knowledge.contraindications for c in row.criteria for n in c.question.needs(knowledge)]
    direct = {need.value_set for need in needs if need.kind == ConditionQuestion.DATA}
    return direct | {knowledge.conditions[name].value_set for name in names}
