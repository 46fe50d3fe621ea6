"""Which procedure an order is: by code and text, and where several fit, by the recorded condition.

A code that is exact or narrower names it, and the text may name the more special of the two; where they contradict each
other, the order is judged as both. Shared and wider codes, and parents, only raise candidates: the record's own
indications choose among them, and where they don't, the order is judged as the common parent. An order as general as
"IR procedure" is looked for in its details and notes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
from msgspec.structs import replace

from cds_service.facts.patient_facts import Concept, OrderFact
from cds_service.findings.chart import Chart
from cds_service.knowledge.expressions import Expression
from cds_service.knowledge.tables import Knowledge, Procedure
from cds_service.knowledge.value_sets import procedure_of

_LOOKS_INTERVENTIONAL = "order-looks-interventional"
"""ValueSet of the code families that orders of interventional radiology have, whether a procedure is known or not."""


class Recognized(msgspec.Struct, frozen=True):
    """What an order is.

    `procedure` names it; `candidates` are the procedures that it may be (one, unless they could not be told apart).
    `by` is `code`, `text`, `details` or `condition`, `matched_text` the words that named it.
    """

    procedure: Procedure
    candidates: tuple[Procedure, ...]
    by: str
    matched_text: str | None = None
    code_and_text_differ: bool = False
    """They name procedures of which none is the other's parent; `candidates` are those of both."""


class NotRecognized(msgspec.Struct, frozen=True):
    """An order that is no procedure of the tables; it may look like one of interventional radiology all the same."""

    looks_interventional: bool = False


def recognize(order: OrderFact, chart: Chart, knowledge: Knowledge) -> Recognized | NotRecognized:
    """The procedure of an order, or that it is none of the table's.

    Args:
        order: the order.
        chart: the patient's conditions with the order's own reasons.
        knowledge: the tables.
    """
    if not order.readable or order.forbids:
        return NotRecognized()
    found = _by_concept(order.concept, chart, knowledge)
    if isinstance(found, Recognized):
        return found
    looks_interventional = found.looks_interventional or _is_coded_as_interventional(order, knowledge)
    is_general = looks_interventional or not order.concept.texts
    detailed = _by_details(order, chart, knowledge, notes=looks_interventional) if is_general else None
    return detailed or NotRecognized(looks_interventional)


def _by_concept(concept: Concept, chart: Chart, knowledge: Knowledge) -> Recognized | NotRecognized:
    """By code and text alone."""
    settled, raised = _by_code(concept, knowledge)
    text = knowledge.order_texts.recognize(_own_words(concept, settled, knowledge))
    if settled or (raised and (text.procedures or not text.vetoed)):
        return _by_both(settled or raised, text.procedures, text.matched, chart, knowledge, surely=bool(settled))
    if text.procedures:
        return _settle(text.procedures, "text", text.matched, chart, knowledge)
    return NotRecognized(text.looks_interventional)


def _by_both(
    coded: Sequence[str], named: Sequence[str], matched: str | None, chart: Chart, knowledge: Knowledge, *, surely: bool
) -> Recognized:
    """A code and a text together; `surely`: the code names its procedures by itself."""
    if not named:
        return _settle(coded, "code", None, chart, knowledge)
    agreeing = _agreeing(named, coded, knowledge)
    union = tuple(dict.fromkeys((*coded, *named)))
    if agreeing:
        is_coded = set(agreeing) <= set(coded)
        return _settle(agreeing, "code" if surely and is_coded else "text", matched, chart, knowledge)
    if surely:
        procedures = tuple(knowledge.procedures[key] for key in union)
        parent = knowledge.procedures[common_parent(union, knowledge)]
        return Recognized(parent, procedures, "code", matched, code_and_text_differ=True)
    return _settle(union, "text", matched, chart, knowledge)


