"""One PlanDefinition a procedure: the rules of both tables as published evidence.

Each action is a rule of the kind event, condition, action: the hooks that raise it, what it asks in words, the data
that it reads, and the source with its grade. The words are no program: `expression.language` is `text/plain`, and what
judges a patient is the service. Actions are those that can apply to what the procedure uses; a gate that depends on the
patient is part of the words.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cds_service.hooks.catalog import SERVICES
from cds_service.kinds import KINDS
from cds_service.knowledge.alerts import Alert
from cds_service.knowledge.questions.condition import ConditionQuestion
from cds_service.knowledge.questions.question import DataNeed
from cds_service.knowledge.review import ReviewLine, contraindication_lines, expression_text, procedure_lines
from cds_service.knowledge.tables import Contraindication, Criterion, Indication, Knowledge, Procedure
from cds_service.publishing.applies import asked
from cds_service.publishing.definition import Resource, canonical, code_of, definition

_PLAN_TYPE = {"system": "http://terminology.hl7.org/CodeSystem/plan-definition-type", "code": "eca-rule"}
_FOCUS = {"system": "http://terminology.hl7.org/CodeSystem/usage-context-type", "code": "focus"}


@dataclass(frozen=True, slots=True)
class _Source:
    """The tables and their lines for review, by id of the question."""

    knowledge: Knowledge
    procedures: Mapping[str, ReviewLine]
    indications: Mapping[str, ReviewLine]
    questions: Mapping[str, ReviewLine]
    release: str


def plan_definitions(knowledge: Knowledge, release: str) -> list[Resource]:
    """One PlanDefinition for every active procedure.

    Args:
        knowledge: the tables.
        release: of the tables.
    """
    lines = procedure_lines(knowledge)
    source = _Source(
        knowledge,
        procedures={line["procedure"]: line for line in lines},
        indications={line["indication"]: line for line in lines},
        questions={line["question"]: line for line in contraindication_lines(knowledge)},
        release=release,
    )
    return [_plan(procedure, source) for procedure in knowledge.procedures.values()]


def _plan(procedure: Procedure, source: _Source) -> Resource:
    line = source.procedures[procedure.id]
    facts = ("region", "uses", "bleeding risk", "access", "emergency")
    head = definition(
        "PlanDefinition",
        procedure.id,
        source.release,
        title=procedure.label,
        description="\n".join(f"- {name}: {line[name]}" for name in facts if line[name]),
    )
    focus = code_of("procedures", procedure.id, procedure.label)
    return head | {
        "type": {"coding": [_PLAN_TYPE]},
        "subjectCodeableConcept": _resource_type("Patient"),
        "useContext": [{"code": _FOCUS, "valueCodeableConcept": focus}],
        "topic": [focus],
        "relatedArtifact": [{"type": "documentation", "citation": procedure.source}],
        "action": [*_actions(procedure, source)],
    }


def _actions(procedure: Procedure, source: _Source) -> Iterator[Resource]:
    triggers = [{"type": "named-event", "name": hook} for hook in _hooks(procedure)]
    reasons = [_indication(indication, source) for indication in procedure.indications]
    # An order that says no more than a parent may be for the reasons of any procedure below it.
    reasons += [_child(below) for below in _below(procedure, source.knowledge) if below.indications]
    if reasons:
        yield {"id": "indications", "title": "Indications", "trigger": triggers, "action": reasons}
    if procedure.alerts:
        alerts = [_alert(alert, source.knowledge) for alert in procedure.alerts]
        yield {"id": "alerts", "title": "Not to be mistaken for an indication", "trigger": triggers, "action": alerts}
    for row in source.knowledge.contraindications:
        if criteria := asked(row, procedure):
            yield _row(row, procedure, source) | {
                "trigger": triggers,
                "action": [_question(criterion, procedure, source) for criterion in criteria],
            }


def _hooks(procedure: Procedure) -> list[str]:
    """The hooks that judge the procedure: patient-view speaks of the offered ones only."""
    return [s.hook for s in SERVICES.values() if s.focus != "none" or (procedure.offered and procedure.indications)]


def _indication(indication: Indication, source: _Source) -> Resource:
    line = source.indications[indication.id]
    words = [f"present if {line['present if']}"]
    words += [f"only possible if {line['only possible if']}"] if line["only possible if"] else []
    words += [f"only for: {line['only for']}"] if line["only for"] else []
    expressions = [e for e in (indication.present_if, indication.possible_if) if e is not None]
    names = [name for expression in expressions for name in expression.conditions()]
    return {
        "id": indication.id,
        "title": indication.label,
        "code": [code_of("indications", indication.id, indication.label)],
        "documentation": [_documentation(line)],
        "condition": [_applicability("; ".join(words))],
        "input": [*_conditions(names, source.knowledge)],
    }


def _child(procedure: Procedure) -> Resource:
    return {
        "id": procedure.id,
        "title": f"The indications of: {procedure.label}",
        "definitionCanonical": canonical("PlanDefinition", procedure.id),
    }


def _below(procedure: Procedure, knowledge: Knowledge) -> Iterator[Procedure]:
    for child in (knowledge.procedures[key] for key in knowledge.children.get(procedure.id, ())):
        yield child
        yield from _below(child, knowledge)


def _alert(alert: Alert, knowledge: Knowledge) -> Resource:
    names, recorded = alert.when.conditions(), expression_text(alert.when, knowledge)
    return {
        "id": names[0],
        "title": knowledge.conditions[names[0]].label,
        "description": knowledge.wording[alert.wording],
        "condition": [_applicability(_told_with(recorded, alert))],
        "input": [*_conditions(names, knowledge)],
    }


def _told_with(recorded: str, alert: Alert) -> str:
    return f"{recorded}; unless an indication is {alert.unless_indication}" if alert.unless_indication else recorded


def _row(row: Contraindication, procedure: Procedure, source: _Source) -> Resource:
    note = procedure.notes.get(row.id)
    return {
        "id": row.id,
        "title": row.label,
        **({"description": source.knowledge.wording[note]} if note else {}),
        "code": [code_of("contraindications", row.id, row.label)],
        "documentation": [{"type": "documentation", "citation": row.source}],
    }


def _question(criterion: Criterion, procedure: Procedure, source: _Source) -> Resource:
    line = source.questions[criterion.id]
    told = f"{line['told as']}{_softened(criterion, line['row'], procedure)}"
    words = [line["asks"], f"applies where: {line['applies where']}"]
    days = line["oldest result, days"]
    words += [f"oldest result that counts, in days: {days}"] if days else []
    known, wording = source.knowledge.advice, source.knowledge.wording
    advice = [wording[f"advice.{key}"] for key in criterion.advice if not (key in known and known[key].only_with)]
    return {
        "id": criterion.id,
        "title": criterion.label,
        **({"description": " ".join(advice)} if advice else {}),
        "textEquivalent": f"told as {told}; without data: {line['without data']}",
        "code": [code_of("contraindications", criterion.id, criterion.label)],
        "documentation": [_documentation(line)],
        "condition": [_applicability("; ".join(words))],
        "input": [*_inputs(criterion, source.knowledge)],
    }


def _softened(criterion: Criterion, row: str, procedure: Procedure) -> str:
    if row in procedure.at_most_info | procedure.expected or (criterion.minor and procedure.is_minor):
        return ", here as information at most"
    return ", never louder than warning in this emergency" if procedure.emergency else ""


def _inputs(criterion: Criterion, knowledge: Knowledge) -> Iterator[Resource]:
    """The data that a question reads, those of its gate included."""
    yield from map(_data, criterion.question.needs(knowledge))
    gates = [e for e in (criterion.gate.when, criterion.gate.unless) if e is not None]
    yield from _conditions((name for gate in gates for name in gate.conditions()), knowledge)


def _conditions(names: Iterable[str], knowledge: Knowledge) -> Iterator[Resource]:
    """The recorded conditions of these ids, each once."""
    for name in dict.fromkeys(names):
        yield _data(DataNeed(ConditionQuestion.DATA, knowledge.conditions[name].value_set))


def _data(need: DataNeed) -> Resource:
    kind = KINDS[need.kind]
    days = {"value": need.within_days, "unit": "days", "system": "http://unitsofmeasure.org", "code": "d"}
    return {
        "type": kind.resource_type,
        **({"profile": [canonical("StructureDefinition", kind.profile)]} if kind.profile else {}),
        "codeFilter": [
            {"path": kind.code_element, "valueSet": canonical("ValueSet", need.value_set)},
        ],
        **(
            {"dateFilter": [{"path": kind.time_element, "valueDuration": days}]} if need.within_days is not None else {}
        ),
    }


def _applicability(words: str) -> Resource:
    return {"kind": "applicability", "expression": {"language": "text/plain", "expression": words}}


def _documentation(line: Mapping[str, Any]) -> Resource:
    """The source of a rule; the grade is the label, the guideline what is displayed."""
    members = {
        "type": "documentation",
        "label": f"Grade {line['grade']}" if line["grade"] else "",
        "display": line.get("guideline", ""),
        "citation": line["source"],
    }
    return {name: text for name, text in members.items() if text}


def _resource_type(name: str) -> Resource:
    return {"coding": [{"system": "http://hl7.org/fhir/resource-types", "code": name}]}
