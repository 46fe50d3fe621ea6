"""The fields that are read of each FHIR R4 resource, as msgspec structs; everything else stays in the bytes.

Strict on what is read (a number written as text makes the resource unreadable, and so *unknown*), blind to the rest.
A `modifierExtension` may turn a resource into its opposite, and none is understood here: such a resource is unreadable.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache
from typing import ClassVar, TypeVar

import msgspec

from cds_service.clinical_data.retrieved import RawResource
from cds_service.facts.patient_facts import Coding, Concept
from cds_service.facts.repeated_members import any_repeats_a_member, repeats_a_member

T = TypeVar("T", bound="Resource")

NOT_GIVEN = msgspec.Raw()
"""The default of a field whose content does not matter, only whether it is there."""


def is_given(raw: msgspec.Raw) -> bool:
    """Whether a field of which nothing else is read was sent."""
    return raw is not NOT_GIVEN and bytes(raw) not in (b"", b"null")


class _Struct(msgspec.Struct, rename="camel", gc=False):
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
    identifier: msgspec.Raw = NOT_GIVEN


class RawPeriod(_Struct):
    """FHIR Period."""

    start: str | None = None
    end: str | None = None


class RawTiming(_Struct):
    """FHIR Timing, as an order names its day."""

    event: list[str] | None = None


class RawQuantity(_Struct):
    """FHIR Quantity."""

    value: float | None = None
    comparator: str | None = None
    unit: str | None = None
    code: str | None = None


class RawRange(_Struct):
    """FHIR Range."""

    low: RawQuantity | None = None
    high: RawQuantity | None = None


class Resource(_Struct):
    """What is read of a resource of any type."""

    READ_WHOLE: ClassVar[bool] = False
    """True where it is read from its first member to its last; of results only the few that are judged are."""

    modifier_extension: list[msgspec.Raw] | None = None


Status = RawConcept | str
"""A status as CodeableConcept; older servers send the bare code."""


class RawCondition(Resource):
    """FHIR Condition. What repeats from one to the next is left raw, for `members.py`."""

    READ_WHOLE = True

    clinical_status: msgspec.Raw = NOT_GIVEN
    verification_status: msgspec.Raw = NOT_GIVEN
    code: msgspec.Raw = NOT_GIVEN
    onset_date_time: str | None = None
    onset_period: RawPeriod | None = None
    recorded_date: str | None = None
    abatement_date_time: str | None = None
    abatement_period: RawPeriod | None = None
    abatement_age: msgspec.Raw = NOT_GIVEN
    abatement_range: msgspec.Raw = NOT_GIVEN
    abatement_string: str | None = None
    category: msgspec.Raw = NOT_GIVEN
    encounter: RawReference | None = None


class RawInCondition(Resource):
    """What `RawCondition` leaves raw."""

    clinical_status: Status | None = None
    verification_status: Status | None = None
    code: RawConcept | None = None
    category: list[RawConcept] | None = None


class RawReaction(Resource):
    """FHIR AllergyIntolerance.reaction."""

    substance: RawConcept | None = None
    manifestation: list[RawConcept] | None = None
    severity: str | None = None
    description: str | None = None


class RawAnnotation(_Struct):
    """FHIR Annotation."""

    text: str | None = None


class RawAllergy(Resource):
    """FHIR AllergyIntolerance."""

    READ_WHOLE = True

    clinical_status: Status | None = None
    verification_status: Status | None = None
    criticality: str | None = None
    code: RawConcept | None = None
    reaction: list[RawReaction] | None = None
    note: list[RawAnnotation | None] | None = None
    recorded_date: str | None = None
    onset_date_time: str | None = None


class RawObservation(Resource):
    """FHIR Observation without its value: what is read of every result, its code raw for `members.py`."""

    status: str | None = None
    code: msgspec.Raw = NOT_GIVEN
    effective_date_time: str | None = None
    effective_period: RawPeriod | None = None
    effective_instant: str | None = None
    issued: str | None = None
    component: msgspec.Raw = NOT_GIVEN
    specimen: msgspec.Raw = NOT_GIVEN


class RawValue(Resource):
    """What Observation and Observation.component share: read only of a result that may be judged."""

    code: msgspec.Raw = NOT_GIVEN
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
    component: msgspec.Raw = NOT_GIVEN
    has_member: msgspec.Raw = NOT_GIVEN


class RawOrder(Resource):
    """FHIR ServiceRequest and Appointment, as far as they are orders."""

    status: str | None = None
    do_not_perform: bool | None = None
    code: RawConcept | None = None
    service_type: list[RawConcept] | None = None
    reason_code: list[RawConcept] | None = None
    reason_reference: list[RawReference] | None = None
    based_on: list[RawReference] | None = None
    contained: list[msgspec.Raw] | None = None
    category: msgspec.Raw = NOT_GIVEN
    service_category: msgspec.Raw = NOT_GIVEN
    specialty: msgspec.Raw = NOT_GIVEN
    order_detail: msgspec.Raw = NOT_GIVEN
    body_site: msgspec.Raw = NOT_GIVEN
    note: msgspec.Raw = NOT_GIVEN
    description: msgspec.Raw = NOT_GIVEN
    comment: msgspec.Raw = NOT_GIVEN
    priority: msgspec.Raw = NOT_GIVEN
    occurrence_date_time: msgspec.Raw = NOT_GIVEN
    occurrence_period: msgspec.Raw = NOT_GIVEN
    occurrence_timing: msgspec.Raw = NOT_GIVEN
    authored_on: msgspec.Raw = NOT_GIVEN
    start: msgspec.Raw = NOT_GIVEN


class RawContained(Resource):
    """A contained resource that an order's reason may point to."""

    id: str | None = None
    code: RawConcept | None = None


