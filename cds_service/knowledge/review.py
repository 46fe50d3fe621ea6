"""The two tables as flat lines of text, one question a line: what `cds-service tables` shows for review.

In: `Knowledge`. Out: lines, mappings of column name to text; every line of one table has the same columns.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from cds_service.knowledge.expressions import Expression
from cds_service.knowledge.tables import (
    BEYOND,
    CONTRAST,
    IN_VESSELS,
    SITE,
    SOURCE_TABLE,
    Contraindication,
    Criterion,
    Gate,
    Indication,
    Knowledge,
    Procedure,
)

ReviewLine = Mapping[str, str]

ORIGINS = {
    SOURCE_TABLE: "What each procedure is for",
    BEYOND: "Procedures beyond the source table",
    SITE: "Procedures of the hospital",
}
"""Heading of the procedures of each origin, in the order in which they are shown."""
_BEFORE_MINOR = {
    "info": "information before a minor procedure",
    "line": "a line before a minor procedure",
    "line-if-awake": "information before a minor procedure, a line without sedation",
}


def procedure_lines(knowledge: Knowledge) -> list[ReviewLine]:
    """First table: one line per procedure and indication; a procedure without indications has one line.

    The rows of the source's table come first.
    """
    order = list(ORIGINS)
    return [
        _procedure_line(procedure, indication, knowledge)
        for procedure in sorted(knowledge.procedures.values(), key=lambda p: (order.index(p.origin), p.region, p.id))
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
            "says": f"{knowledge.labs[threshold.lab].label} {threshold.text}",
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
    columns = {
        "id": "id",
        "table": "changed in",
        "what": "change",
        "reason": "reason",
        "approver": "approver",
        "date": "date",
        "source": "source",
        "from": "counts from",
        "until": "counts until",
    }
    return [{name: str(change.get(key, "")) for key, name in columns.items()} for change in knowledge.changes]


def _procedure_line(procedure: Procedure, indication: Indication | None, knowledge: Knowledge) -> ReviewLine:
    possible = indication.possible_if if indication else None
    return {
        "procedure": procedure.id,
        "name": procedure.label,
        "name on a card": procedure.short,
        "done for": procedure.patients.text,
        "origin": procedure.origin,
        "region": procedure.region,
        "uses": ", ".join(use_text(procedure, use) for use in sorted(procedure.uses - {IN_VESSELS})),
        "bleeding risk": f"{procedure.bleeding_risk}, {procedure.bleeding_risk_basis}",
        "access": procedure.access,
        "urgency": " or ".join(procedure.urgency),
        "frequency, 1 to 4": "" if procedure.frequency is None else str(procedure.frequency),
        "emergency": "yes" if procedure.emergency else "no",
        "information at most": ", ".join(sorted(procedure.at_most_info | procedure.expected)),
        "alternatives": ", ".join(f"{row}: {other}" for row, other in procedure.alternatives.items()),
        "procedure source": procedure.source,
        "indication": indication.id if indication else "none of its own",
        "present if": expression_text(indication.present_if, knowledge) if indication else "",
        "only possible if": expression_text(possible, knowledge) if possible else "",
        "only for": indication.patients.text if indication else "",
        "grade": indication.grade if indication else "",
        "source": indication.source if indication else "",
        "in shadow": "yes" if procedure.shadow else "",
    }


def use_text(procedure: Procedure, use: str) -> str:
    """Something that a procedure uses, with whether it usually does and whether it goes into vessels."""
    remarks = ["usually"] if use in procedure.usually_uses else []
    remarks += ["outside vessels"] if use == CONTRAST and IN_VESSELS not in procedure.uses else []
    words = _words(use)
    return f"{words} ({', '.join(remarks)})" if remarks else words


def _words(use: str) -> str:
    """`iodinated contrast`, of the id that joins the two tables."""
    return use.replace("-", " ")


def _criterion_line(row: Contraindication, criterion: Criterion, knowledge: Knowledge) -> ReviewLine:
    question, threshold = criterion.question, criterion.question.limit
    gates = [*gate_texts(row.gate, knowledge), *gate_texts(criterion.gate, knowledge)]
    return {
        "row": row.id,
        "question": criterion.id,
        "name": criterion.label,
        "applies where": "; ".join(dict.fromkeys(gates)) or "any procedure",
        "asks": question.asks(knowledge),
        "reads": ", ".join(question.reads(knowledge)),
        "oldest result, days": str(threshold.within_days) if threshold else "",
        "told as": _told_as(criterion),
        "without data": "unknown" if criterion.required else "not missed",
        "guideline": "; ".join(question.guidelines(knowledge)),
        "grade": threshold.grade if threshold else criterion.grade,
        "source": threshold.source if threshold else criterion.source or row.source,
        "status": "active, in shadow" if row.shadow else "active",
    }


def _told_as(criterion: Criterion) -> str:
    level = criterion.question.told_as(criterion.indicator)
    return f"{level}, {_BEFORE_MINOR[criterion.minor]}" if criterion.minor else level


def gate_texts(gate: Gate, knowledge: Knowledge) -> Iterator[str]:
    """When a row or criterion applies, in words; nothing for one that always does."""
    if gate.uses:
        yield f"uses {' or '.join(map(_words, sorted(gate.uses)))}"
    if gate.bleeding_risk:
        yield f"bleeding risk {gate.bleeding_risk}"
    if gate.access:
        yield f"access {' or '.join(sorted(gate.access))}"
    if gate.procedures:
        yield f"only {', '.join(sorted(gate.procedures))}"
    if gate.except_procedures:
        yield f"not {', '.join(sorted(gate.except_procedures))}"
    if gate.urgency:
        yield f"if {' or '.join(sorted(gate.urgency))}"
    if gate.radiation_field:
        yield f"X-rays through {' or '.join(sorted(gate.radiation_field))}"
    if gate.patients.text:
        yield gate.patients.text
    if gate.when:
        yield f"with {expression_text(gate.when, knowledge)}"
    if gate.unless:
        days = f" of the last {gate.unless_within_days} days" if gate.unless_within_days is not None else ""
        yield f"not with {expression_text(gate.unless, knowledge)}{days}"


def expression_text(expression: Expression, knowledge: Knowledge) -> str:
    """An expression in words, with the labels of its conditions."""
    if expression.operator == "is":
        return f"{knowledge.conditions[expression.condition].label}{_dates(expression)}"
    parts = [expression_text(part, knowledge) for part in expression.parts]
    if expression.operator == "none_of":
        return f"none of ({', '.join(parts)})"
    return f"({f' {_JOINT[expression.operator]} '.join(parts)})"


def _dates(expression: Expression) -> str:
    undated = " or without a date" if expression.undated_counts else ""
    parts = []
    if expression.within_days is not None:
        parts.append(f" of the last {expression.within_days} days{undated}")
    if expression.older_than_days is not None:
        parts.append(f" of more than {expression.older_than_days} days ago")
    return "".join(parts)


_JOINT = {"all_of": "and", "any_of": "or"}
