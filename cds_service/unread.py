"""What one call brought that nothing could read: codes of other systems, words that are not known, unknown orders.

For those who look after the tables and the interface: which codes to map first. Apart from the call and its patient.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from cds_service.certainty import Certainty
from cds_service.clinical_data.retrieved import ClinicalData
from cds_service.findings.finding import CriterionFinding, Findings, IndicationFinding, OrderFinding
from cds_service.kinds import KINDS

_REASONS = {
    *("unread-vocabulary", "uncoded-condition", "uncoded-allergy", "medication-code-alone", "medication-not-named"),
    *("coded-unread", "answer-unread"),
}
"""Reasons of an unknown answer that are mended by a code or a word."""
ORDERS = "orders"


class Unread(msgspec.Struct, frozen=True):
    """One thing that was not read: a prefetch key or `orders`, and its `system|code`, or its words, or nothing."""

    kind: str
    name: str


class _Coding(msgspec.Struct):
    system: str = ""
    code: str = ""


class _Concept(msgspec.Struct):
    coding: list[_Coding] = msgspec.field(default_factory=list)
    text: str = ""


class _Resource(msgspec.Struct):
    id: str = ""
    code: _Concept | None = None
    medicationCodeableConcept: _Concept | None = None  # noqa: N815  as FHIR R4 names it


_DECODER = msgspec.json.Decoder(_Resource)


def unread_of(data: ClinicalData, findings: Findings, *, with_words: bool) -> tuple[Unread, ...]:
    """Each once, in the order of the findings.

    Args:
        data: what was retrieved.
        findings: everything that was found, rows in shadow included.
        with_words: whether words are given; else an entry without a code has no name.
    """
    found = [*_orders(findings.orders, with_words), *_entries(data, findings, with_words)]
    return tuple(dict.fromkeys(found))


def _orders(orders: Iterable[OrderFinding], with_words: bool) -> Iterator[Unread]:
    for order in orders:
        if order.looks_interventional and order.order is not None:
            concept = order.order.concept
            codings = [(coding.system or "", coding.code or "") for coding in concept.codings]
            yield from _named(ORDERS, codings, " ".join(concept.texts[:1]), with_words)


def _entries(data: ClinicalData, findings: Findings, with_words: bool) -> Iterator[Unread]:
    answers: list[CriterionFinding | IndicationFinding] = []
    for order in findings.orders:
        answers += [*order.indications, *(found for row in order.contraindications for found in row.criteria)]
    unread = [a for a in answers if a.certainty is Certainty.UNKNOWN and a.reason and a.reason.key in _REASONS]
    # What was computed is made of results that were read.
    references = {item.reference for answer in unread for item in answer.evidence if item.computed is None}
    for key in KINDS if references else ():
        held = data.by_kind.get(key)
        for record in held.records if held is not None else ():
            entry = _decoded(record.body)
            if entry is not None and f"{KINDS[key].resource_type}/{entry.id}" in references:
                concept = entry.code or entry.medicationCodeableConcept or _Concept()
                yield from _named(key, [(c.system, c.code) for c in concept.coding], concept.text, with_words)


def _decoded(body: bytes) -> _Resource | None:
    try:
        return _DECODER.decode(body)
    except msgspec.MsgspecError:
        return None


def _named(kind: str, codings: Iterable[tuple[str, str]], text: str, with_words: bool) -> Iterator[Unread]:
    codes = [f"{system}|{code}" for system, code in codings if code]
    yield from (Unread(kind, code) for code in codes)
    if not codes:
        yield Unread(kind, text if with_words else "")
