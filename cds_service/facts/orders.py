"""Facts stage, orders: ServiceRequest and Appointment resources -> OrderFact.

Sparse orders are normal (`coding: [{}]`, `reasonCode: []`): they are read as they are. An Appointment is ordered by
its serviceType, or by the ServiceRequests it is based on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import tzinfo

from cds_service.clinical_data.retrieved import RawResource
from cds_service.facts.dates import read_when
from cds_service.facts.optional_fields import (
    decode_concepts,
    decode_first_event,
    decode_notes,
    decode_start,
    decode_text,
)
from cds_service.facts.patient_facts import Concept, OrderFact, When
from cds_service.facts.resources import (
    RawContained,
    RawOrder,
    RawReference,
    Unreadable,
    concept,
    decode,
    is_given,
)
from cds_service.fhir_references import local_reference

_VOID = ("entered-in-error", "revoked", "cancelled", "noshow")
"""Statuses of ServiceRequest and Appointment that are no wish for the procedure. Source: FHIR R4 request-status,
appointmentstatus."""


def unread_order(reference: str, resource_type: str, body: bytes = b"") -> OrderFact:
    """An order that could not be read: listed, never judged."""
    return OrderFact(reference, resource_type, Concept(), (), (), body, readable=False)


def read_order(record: RawResource, based_on: Mapping[str, RawResource], zone: tzinfo) -> OrderFact:
    """The fact of one order.

    Args:
        record: the order in focus.
        based_on: ServiceRequests by reference, for an Appointment's basedOn.
        zone: the hospital's.

    Raises:
        Unreadable: the resource can't be read.
    """
    raw = decode(record.body, RawOrder)
    concepts = [raw.code, *(raw.service_type or ())]
    reasons, references = _reasons(raw)
    sources = raw.based_on or () if record.resource_type == "Appointment" else ()
    known = [based_on[ref] for r in sources if (ref := local_reference(r.reference or "")) in based_on]
    orders = [decode(source.body, RawOrder) for source in known]
    wanted = [order for order in orders if order.status not in _VOID]
    for order in wanted:
        concepts.append(order.code)
        more_reasons, more_references = _reasons(order)
        reasons, references = reasons + more_reasons, references + more_references
    return OrderFact(
        reference=record.reference,
        resource_type=record.resource_type,
        concept=_merged(map(concept, concepts)),
        reasons=tuple(reasons),
        reason_references=tuple(references),
        named_reasons=tuple(named for order in (raw, *wanted) for named in _named_reasons(order)),
        body=record.body,
        forbids=bool(raw.do_not_perform) or _is_void(raw, orders),
        details=_merged(detail for order in (raw, *wanted) for detail in _details(order)),
        notes=tuple(note for order in (raw, *wanted) for note in _notes(order)),
        category=tuple(word for order in (raw, *wanted) for word in _category(order)),
        priority=next((text for order in (raw, *wanted) if (text := decode_text(order.priority))), None),
        planned=next((when for order in (raw, *wanted) if (when := _planned(order, zone))), None),
    )


def _planned(raw: RawOrder, zone: tzinfo) -> When | None:
    """When the procedure is to be; None for a repeated one, and where it is not said."""
    texts = (
        decode_text(raw.start),
        decode_text(raw.occurrence_date_time),
        decode_start(raw.occurrence_period),
        decode_first_event(raw.occurrence_timing),
    )
    return next((when for text in texts if (when := read_when(text, zone))), None)


def _details(raw: RawOrder) -> list[Concept]:
    """What else says what is ordered, where the code is as general as "IR procedure"."""
    return [*decode_concepts(raw.order_detail), *decode_concepts(raw.body_site)]


def _notes(raw: RawOrder) -> list[str]:
    return [text for field in (raw.description, raw.comment, raw.note) for text in decode_notes(field)]


def _category(raw: RawOrder) -> list[str]:
    """The kind of service, in words and as coded: `Interventional Radiology`, `IR`."""
    fields = (raw.category, raw.service_category, raw.specialty)
    concepts = [found for field in fields for found in decode_concepts(field)]
    return [word for one in concepts for word in (*one.texts, *(coding.code for coding in one.codings))]


def _is_void(raw: RawOrder, sources: Sequence[RawOrder]) -> bool:
    """Whether an order is no longer wanted, or an appointment is based on none that still is."""
    return raw.status in _VOID or (bool(sources) and all(source.status in _VOID for source in sources))


def missing_sources(record: RawResource, based_on: Mapping[str, RawResource]) -> list[str]:
    """The orders that an Appointment is based on and that were not sent: what it books may be in one of them.

    Raises:
        Unreadable: the resource can't be read.
    """
    if record.resource_type != "Appointment":
        return []
    sources = decode(record.body, RawOrder).based_on or ()
    named = [local_reference(r.reference) if r.reference else record.reference for r in sources if _names(r)]
    return [reference for reference in dict.fromkeys(named) if reference not in based_on]


def _names(reference: RawReference) -> bool:
    """Whether a reference says which resource it means, be it by an identifier that can't be followed."""
    return bool(reference.reference or reference.display) or is_given(reference.identifier)


def _reasons(raw: RawOrder) -> tuple[list[Concept], list[str]]:
    """reasonCode, and reasonReference with contained resources resolved to their code."""
    reasons = [concept(code) for code in raw.reason_code or ()]
    references = []
    contained = _contained(raw)
    for reference in raw.reason_reference or ():
        if reference.reference and reference.reference.startswith("#"):
            reasons.append(contained.get(reference.reference[1:], Concept(texts=(reference.reference,))))
        elif reference.reference:
            references.append(local_reference(reference.reference))
        elif reference.display:
            reasons.append(Concept(texts=(reference.display,)))
        elif is_given(reference.identifier):
            references.append("")  # a reason, but of which resource is not known
    return [reason for reason in reasons if reason.codings or reason.texts], references


def _named_reasons(raw: RawOrder) -> Iterator[tuple[str, str]]:
    """The Conditions that reasonReference refers to and names: each reference, and its display."""
    for reference in raw.reason_reference or ():
        named = local_reference(reference.reference or "")
        if named.startswith("Condition/") and reference.display:
            yield named, reference.display


def _contained(raw: RawOrder) -> dict[str, Concept]:
    found = {}
    for body in raw.contained or ():
        try:
            resource = decode(bytes(body), RawContained)
        except Unreadable:
            continue  # its reference then stays a reason that can't be read, never a missing one
        if resource.id:
            found[resource.id] = concept(resource.code)
    return found


def _merged(concepts: Iterable[Concept]) -> Concept:
    read = list(concepts)
    return Concept(
        tuple(coding for one in read for coding in one.codings),
        tuple(dict.fromkeys(text for one in read for text in one.texts)),
    )