def _by_details(order: OrderFact, chart: Chart, knowledge: Knowledge, *, notes: bool) -> Recognized | None:
    """By what stands beside a code and a text that name nothing: first what is ordered in detail, then `notes`."""
    texts = (*order.concept.texts, *order.details.texts)
    beside = [Concept(order.details.codings, texts)] if texts or order.details.codings else []
    beside += [Concept(texts=(*texts, *order.notes))] if notes and order.notes else []
    found = (_by_concept(concept, chart, knowledge) for concept in beside)
    return next((replace(one, by="details") for one in found if isinstance(one, Recognized)), None)


def _is_coded_as_interventional(order: OrderFact, knowledge: Knowledge) -> bool:
    """By a code family of the department, or by the category of the order."""
    codes = [(coding.system, coding.code) for coding in order.concept.codings]
    by_code = any(hit.value_set == _LOOKS_INTERVENTIONAL for key in codes for hit in knowledge.codes.lookup(*key))
    return by_code or any(knowledge.order_texts.looks_interventional(word) for word in order.category)


def _own_words(concept: Concept, settled: Sequence[str], knowledge: Knowledge) -> tuple[str, ...]:
    """The texts that say something of their own: beside a code that names a procedure, not the code's own display."""
    if not settled:
        return concept.texts
    displays = {knowledge.codes.display(coding.system, coding.code) for coding in concept.codings}
    return tuple(text for text in concept.texts if text not in displays)


def _by_code(concept: Concept, knowledge: Knowledge) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Procedures that a code names by itself, and those that a code only raises."""
    settled: dict[str, None] = {}
    raised: dict[str, None] = {}
    for coding in concept.codings:
        for hit in knowledge.codes.lookup(coding.system, coding.code):
            procedure = procedure_of(hit.value_set)
            if procedure is not None and procedure in knowledge.procedures:
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


def _settle(ids: Sequence[str], by: str, matched: str | None, chart: Chart, knowledge: Knowledge) -> Recognized:
    """One procedure out of those that code or text leave, by the recorded condition or as their common parent."""
    reachable = dict.fromkeys(d for procedure in ids for d in _with_descendants(procedure, knowledge))
    fitting = [d for d in reachable if _is_indicated(knowledge.procedures[d], chart, knowledge)]
    if fitting and (len(ids) > 1 or fitting != [ids[0]]):
        remaining, how = _most_special(ids, fitting), "condition"
    else:
        remaining, how = tuple(ids), by
    if set(remaining) == set(ids):
        how = by
    procedures = tuple(knowledge.procedures[r] for r in remaining)
    parent = common_parent(remaining, knowledge)
    return Recognized(knowledge.procedures[parent], procedures, how, matched)


def _most_special(ids: Sequence[str], fitting: Sequence[str]) -> tuple[str, ...]:
    """A procedure that was named and fits stays what it is; only a parent without a reason of its own is narrowed."""
    named = tuple(i for i in ids if i in fitting)
    return named or tuple(fitting)


def _is_indicated(procedure: Procedure, chart: Chart, knowledge: Knowledge) -> bool:
    """Whether the record settles that it is meant; when a condition began decides its candidacy, not its name."""
    settling = knowledge.worked_out.once((_settling, procedure.id), lambda: _settling(procedure))
    return any(chart.holds(expression) for expression in settling)


def _settling(procedure: Procedure) -> tuple[Expression, ...]:
    settled_by = procedure.settled_by
    if settled_by is None:
        settled_by = tuple(indication.present_if for indication in procedure.indications)
    return tuple(expression.of_any_age() for expression in settled_by)


def _line(procedure: str, knowledge: Knowledge) -> list[str]:
    """The procedure and its ancestors, nearest first."""
    line = []
    current: str | None = procedure
    while current is not None and current in knowledge.procedures:
        line.append(current)
        current = knowledge.procedures[current].parent
    return line


def _with_descendants(procedure: str, knowledge: Knowledge) -> list[str]:
    return knowledge.worked_out.once((_descendants, procedure), lambda: _descendants(procedure, knowledge))


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
