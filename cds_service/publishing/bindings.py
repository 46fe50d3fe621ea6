"""What the profiles take from the tables: unions of value sets, and invariants about units, answers and code systems.

The invariants are FSH, because SUSHI puts them into the profiles: `input/fsh/from_tables.fsh`. A RuleSet of each
contraindication row that reads labs binds the code and names the invariants of those labs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from cds_service.knowledge.questions.condition import ConditionQuestion
from cds_service.knowledge.tables import Contraindication, Knowledge, Lab
from cds_service.publishing.definition import Resource, canonical, copyright_of, definition
from cds_service.publishing.lab_invariants import lab_invariants, one_of

Row = Mapping[str, Any]
_OWN = canonical("CodeSystem", "procedures")
FSH_HEAD = "// Made from the tables by `cds-service package build`: change the tables, not this file.\n"


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

    labs = {row.id: [lab.value_set for lab in _labs_of(row, knowledge)] for row in knowledge.contraindications}
    by_row = []
    for row in knowledge.contraindications:
        for kind, names in (("labs", labs[row.id]), ("allergies", _groups_of(row, knowledge))):
            by_row += [union(f"{kind}-{row.id}", f"{kind.capitalize()} read for: {row.label}", names)] if names else []
    procedures = [key for key in value_sets if key.startswith("procedure-")]
    return [
        union("order-codes", "Codes of interventional-radiology orders", procedures, [_OWN]),
        union("condition-codes", "Codes of conditions that the tables ask for", _conditions(knowledge)),
        union("lab-codes", "Codes of labs that the tables read", (name for names in labs.values() for name in names)),
        union("code-relations", "How exactly a code means a concept", (), [canonical("CodeSystem", "code-relations")]),
        *by_row,
    ]


def fsh_from_tables(knowledge: Knowledge, value_sets: Mapping[str, Row], systems: Iterable[Row], release: str) -> str:
    """The FSH file: the release, an invariant a lab, a RuleSet a row that reads labs, invariants about code systems.

    Args:
        knowledge: the tables.
        value_sets: ValueSets by id.
        systems: rows of `code_systems.toml`.
        release: of the tables.
    """
    read = {lab.id: lab for row in knowledge.contraindications for lab in _labs_of(row, knowledge)}
    read_systems = [system for system in systems if not system.get("absence")]
    known = [name for system in read_systems for name in (system["url"], *system["aliases"])]
    coded = f"coding.exists(code.exists() and {one_of('system', known)})"
    blocks = [
        f'RuleSet: Release\n* ^version = "{release}"\n',
        _invariant(
            "ir-condition-system",
            "A condition that counts has a code of a code system that the tables read.",
            f"{_ENDED_OR_DENIED} or code.coding.exists(system.exists() and code.exists()).not() or code.{coded}",
        ),
        _invariant(
            "ir-allergy-named",
            "An allergy, or a substance of its reactions, has a text or a code of a code system that the tables read.",
            f"{_DENIED} or (code | reaction.substance).exists(text.exists() or coding.display.exists() or {coded})",
        ),
        *(
            _invariant(rule.key, rule.human, rule.expression)
            for key in sorted(read)
            for rule in lab_invariants(read[key], value_sets[read[key].value_set])
        ),
        *(
            _rule_set(row, labs, value_sets)
            for row in knowledge.contraindications
            if (labs := _labs_of(row, knowledge))
        ),
    ]
    return FSH_HEAD + "".join(f"\n{block}" for block in blocks)


_DENIED = "verificationStatus.coding.exists(code = 'entered-in-error' or code = 'refuted')"
_ENDED_OR_DENIED = f"clinicalStatus.coding.exists(code = 'inactive' or code = 'resolved') or {_DENIED}"


def _labs_of(row: Contraindication, knowledge: Knowledge) -> list[Lab]:
    """Labs of a row's limits, of what tells their severity, and of what they are computed from; by id."""
    waiting = [lab for criterion in row.criteria for lab in criterion.question.labs]
    found: dict[str, Lab] = {}
    while waiting:
        lab = knowledge.labs[waiting.pop()]
        if lab.id not in found:
            found[lab.id] = lab
            waiting += lab.derivation.inputs if lab.derivation else ()
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


def _rule_set(row: Contraindication, labs: Sequence[Lab], value_sets: Mapping[str, Row]) -> str:
    obeys = " and ".join(rule.key for lab in labs for rule in lab_invariants(lab, value_sets[lab.value_set]))
    name = "".join(word.capitalize() for word in row.id.split("-"))
    bound = canonical("ValueSet", f"labs-{row.id}")
    notice = copyright_of(value_sets[lab.value_set] for lab in labs)
    return f'RuleSet: LabsOf{name}\n* ^copyright = "{notice}"\n* code from {bound} (required)\n* obeys {obeys}\n'


def _invariant(key: str, human: str, expression: str) -> str:
    escaped = expression.replace("\\", "\\\\").replace('"', '\\"')
    return f'Invariant: {key}\nDescription: "{human}"\nSeverity: #error\nExpression: "{escaped}"\n'
