"""The two tables as flat lines of text, one question a line: what `cds-service tables` shows for review.

In: `Knowledge`. Out: lines, mappings of column name to text; every line of one table has the same columns.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from cds_service.knowledge.tables import (
    Contraindication,
    Criterion,
    Expression,
    Gate,
    Indication,
    Knowledge,
    Procedure,
    Threshold,
)

ReviewLine = Mapping[str, str]


def procedure_lines(knowledge: Knowledge) -> list[ReviewLine]:
    """First table: one line per procedure and indication; a procedure without indications has one line."""
    return [
        _procedure_line(procedure, indication, knowledge)
        for procedure in sorted(knowledge.procedures.values(), key=lambda p: (p.region, p.id))
        for indication in procedure.indications or (None,)
    ]


def contraindication_lines(knowledge: Knowledge) -> list[ReviewLine]:
    """Second table: one line per row and criterion that speaks."""
    return [
        _criterion_line(row, criterion, knowledge) for row in knowledge.contraindications for criterion in row.criteria
    ]


def silent_lines(knowledge: Knowledge) -> list[ReviewLine]:
    """Limits that do not speak, because their status is not `active`: sourced poorly, or switched off by a site."""
    return [
        {
            "limit": threshold.id,
            "says": f"{knowledge.labs[threshold.lab].label} {limit_text(threshold)}",
            "oldest result, days": str(threshold.within_days),
            "guideline": threshold.guideline,
            "grade": threshold.grade,
            "source": threshold.source,
            "status": threshold.status,
        }
        for threshold in knowledge.thresholds.values()
        if threshold.status != "active"
    ]


def change_lines(knowledge: Knowledge) -> list[ReviewLine]:
    """What a site folder changed, each with its reason, approver and date."""
    columns = {"id": "id", "table": "changed in", "reason": "reason", "approver": "approver", "date": "date"}
    return [{name: str(change.get(key, "")) for key, name in columns.items()} for change in knowledge.changes]


def _procedure_line(procedure: Procedure, indication: Indication | None, knowledge: Knowledge) -> ReviewLine:
    possible = indication.possible_if if indication else None
    return {
        "procedure": procedure.id,
        "name": procedure.label,
        "region": procedure.region,
        "uses": ", ".join(_use(procedure, use) for use in sorted(procedure.uses)),
        "bleeding risk": f"{procedure.bleeding_risk} ({procedure.bleeding_risk_basis})",
        "access": procedure.access,
        "emergency": "yes" if procedure.emergency else "no",
        "procedure source": procedure.source,
        "indication": indication.id if indication else "none of its own",
        "present if": expression_text(indication.present_if, knowledge) if indication else "",
        "only possible if": expression_text(possible, knowledge) if possible else "",
        "grade": indication.grade if indication else "",
        "source": indication.source if indication else "",
        "in shadow": "yes" if procedure.shadow else "",
    }


def _use(procedure: Procedure, use: str) -> str:
    return f"{use} (usually)" if use in procedure.usually_uses else use


def _criterion_line(row: Contraindication, criterion: Criterion, knowledge: Knowledge) -> ReviewLine:
    threshold = knowledge.thresholds[criterion.threshold] if criterion.threshold else None
    gates = [*_gate(row.gate, knowledge), *_gate(criterion.gate, knowledge)]
    return {
        "row": row.id,
        "question": criterion.id,
        "name": criterion.label,
        "applies where": "; ".join(dict.fromkeys(gates)) or "any procedure",
        "asks": _asks(criterion, threshold, knowledge),
        "oldest result, days": str(threshold.within_days) if threshold else "",
        "told as": _told(criterion),
        "without data": "unknown" if criterion.required else "not missed",
        "guideline": threshold.guideline if threshold else "",
        "grade": threshold.grade if threshold else "",
        "source": threshold.source if threshold else row.source,
        "status": "active, in shadow" if row.shadow else "active",
    }


def _gate(gate: Gate, knowledge: Knowledge) -> Iterator[str]:
    if gate.uses:
        yield f"uses {' or '.join(sorted(gate.uses))}"
    if gate.bleeding_risk:
        yield f"bleeding risk {gate.bleeding_risk}"
    if gate.access:
        yield f"access {' or '.join(sorted(gate.access))}"
    if gate.procedures:
        yield f"only {', '.join(sorted(gate.procedures))}"
    if gate.when:
        yield f"with {expression_text(gate.when, knowledge)}"
    if gate.unless:
        yield f"not with {expression_text(gate.unless, knowledge)}"


def _asks(criterion: Criterion, threshold: Threshold | None, knowledge: Knowledge) -> str:
    if threshold:
        return f"{knowledge.labs[threshold.lab].label} {limit_text(threshold)}"
    if criterion.allergy:
        return f"allergy of the group {criterion.allergy.group}"
    return f"a condition of {', '.join(criterion.value_sets)}"


def _told(criterion: Criterion) -> str:
    parts = [criterion.indicator or "as the reaction says"]
    if criterion.allergy and criterion.allergy.severe:
        parts.append(f"{criterion.allergy.severe} when severe")
    if criterion.allergy and criterion.allergy.physiologic:
        parts.append(f"{criterion.allergy.physiologic} when physiologic only")
    if criterion.acute_within_days is not None:
        parts.append(f"info when older than {criterion.acute_within_days} days")
    return ", ".join(parts)


def limit_text(threshold: Threshold) -> str:
    """A limit as one reads it aloud: `< 50 10*9/L`, or the rise that it looks for."""
    if threshold.comparison == "in":
        return f"answered with one of {', '.join(threshold.answers)}"
    if threshold.comparison != "rise":
        unit = "" if threshold.unit == "1" else f" {threshold.unit}"
        return f"{threshold.comparison} {threshold.value}{unit}"
    rise = f"rises by {threshold.rise} {threshold.unit} in {threshold.rise_within_hours} h"
    return f"{rise} or to {threshold.ratio} times in {threshold.ratio_within_days} days"


def expression_text(expression: Expression, knowledge: Knowledge) -> str:
    """An expression in words, with the labels of its conditions."""
    if expression.operator == "is":
        return knowledge.conditions[expression.condition].label
    parts = [expression_text(part, knowledge) for part in expression.parts]
    if expression.operator == "none_of":
        return f"none of ({', '.join(parts)})"
    return f"({f' {_JOINT[expression.operator]} '.join(parts)})"


_JOINT = {"all_of": "and", "any_of": "or"}