class RawEncounter(Resource):
    """FHIR Encounter."""

    period: RawPeriod | None = None


class RawLink(_Struct):
    """FHIR Patient.link."""

    type: str | None = None


class RawStatement(_Struct):
    """An Extension whose value is true or false, or a code."""

    url: str | None = None
    value_boolean: bool | None = None
    value_code: str | None = None
    value_coding: RawCoding | None = None


class RawPatient(Resource):
    """FHIR Patient."""

    birth_date: str | None = None
    gender: str | None = None
    link: list[RawLink] | None = None
    extension: msgspec.Raw = NOT_GIVEN


class RawCode(_Struct):
    """The code alone, for a resource that can't be read otherwise."""

    code: RawConcept | None = None


class Unreadable(Exception):
    """The resource can't be read; it becomes *unknown*, and its bytes are kept."""


@cache
def _decoder(kind: type[T]) -> msgspec.json.Decoder[T]:
    return msgspec.json.Decoder(kind)


def make_decoders() -> None:
    """Make them for every struct that is loaded, before there are threads: msgspec crashes where two make one."""
    for kind in Resource.__subclasses__():
        _decoder(kind)


_PLACE = re.compile(r"`\$\.([A-Za-z]+)")
"""Where msgspec saw the mistake: "Expected `array`, got `object` - at `$.category`"."""
_components = msgspec.json.Decoder(list[RawValue] | None)
_code_decoder = msgspec.json.Decoder(RawCode)
_statements = msgspec.json.Decoder(list[RawStatement])


def decode(body: bytes, kind: type[T]) -> T:
    """One resource into its struct.

    Raises:
        Unreadable: a field that is read has the wrong type, or a modifierExtension is there.
    """
    try:
        resource = _decoder(kind).decode(body)
    except (msgspec.DecodeError, RecursionError) as error:
        raise Unreadable from error
    if resource.modifier_extension or not isinstance(resource, kind):
        raise Unreadable
    return resource


def decode_each(records: Sequence[RawResource], kind: type[T]) -> Iterator[tuple[RawResource, T | None]]:
    """Every resource of one kind with its struct, None for one that can't be read."""
    read = _decoder(kind).decode
    try:
        found: list[T | None] = [read(record.body) for record in records]
        if kind.READ_WHOLE and any_repeats_a_member([record.body for record in records]):
            raise msgspec.DecodeError
    except (msgspec.DecodeError, RecursionError):
        found = [_decode_or_none(record.body, kind) for record in records]
    for record, resource in zip(records, found, strict=True):
        yield record, None if resource is None or resource.modifier_extension else resource


def _decode_or_none(body: bytes, kind: type[T]) -> T | None:
    try:
        return None if repeats_a_member(body) else decode(body, kind)
    except Unreadable:
        return None


def member_at_fault(body: bytes, *kinds: type[Resource]) -> str | None:
    """The member of a resource that is not as FHIR R4 has it (`category` in the form of DSTU2); None where none is."""
    for kind in kinds:
        try:
            _decoder(kind).decode(body)
        except msgspec.ValidationError as error:
            found = _PLACE.search(str(error))
            return found.group(1) if found else None
        except (msgspec.DecodeError, RecursionError):
            return None
    return None


def decode_statements(raw: msgspec.Raw) -> list[RawStatement]:
    """The extensions of a resource; none where they can't be read, which takes nothing else from it."""
    try:
        return _statements.decode(raw) if is_given(raw) else []
    except (msgspec.DecodeError, RecursionError):
        return []


def decode_components(raw: msgspec.Raw) -> list[RawValue]:
    """The components of an Observation.

    Raises:
        Unreadable: they are none.
    """
    try:
        return (_components.decode(raw) if is_given(raw) else None) or []
    except (msgspec.DecodeError, RecursionError) as error:
        raise Unreadable from error


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
    codings, bare = [], []
    texts = [raw.text] if raw.text else []
    for c in raw.coding or ():
        if c is None:
            continue
        system, code, display = (c.system or "").strip(), (c.code or "").strip(), c.display or None
        if system and code:
            codings.append(Coding(system, code, display))
        elif code:
            bare.append(code)
        if display:
            texts.append(display)
    shown = dict.fromkeys(text for text in texts if not text.isspace())
    return Concept(tuple(codings), tuple(shown), tuple(dict.fromkeys(bare)))
