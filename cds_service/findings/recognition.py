"""Which procedure an order is: by code, then by text, and where several fit, by the recorded condition.

A code that is exact or narrower settles it. Shared and wider codes, and parents, only raise candidates: the record's
own indications choose among them, and where they don't, the order is judged as the common parent.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cds_service.facts.patient_facts import OrderFact
from cds_service.findings.chart import Chart
from cds_service.knowledge.tables import Knowledge, Procedure

_PREFIX = "procedure-"


@dataclass(frozen=True, slots=True)
class Recognized:
    """What an order is.

    `procedure` names it; `candidates` are the procedures that it may be (one, unless they could not be told apart).
    `by` is `code`, `text` or `condition`.
    """

    procedure: Procedure
    candidates: tuple[Procedure, ...]
    by: str
    synonym: str | None = None


def recognize(order: OrderFact, chart: Chart, knowledge: Knowledge) -> Recognized | None:
    """The procedure of an order, or None for one that is none of the table's.

    Args:
        order: the order.
        chart: the patient's conditions with the order's own reasons.
        knowledge: the tables.
    """
    if not order.readable or order.forbids:
        return None
    settled, raised = _by_code(order, knowledge)
    if settled:
        return _settle(settled, "code", None, chart, knowledge)
    text = knowledge.order_texts.recognize(order.concept.texts)
    named = text.procedures
    if raised and named:
        named = _agreeing(named, raised, knowledge) or tuple(dict.fromkeys((*raised, *named)))
    elif raised and not text.vetoed:
        return _settle(raised, "code", None, chart, knowledge)
    return _settle(named, "text", text.synonym, chart, knowledge) if named else None


def _by_code(order: OrderFact, knowledge: Knowledge) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Procedures that a code names by itself, and those that a code only raises."""
    settled: dict[str, None] = {}
    raised: dict[str, None] = {}
    for coding in order.concept.codings:
        for hit in knowledge.codes.lookup(coding.system, coding.code):
            procedure = hit.value_set.removeprefix(_PREFIX)
            if hit.value_set.startswith(_PREFIX) and procedure in knowledge.procedures:
                (settled if hit.sufficient else raised)[procedure] = None
    return tuple(settled), tuple(raised)


def _agreeing(named: Sequence[str], raised: Sequence[str], knowledge: Knowledge) -> tuple[str, ...]:
    """What the text names, where the code's candidates know it, too: the more special of the two."""
    found: dict[str, None] = {}
    for name in named:
        for candidate in raised:
            if candidate in _line(name, knowledge):
                found[name] = None
            elif name in _line(candidate, knowledge):
                found[candidate] = None
    return tuple(found)


def _settle(ids: Sequence[str], by: str, synonym: str | None, chart: Chart, knowledge: Knowledge) -> Recognized:
    """One procedure out of those that code or text leave, by the recorded condition or as their common parent."""
    reachable = dict.fromkeys(d for procedure in ids for d in _descendants(procedure, knowledge))
    fitting = [d for d in reachable if _is_indicated(knowledge.procedures[d], chart, knowledge)]
    if fitting and (len(ids) > 1 or fitting != [ids[0]]):
        remaining, how = _most_special(ids, fitting), "condition"
    else:
        remaining, how = tuple(ids), by
    if set(remaining) == set(ids):
        how = by
    procedures = tuple(knowledge.procedures[r] for r in remaining)
    parent = common_parent(remaining, knowledge)
    return Recognized(knowledge.procedures[parent], procedures, how, synonym)


def _most_special(ids: Sequence[str], fitting: Sequence[str]) -> tuple[str, ...]:
    """A procedure that was named and fits stays what it is; only a parent without a reason of its own is narrowed."""
    named = tuple(i for i in ids if i in fitting)
    return named or tuple(fitting)


def _is_indicated(procedure: Procedure, chart: Chart, knowledge: Knowledge) -> bool:
    return any(chart.holds(i.present_if) for i in procedure.indications)


def _line(procedure: str, knowledge: Knowledge) -> list[str]:
    """The procedure and its ancestors, nearest first."""
    line = []
    current: str | None = procedure
    while current is not None and current in knowledge.procedures:
        line.append(current)
        current = knowledge.procedures[current].parent
    return line


def _descendants(procedure: str, knowledge: Knowledge) -> list[str]:
    children = [c for c in knowledge.children.get(procedure, ()) if c in knowledge.procedures]
    return [procedure, *(d for child in children for d in _descendants(child, knowledge))]


def common_parent(ids: Sequence[str], knowledge: Knowledge) -> str:
    """The nearest procedure that all of them come from; where there is none, the one most of them come from."""
    shared = [a for a in _line(ids[0], knowledge) if all(a in _line(i, knowledge) for i in ids)]
    if shared:
        return shared[0]
    return max(_ancestors(ids, knowledge), key=lambda a: sum(a in _line(i, knowledge) for i in ids))


def _ancestors(ids: Iterable[str], knowledge: Knowledge) -> list[str]:
    """All ancestors, those that are among the ids first, then nearer ones first."""
    listed = list(ids)
    lines = [ancestor for i in listed for ancestor in _line(i, knowledge)]
    return list(dict.fromkeys([*listed, *lines]))
