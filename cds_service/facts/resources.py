"""The fields that are read of each FHIR R4 resource, as msgspec structs; everything else stays in the bytes.

Strict on what is read (a number written as text makes the resource unreadable, and so *unknown*), blind to the rest.
A `modifierExtension` may turn a resource into its opposite, and none is understood here: such a resource is unreadable.
"""

from __future__ import annotations

from typing import TypeVar

import msgspec

from cds_service.facts.patient_facts import Coding, Concept

T = TypeVar("T", bound="_Resource")

NOT_GIVEN = msgspec.Raw()
"""The default of a field whose content does not matter, only whether it is there."""


def is_given(raw: msgspec.Raw) -> bool:
    """Whether a field of which nothing else is read was sent."""
    return bytes(raw) not in (b"", b"null")


class _Struct(msgspec.Struct, rename="camel"):
    """Snake-case fields, camelCase in JSON."""


class RawCoding(_Struct):
    """FHIR Coding."""

    system: str | None = None
    code: str | None = None
    display: str | None = None


class RawConcept(_Struct):
    """FHIR CodeableConcept."""

    coding: list[RawCoding | None] | None = None
    text: str | None = None


class RawReference(_Struct):
    """FHIR Reference."""

    reference: str | None = None
    display: str | None = None


class RawPeriod(_Struct):
    """FHIR Period."""

    start: str | None = None
    end: str | None = None


class RawQuantity(_Struct):
    """FHIR Quantity."""

    value: float | None = None
    comparator: str | None = None
    unit: str | None = None
    system: str | None = None
    code: str | None = None


class RawRange(_Struct):
    """FHIR Range."""

    low: RawQuantity | None = None
    high: RawQuantity | None = None


class _Resource(_Struct):
    modifier_extension: list[msgspec.Raw] | None = None


Status = RawConcept | str
"""A status as CodeableConcept; older servers send the bare code."""


class RawCondition(_Resource):
    """FHIR Condition."""

    clinical_status: Status | None = None
    verification_status: Status | None = None
    code: RawConcept | None = None
    onset_date_time: str | None = None
    onset_period: RawPeriod | None = None
    recorded_date: str | None = None
    abatement_date_time: str | None = None
    abatement_period: msgspec.Raw = NOT_GIVEN
    abatement_age: msgspec.Raw = NOT_GIVEN
    abatement_range: msgspec.Raw = NOT_GIVEN
    abatement_string: str | None = None
    category: list[RawConcept] | None = None
    encounter: RawReference | None = None


class RawReaction(_Resource):
    """FHIR AllergyIntolerance.reaction."""

    substance: RawConcept | None = None
    manifestation: list[RawConcept] | None = None
    severity: str | None = None
    description: str | None = None


class RawAllergy(_Resource):
    """FHIR AllergyIntolerance."""

    clinical_status: Status | None = None
    verification_status: Status | None = None
    type: str | None = None
    criticality: str | None = None
    code: RawConcept | None = None
    reaction: list[RawReaction] | None = None
    recorded_date: str | None = None
    onset_date_time: str | None = None


class RawValue(_Resource):
    """What Observation and Observation.component share."""

    code: RawConcept | None = None
    value_quantity: RawQuantity | None = None
    value_string: str | None = None
    value_integer: int | None = None
    value_range: RawRange | None = None
    value_codeable_concept: RawConcept | None = None
    value_boolean: bool | None = None
    value_ratio: msgspec.Raw = NOT_GIVEN
    value_sampled_data: msgspec.Raw = NOT_GIVEN
    value_date_time: str | None = None
    value_period: msgspec.Raw = NOT_GIVEN
    value_time: str | None = None
    data_absent_reason: RawConcept | None = None


class RawObservation(RawValue):
    """FHIR Observation."""

    status: str | None = None
    effective_date_time: str | None = None
    effective_period: RawPeriod | None = None
    effective_instant: str | None = None
    issued: str | None = None
    component: list[RawValue] | None = None
    has_member: list[RawReference] | None = None


class RawOrder(_Resource):
    """FHIR ServiceRequest and Appointment, as far as they are orders."""

    status: str | None = None
    do_not_perform: bool | None = None
    code: RawConcept | None = None
    service_type: list[RawConcept] | None = None
    reason_code: list[RawConcept] | None = None
    reason_reference: list[RawReference] | None = None
    based_on: list[RawReference] | None = None
    contained: list[msgspec.Raw] | None = None


class RawContained(_Resource):
    """A contained resource that an order's reason may point to."""

    resource_type: str | None = None
    id: str | None = None
    code: RawConcept | None = None


class RawPatient(_Resource):
    """FHIR Patient."""

    birth_date: str | None = None
    gender: str | None = None


class RawCode(_Struct):
    """The code alone, for a resource that can't be read otherwise."""

    code: RawConcept | None = None


class Unreadable(Exception):
    """The resource can't be read; it becomes *unknown*, and its bytes are kept."""


_decoders: dict[type[_Resource], msgspec.json.Decoder[_Resource]] = {
    kind: msgspec.json.Decoder(kind)
    for kind in (RawCondition, RawAllergy, RawObservation, RawOrder, RawPatient, RawContained)
}
_code_decoder = msgspec.json.Decoder(RawCode)


def decode(body: bytes, kind: type[T]) -> T:
    """One resource into its struct.

    Raises:
        Unreadable: a field that is read has the wrong type, or a modifierExtension is there.
    """
    try:
        resource = _decoders[kind].decode(body)
    except (msgspec.DecodeError, RecursionError) as error:
        raise Unreadable from error
    if resource.modifier_extension or not isinstance(resource, kind):
        raise Unreadable
    return resource


def decode_code(body: bytes) -> Concept:
    """The code of a resource that can't be read otherwise; an empty concept where even that is unreadable."""
    try:
        return concept(_code_decoder.decode(body).code)
    except (msgspec.DecodeError, RecursionError):
        return Concept()


def concept(raw: RawConcept | None) -> Concept:
    """A CodeableConcept without its empty parts; texts are the text first, then the displays, each once."""
    if raw is None:
        return Concept()
    codings = tuple(
        Coding(c.system.strip(), c.code.strip(), c.display or None)
        for c in raw.coding or ()
        if c is not None and c.system and c.code and c.system.strip() and c.code.strip()
    )
    displays = [c.display for c in raw.coding or () if c is not None and c.display]
    texts = [text for text in (raw.text, *displays) if text and text.strip()]
    return Concept(codings, tuple(dict.fromkeys(texts)))


def status_code(raw: Status | None) -> str | None:
    """The lower-case code of a status, however it is sent; None where there is none."""
    if raw is None:
        return None
    if isinstance(raw, str):
        return raw.strip().lower() or None
    codes = [c.code for c in raw.coding or () if c is not None and c.code]
    named = codes[0] if codes else raw.text
    return named.strip().lower() if named else None
